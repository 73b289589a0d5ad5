"""Finished pieces: made once, exact to the last digit, and the same whether they are made or read."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrobust.analysis.pieces import kept, kept_arrays
from seqrobust.errors import DataError
from seqrobust.files import write_json


@given(st.lists(st.floats() | st.none() | st.integers(-(2**63), 2**63) | st.text() | st.booleans()))
def test_values_stay_as_they_are(values: list[Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.json"
        made = kept(path, lambda: {"values": values}, print)
        again = kept(path, lambda: pytest.fail("made twice"), print)
    for one, other, given_value in zip(made["values"], again["values"], values, strict=True):
        assert repr(one) == repr(other) == repr(given_value)


def test_numbers_of_numpy_become_those_of_python(tmp_path: Path) -> None:
    piece = {"one": np.float64(0.1), "flag": np.bool_(True), "many": np.array([1.5, math.nan]), "pair": (1, 2)}
    found = kept(tmp_path / "piece.json", lambda: piece, print)
    assert (found["one"], found["flag"], found["pair"]) == (0.1, True, [1, 2])
    assert math.isnan(found["many"][1])


def test_an_interrupted_piece_is_made_again(tmp_path: Path) -> None:
    def fails() -> dict[str, Any]:
        raise RuntimeError("stopped")

    for keep, suffix in ((kept, "json"), (kept_arrays, "npz")):
        path = tmp_path / f"piece.{suffix}"
        with pytest.raises(RuntimeError):
            keep(path, fails, print)  # type: ignore[operator]
        assert not list(tmp_path.glob("*piece*"))


def test_arrays_are_kept(tmp_path: Path) -> None:
    arrays = {"tokens": np.arange(6, dtype=np.uint8).reshape(2, 3), "random": np.array([0.1, math.nan])}
    path = tmp_path / "piece.npz"
    for found in (
        kept_arrays(path, lambda: arrays, print),
        kept_arrays(path, lambda: pytest.fail("made twice"), print),
    ):
        assert found["tokens"].dtype == np.uint8
        assert (found["tokens"] == arrays["tokens"]).all()
        assert np.array_equal(found["random"], arrays["random"], equal_nan=True)
    assert kept_arrays(None, lambda: arrays, print) is arrays


def run_in(folder: Path, seed: int) -> Path:
    """A folder with a manifest of a run of that seed, and two pieces."""
    folder.mkdir()
    write_json(folder / "manifest.json", {"fingerprint": {"seed": seed}})
    for number in range(2):
        kept(folder / "parts" / f"{number}.json", lambda: {"of": (seed, number)}, print)  # noqa: B023
    return folder / "parts"


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "a bit": lambda mine, _: flipped(mine / "1.json"),
    "cut": lambda mine, _: (mine / "1.json").write_bytes((mine / "1.json").read_bytes()[:-3]),
    "empty": lambda mine, _: (mine / "1.json").write_bytes(b""),
    "another piece": lambda mine, _: shutil.copy(mine / "0.json", mine / "1.json"),
    "another run's": lambda mine, other: shutil.copy(other / "1.json", mine / "1.json"),
    "another run's, with its sums": lambda mine, other: shutil.copytree(other, mine, dirs_exist_ok=True),
    "no sums": lambda mine, _: (mine / "sums.jsonl").unlink(),
    "damaged sums": lambda mine, _: (mine / "sums.jsonl").write_bytes(b'\xff{"name": "1.json"\n[]\n3\n'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_piece_that_changed_is_made_again(tmp_path: Path, damage: str) -> None:
    mine, other = run_in(tmp_path / "mine", 1), run_in(tmp_path / "other", 2)
    DAMAGES[damage](mine, other)
    heard: list[str] = []
    for _ in range(2):
        assert kept(mine / "1.json", lambda: {"of": "anew"}, heard.append) == {"of": "anew"}
    assert len(heard) == 1
    assert "1.json" in heard[0]


def test_a_folder_in_the_place_of_a_piece(tmp_path: Path) -> None:
    (tmp_path / "1.json").mkdir()
    with pytest.raises(DataError, match="a folder stands"):
        kept(tmp_path / "1.json", lambda: {}, print)
