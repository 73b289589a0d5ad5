"""Edited sequences against their measured values: counted by hand on a model whose errors are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import seqrobust as sr
from seqrobust.analysis.outcomes.sentences import answer
from seqrobust.errors import DataError

RANDOM = np.random.default_rng(3)
TEXTS = ["".join(RANDOM.choice(list("CGT"), 10)) for _ in range(8)]


class CountsA(nn.Module):
    """Letters A."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1)."""
        return x[:, 0].sum(1, keepdim=True)


def neighbours(text: str, value: float) -> list[tuple[str, float]]:
    """Every sequence with one A more, of that value."""
    return [(f"{text[:at]}A{text[at + 1 :]}", value) for at in range(len(text))]


def attacked(file: Path, **more: Any) -> Any:
    model = sr.wrap(CountsA(), alphabet="DNA", task="regression", labels=["y"])
    records = sr.records(TEXTS, alphabet="DNA", targets=[0.0] * 8)
    return sr.attack(model, records, 1, delta=0.5, attacks=["greedy"], measured=file, random_draws=2, **more)


def test_a_model_that_is_right_is_told_from_one_that_is_moved_away(tmp_path: Path) -> None:
    # Of three records every neighbour is as the model says, of two it is as before the edit; of three none is known.
    rows = [row for text in TEXTS[:3] for row in neighbours(text, 1.0)]
    rows += [row for text in TEXTS[3:5] for row in neighbours(text, 0.0)]
    pd.DataFrame(rows, columns=["sequence", "y"]).to_csv(tmp_path / "known.csv", index=False)
    found = attacked(tmp_path / "known.csv")
    (last,) = found.metrics["measured"]
    assert (last["n"], last["of"], last["compared"]) == (5, 8, 5)
    assert (last["away"], last["along"]) == (2 / 5, 3 / 5)
    assert last["mse"] == pytest.approx(2 / 5)
    assert found.table["measured"].notna().sum() == 5
    said = " ".join(answer(found.metrics))
    assert "Of 8 edited sequences 5 are measured" in said
    assert "farther from the truth on 2 of 5, and moved it the way that the truth moved on 3" in said


def test_sequences_that_nobody_measured(tmp_path: Path) -> None:
    pd.DataFrame({"sequence": ["GGGGGGGGGG"], "y": [1.0]}).to_csv(tmp_path / "known.csv", index=False)
    assert "None of the 8 edited sequences is among the measured ones" in " ".join(
        answer(attacked(tmp_path / "known.csv").metrics)
    )


def test_a_table_without_values_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"sequence": ["GGGGGGGGGG"], "z": [1.0]}).to_csv(tmp_path / "known.csv", index=False)
    with pytest.raises(DataError, match="measured sequences have no value"):
        attacked(tmp_path / "known.csv")
