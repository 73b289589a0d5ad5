"""Finished pieces: made once, exact to the last digit, and the same whether they are made or read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrobust.analysis.pieces import kept, kept_arrays


@given(st.lists(st.floats() | st.none() | st.integers(-(2**63), 2**63) | st.text() | st.booleans()))
def test_values_stay_as_they_are(values: list[Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.json"
        made = kept(path, lambda: {"values": values})
        again = kept(path, lambda: pytest.fail("made twice"))
    for one, other, given_value in zip(made["values"], again["values"], values, strict=True):
        assert repr(one) == repr(other) == repr(given_value)


def test_numbers_of_numpy_become_those_of_python(tmp_path: Path) -> None:
    piece = {"one": np.float64(0.1), "flag": np.bool_(True), "many": np.array([1.5, math.nan]), "pair": (1, 2)}
    found = kept(tmp_path / "piece.json", lambda: piece)
    assert (found["one"], found["flag"], found["pair"]) == (0.1, True, [1, 2])
    assert math.isnan(found["many"][1])


def test_an_interrupted_piece_is_made_again(tmp_path: Path) -> None:
    def fails() -> dict[str, Any]:
        raise RuntimeError("stopped")

    for keep, suffix in ((kept, "json"), (kept_arrays, "npz")):
        path = tmp_path / f"piece.{suffix}"
        with pytest.raises(RuntimeError):
            keep(path, fails)  # type: ignore[operator]
        assert not list(tmp_path.glob("*piece*"))


def test_arrays_are_kept(tmp_path: Path) -> None:
    arrays = {"tokens": np.arange(6, dtype=np.uint8).reshape(2, 3), "random": np.array([0.1, math.nan])}
    path = tmp_path / "piece.npz"
    for found in (kept_arrays(path, lambda: arrays), kept_arrays(path, lambda: pytest.fail("made twice"))):
        assert found["tokens"].dtype == np.uint8
        assert (found["tokens"] == arrays["tokens"]).all()
        assert np.array_equal(found["random"], arrays["random"], equal_nan=True)
    assert kept_arrays(None, lambda: arrays) is arrays
