"""Options for models that are not one plain pass: what they change, and what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Run = Callable[..., int]

STEPS = """
import torch
from torch import nn

from model import Net


def round_off(x):
    return torch.tensor(x.numpy().round())


def itself(x):
    return 2 * x


def crop(x):
    return x[:, :, 1:].round()


def mixed(x):
    return torch.einsum("ab,nbl->nal", torch.tensor([[0.1, -1, 2, 1], [3, 0, 1, -1], [0, 2, -2, 1], [1, 1, 0.5, 2]]), x)


class Held(Net):
    def forward(self, x):
        return super().forward(mixed(x))


class Random(Net):
    def forward(self, x):
        return super().forward(x) + 0.5 * torch.randn(len(x), 3)


class Mixing(Net):
    def forward(self, x):
        out = super().forward(x)
        return out - out.mean(0) / 2


class Hidden(Net):
    def forward(self, x):
        return torch.tensor(super().forward(x)[:, 0].detach().sigmoid().numpy())


class Rounding(Net):
    def forward(self, x):
        return super().forward(round_off(x))
"""


@pytest.fixture(scope="module")
def steps(files: Path) -> str:
    (files / "steps.py").write_text(STEPS)
    return str(files / "steps.py")


@pytest.fixture
def attack(run: Run, files: Path, tmp_path: Path) -> Callable[..., int]:
    """Attack a few records."""

    def attacked(*options: str) -> int:
        where = ["--data", str(files / "dna.tsv"), "--out", str(tmp_path), "--max-records", "8", "--overwrite"]
        what = [
            "--alphabet",
            "DNA",
            "--task",
            "classification",
            "--labels",
            "EI,IE,N",
            "--budget",
            "1",
            "--random-draws",
            "1",
        ]
        return run("attack", *where, *what, "--attack", "one_step,greedy", "--no-report", *options)

    return attacked


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return found


def test_a_random_model_is_averaged_unless_one_draw_is_wanted(
    attack: Callable[..., int], steps: str, tmp_path: Path
) -> None:
    results = []
    for seed in ("0", "0", "1"):
        assert attack("--model", f"{steps}:Random", "--seed", seed) == 0
        results.append((tmp_path / "results.parquet").read_bytes())
    assert results[0] == results[1] != results[2]
    assert any("means over 10 draws" in notice for notice in manifest(tmp_path)["notices"])
    assert attack("--model", f"{steps}:Random", "--samples", "3") == 0
    assert any("means over 3 draws" in notice for notice in manifest(tmp_path)["notices"])


def test_a_model_that_mixes_its_batch_is_scored_one_by_one(
    attack: Callable[..., int], steps: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixing = ["--model", f"{steps}:Mixing"]
    assert attack(*mixing) == 2
    assert "--one-by-one" in capsys.readouterr().err
    results = []
    for size in ("16", "64"):
        assert attack(*mixing, "--one-by-one", "--batch-size", size) == 0
        results.append((tmp_path / "results.parquet").read_bytes())
    assert results[0] == results[1]


def test_rows_that_were_sent_stand_beside_forwards(attack: Callable[..., int], steps: str, tmp_path: Path) -> None:
    """More of them: batches are filled up, and the control and the final re-scoring are sent as well."""
    assert attack("--model", f"{steps}:Net") == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    last = metrics["budgets"][-1]
    counted = metrics["n"] * (last["forwards_per_record"] + last["gradients_per_record"])
    assert metrics["rows_sent"] > counted > 0


def test_a_scale_that_cannot_be_told_has_to_be_said(
    attack: Callable[..., int], steps: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = ["--model", f"{steps}:Hidden", "--task", "multilabel", "--labels", "a"]
    assert attack(*hidden) == 2
    told = capsys.readouterr().err
    assert "--outputs logits or --outputs probabilities" in told


def test_preprocessing_is_passed_by_its_substitute(attack: Callable[..., int], steps: str, tmp_path: Path) -> None:
    own = ["--model", f"{steps}:Net"]
    assert attack(*own, "--preprocess", f"{steps}:round_off", "--backward", f"{steps}:itself") == 0
    said = manifest(tmp_path)
    assert any("steps.py:itself (BPDA" in notice for notice in said["notices"])
    assert [path for path in map(str, said["inputs"]) if "steps.py" in path]
    # Letters are whole numbers, and twice the gradient ranks edits the same.
    wrapped = (tmp_path / "results.parquet").read_bytes()
    assert attack(*own) == 0
    assert (tmp_path / "results.parquet").read_bytes() == wrapped


def test_a_step_with_a_derivative_is_attacked_as_a_model_that_holds_it(
    attack: Callable[..., int], steps: str, tmp_path: Path
) -> None:
    results = []
    for model in (["--model", f"{steps}:Held"], ["--model", f"{steps}:Net", "--preprocess", f"{steps}:mixed"]):
        assert attack(*model) == 0
        results.append((tmp_path / "results.parquet").read_bytes())
    assert results[0] == results[1]
    assert any("steps.py:mixed by its own derivative" in notice for notice in manifest(tmp_path)["notices"])


def test_a_step_with_a_derivative_is_attributed_as_a_model_that_holds_it(
    run: Run, files: Path, steps: str, tmp_path: Path
) -> None:
    found = []
    for name, model in (("held", ["Held"]), ("before", ["Net", "--preprocess", f"{steps}:mixed"])):
        where = ["--data", str(files / "dna.tsv"), "--out", str(tmp_path / name), "--max-records", "4", "--no-report"]
        what = ["--alphabet", "DNA", "--task", "classification", "--labels", "EI,IE,N"]
        which = ["--methods", "saliency,input_x_gradient,integrated_gradients", "--model", f"{steps}:{model[0]}"]
        assert run("attribute", *where, *what, *which, *model[1:]) == 0
        found.append(np.load(tmp_path / name / "attributions.npz"))
    for method in ("saliency", "input_x_gradient", "integrated_gradients"):
        assert found[0][method].any()
        np.testing.assert_allclose(found[0][method], found[1][method], rtol=1e-5, atol=1e-6)


def test_a_model_that_cuts_the_gradient_off_names_the_remedy(
    attack: Callable[..., int], steps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attack("--model", f"{steps}:Rounding") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--preprocess" in said
    assert "StraightThrough" in said


def test_both_strands_of_a_map_are_averaged(run: Run, files: Path, tmp_path: Path) -> None:
    """A substitution scores what its complement at the mirrored place of the other strand scores."""
    rows = (files / "dna.tsv").read_text().splitlines()[1:9]
    texts = [row.split("\t")[4] for row in rows]
    turned = [text.translate(str.maketrans("ACGT", "TGCA"))[::-1] for text in texts]
    maps = []
    for name, those in (("own", texts), ("turned", turned)):
        path = tmp_path / f"{name}.fa"
        path.write_text("".join(f">{number}\n{text}\n" for number, text in enumerate(those)))
        more = ["--data", str(path), "--out", str(tmp_path / name), "--no-picture", "--average-strands"]
        assert (
            run("ism", "--model", f"{files / 'model.py'}:build", "--alphabet", "DNA", "--task", "classification", *more)
            == 0
        )
        maps.append(np.load(tmp_path / name / "ism.npz")["scores"])
    np.testing.assert_allclose(maps[0], maps[1][:, ::-1, ::-1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--backward", "STEPS:itself"], "--preprocess"),
        (["--preprocess", "STEPS:nothing"], "round_off"),
        (["--preprocess", "nowhere.py:step"], "nowhere.py"),
        (["--preprocess", "STEPS:Random"], "a class"),
        (["--preprocess", "step"], "file.py:function"),
        (["--preprocess", "STEPS:crop"], "differ in shape"),
        (["--alphabet", "PROTEIN", "--average-strands"], "no other strand"),
        (["--samples", "0"], "samples"),
    ],
)
def test_bad_options_are_told(
    options: list[str], said: str, attack: Callable[..., int], steps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attack("--model", f"{steps}:Net", *(option.replace("STEPS", steps) for option in options)) == 2
    heard = capsys.readouterr().err
    assert said in " ".join(heard.split())
    assert "Traceback" not in heard
