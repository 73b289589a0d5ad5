"""The folder of an inspection: its files, how they agree, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrobust.analysis.asked import ModelOnData
from seqrobust.analysis.attack import ATTACK, AttackFindings
from seqrobust.errors import ConfigError, DataError, ModelError
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_command import AttackCommand
from seqrobust.pipeline.attack_stage import AttackSettings
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.inspect_command import InspectCommand, inspect_command
from seqrobust.progress import Silent
from seqrobust.run.answer import answer
from seqrobust.run.settings import RunSettings

MODELS = """
import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        return self.head(3 * self.layer(x.transpose(1, 2))[0].mean(1))


@torch.no_grad()
def centred(model):
    letters = torch.randint(4, (50, 20))
    model.head.bias -= model(torch.eye(4)[letters].transpose(1, 2)).mean(0)
    return model


def gru():
    torch.manual_seed(0)
    return centred(Recurrent(nn.GRU(4, 6, num_layers=2, batch_first=True, bidirectional=True)))


def lstm():
    torch.manual_seed(0)
    return centred(Recurrent(nn.LSTM(4, 12, batch_first=True)))


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(5 * self.layers(x).amax(2))


def cnn():
    torch.manual_seed(1)
    return centred(Pooled())


def noisy():
    class Noisy(Pooled):
        def forward(self, x):
            return super().forward(x) + torch.randn(1)

    return Noisy()
"""


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """See the protocol."""
        self.said.append(text)


def made(folder: Path, factory: str, out: str = "out", **more: Any) -> AttackCommand:
    """An attack on records of two lengths."""
    (folder / "models.py").write_text(MODELS)
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 18 + 4 * (i % 2))) for i in range(14)]
    rows = [f"r{i}\t{text}\tcore:0-4" for i, text in enumerate(texts)]
    (folder / "data.tsv").write_text("id\tsequence\tregions\n" + "\n".join(rows) + "\n")
    model = ModelSource(
        model=f"{folder / 'models.py'}:{factory}", alphabet="DNA", task="classification", labels=("EI", "IE", "N")
    )
    settings = AttackSettings(budget="1..6", attacks=("quick",), protect=("core",), random_draws=3, **more)
    data = DataSource(path=folder / "data.tsv")
    return AttackCommand(model=model, data=data, settings=settings, out=folder / out, device="cpu", report=False)


def attacked(call: AttackCommand) -> AttackFindings:
    """The folder of an attack."""
    run = RunSettings(out=call.out, device="cpu", report=False)
    return answer(ATTACK, ModelOnData(model=call.model, data=call.data), call.settings, run, Silent()).findings


@pytest.mark.parametrize("factory", ["gru", "lstm", "cnn"])
def test_the_files_agree(factory: str, tmp_path: Path) -> None:
    heard = Heard()
    metrics = inspect_command(InspectCommand(attack=made(tmp_path, factory), ways=4), heard)
    out = tmp_path / "out"
    assert json.loads((out / "metrics.json").read_text()) == metrics
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"
    assert (out / "inspect.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    table = pd.read_parquet(out / "inspect.parquet")
    assert not table.duplicated(["id", "part", "layer", "edits", "measure"]).any()
    assert table["id"].nunique() == metrics["n"]
    assert metrics["flips"]["adversarial"] == 1
    layers = {row["name"]: row for row in metrics["layers"]}
    assert layers["input"]["adversarial_amplification"] == pytest.approx(1)
    # As many random edits as adversarial ones: the inputs differ by as much.
    one, other = (layers["input"][f"{kind}_relative_difference"] for kind in ("adversarial", "random"))
    assert one == pytest.approx(other)
    assert "head" in layers
    directions = {"gru": 4, "lstm": 1, "cnn": 0}[factory]
    assert len(metrics["recurrent"]) == directions
    linear = metrics["linearity"]["adversarial"]
    assert linear["n"] == 4
    assert linear["exact"] == (factory == "cnn")
    assert (linear["regions"] is not None) == (factory == "cnn")
    assert any("sampled" in text for text in heard.said) == (factory != "cnn")


def test_sequences_of_an_earlier_attack_are_taken(tmp_path: Path) -> None:
    outcome = attacked(made(tmp_path, "cnn", "earlier"))
    call = InspectCommand(attack=made(tmp_path, "cnn"), folder=tmp_path / "earlier", ways=2, draw=False)
    metrics = inspect_command(call, Silent())
    assert metrics["n"] == outcome.results[outcome.results["success"].fillna(False)]["id"].nunique()
    now = inspect_command(InspectCommand(attack=made(tmp_path, "cnn", "now"), ways=2, draw=False), Silent())
    for key in ("n", "mean_edits", "layers", "linearity"):
        assert now[key] == metrics[key], key
    table = pd.read_parquet(tmp_path / "out" / "inspect.parquet")
    edits = table[table["measure"] == "count"].set_index("id")["value"]
    first = outcome.results[outcome.results["success"].fillna(False)].drop_duplicates("id").set_index("id")
    assert edits.to_dict() == first["n_edits"].astype(float).to_dict()


def test_random_edits_keep_to_the_threat_of_the_folder(tmp_path: Path) -> None:
    from seqrobust.pipeline.inspect_pairs import threat_of

    attacked(made(tmp_path, "cnn", "earlier"))
    assert threat_of(tmp_path / "earlier", AttackSettings()).protect == ("core",)
    assert threat_of(tmp_path, AttackSettings()) == AttackSettings()


def test_the_same_call_gives_the_same_numbers(tmp_path: Path) -> None:
    call = InspectCommand(attack=made(tmp_path, "gru"), ways=2, draw=False)
    first = inspect_command(call, Silent())
    again = inspect_command(replace(call, attack=replace(call.attack, resume=True)), Silent())
    assert first == again


def test_nothing_followed_is_drawn_as_that(tmp_path: Path) -> None:
    metrics = inspect_command(InspectCommand(attack=made(tmp_path, "cnn"), ways=0), Silent())
    assert metrics["linearity"] is None
    assert (tmp_path / "out" / "inspect.png").exists()


def test_what_cannot_be_inspected_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="another path"):
        inspect_command(InspectCommand(attack=made(tmp_path, "noisy")), Silent())
    attack = made(tmp_path, "cnn")
    with pytest.raises(ConfigError, match="no attack"):
        inspect_command(InspectCommand(attack=attack, folder=tmp_path), Silent())
    with pytest.raises(ConfigError, match="no record has that id"):
        inspect_command(InspectCommand(attack=attack, picture=("nobody",)), Silent())
    attacked(made(tmp_path, "cnn", "earlier"))
    lines = (tmp_path / "data.tsv").read_text().splitlines()
    other = "\n".join([lines[0], *(line.replace("A", "T").replace("C", "G") for line in lines[1:])]) + "\n"
    (tmp_path / "other.tsv").write_text(other)
    moved = replace(attack, data=DataSource(path=tmp_path / "other.tsv"))
    with pytest.raises(DataError, match="no edit of its record"):
        inspect_command(InspectCommand(attack=moved, folder=tmp_path / "earlier"), Silent())
    pd.DataFrame({"id": ["a"]}).to_parquet(tmp_path / "earlier" / "results.parquet")
    with pytest.raises(DataError, match="no attack's results"):
        inspect_command(InspectCommand(attack=attack, folder=tmp_path / "earlier"), Silent())
