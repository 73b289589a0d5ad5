"""How a config of ``seqrobust run`` has the attacked model read: on both strands, and by draws of a random one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seqrobust.alphabet import DNA
from seqrobust.models import load_checkpoint
from seqrobust.sequences import one_hot
from seqrobust.sequences.encoding import tokens_from_texts

Run = Callable[..., int]

OTHER_STRAND = str.maketrans("ACGT", "TGCA")


def logits(model: torch.nn.Module, texts: list[str]) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = model(one_hot(torch.tensor(tokens_from_texts(texts, DNA)), DNA)).numpy()
    return found


def config(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_the_attacked_model_is_the_mean_of_both_strands(
    run: Run, config_text: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = config(tmp_path, config_text())
    out = tmp_path / "out"
    both = ["--set", "attack.average_strands=true"]
    assert run("run", made, "--out", out, *both) == 0
    assert "mean of both strands" in capsys.readouterr().err
    results = pd.read_parquet(out / "results.parquet")
    model, card = load_checkpoint(out / "model.ckpt")
    texts = results["adversarial_sequence"].tolist()
    other = [text.translate(OTHER_STRAND)[::-1] for text in texts]
    scores = (logits(model, texts) + logits(model, other)) / 2
    assert [card.labels[i] for i in scores.argmax(1)] == results["adversarial_prediction"].tolist()
    own = np.array([card.labels.index(name) for name in results["target"]])
    rows = np.arange(len(own))
    rivals = scores.copy()
    rivals[rows, own] = -np.inf
    np.testing.assert_allclose(scores[rows, own] - rivals.max(1), results["adversarial_score"], atol=1e-4)
    assert json.loads((out / "attack" / "manifest.json").read_text())["policies"]["strands"] == "averaged"
    assert run("run", made, "--out", out, *both, "--resume") == 0
    assert run("run", made, "--out", out, "--resume") == 2


def test_a_protein_has_no_other_strand_and_that_is_said_before_training(
    run: Run, config_text: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = config(tmp_path, config_text(task="binary", data="protein.tsv"))
    assert run("run", made, "--out", tmp_path / "out", "--set", "attack.average_strands=true") == 2
    assert "no other strand" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_draws_of_a_model_that_is_not_random(
    run: Run, config_text: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = config(tmp_path, config_text())
    assert run("run", made, "--out", tmp_path / "out", "--set", "attack.samples=3") == 0
    assert "attack.samples changes nothing" in capsys.readouterr().err
    assert run("run", made, "--out", tmp_path / "plain") == 0
    assert "attack.samples" not in capsys.readouterr().err
    first, second = (pd.read_parquet(tmp_path / name / "results.parquet") for name in ("out", "plain"))
    pd.testing.assert_frame_equal(first, second)
    assert run("run", made, "--out", tmp_path / "none", "--set", "attack.samples=0") == 2


def test_draws_of_a_model_whose_dropout_stays_on(
    run: Run, config_text: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of the architectures is random once trained; one made so shows that the key arrives."""
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: torch.nn.functional.dropout(x, self.p))
    made = config(tmp_path, config_text())
    forwards = {}
    for samples in (2, 4):
        assert run("run", made, "--out", tmp_path / str(samples), "--set", f"attack.samples={samples}") == 0
        results = pd.read_parquet(tmp_path / str(samples) / "results.parquet")
        forwards[samples] = results.drop_duplicates("id")["forwards"].min()
    assert forwards[4] == 2 * forwards[2] > 0
