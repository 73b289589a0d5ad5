"""The independent checker passes what is right and catches each kind of fault."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verify_results.py"
DATA = "id\tsequence\tregions\na\tACGTN\tcore:0-2\nb\tGGGGG\t\nb\tCCCCC\t\n"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_results", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def good() -> pd.DataFrame:
    rows = [
        ("a", "x", 1, "x", "x", False, 0, "", "ACGTN"),
        ("a", "x", 2, "x", "y", True, 2, "G3A;T4C", "ACACN"),
        ("b", "x", 1, "y", "y", None, 0, "", "GGGGG"),
        ("b", "x", 2, "y", "y", None, 0, "", "GGGGG"),
        ("b#2", "x", 1, "x", "y", True, 1, "C1T", "TCCCC"),
        ("b#2", "x", 2, "x", "y", True, 1, "C1T", "TCCCC"),
    ]
    names = ["id", "target", "budget", "clean_prediction", "adversarial_prediction", "success", "n_edits", "edits"]
    table = pd.DataFrame(rows, columns=[*names, "adversarial_sequence"])
    table["success"] = table["success"].astype("boolean")
    return table


def edit(row: int, **values: object) -> Callable[[pd.DataFrame], None]:
    def change(table: pd.DataFrame) -> None:
        for name, value in values.items():
            table.loc[row, name] = value

    return change


FAULTS = {
    "unknown id": edit(0, id="z"),
    "length changed": edit(0, adversarial_sequence="ACG"),
    "protected letter edited": edit(1, adversarial_sequence="TCACN", edits="A1T;G3A;T4C"),
    "ambiguous letter edited": edit(1, adversarial_sequence="ACGAA", edits="T4A;N5A"),
    "letter not permitted": edit(1, adversarial_sequence="ACTTN", edits="G3T"),
    "over budget": edit(4, adversarial_sequence="TTCCC", edits="C1T;C2T"),
    "n_edits wrong": edit(4, n_edits=2),
    "edits text wrong": edit(4, edits="C2T"),
    "success not monotone in budget": edit(5, success=False, adversarial_prediction="x"),
    "success given for a wrong clean prediction": edit(2, success=False),
    "success missing": edit(0, success=pd.NA),
    "success contradicts predictions": edit(1, adversarial_prediction="x"),
}


def check(tmp_path: Path, table: pd.DataFrame) -> int:
    (tmp_path / "data.tsv").write_text(DATA)
    table.to_parquet(tmp_path / "results.parquet")
    options = ["--protect", "co*", "--allow", "transitions"]
    code: int = load_script().main([str(tmp_path / "data.tsv"), str(tmp_path / "results.parquet"), *options])
    return code


def test_what_is_right_passes(tmp_path: Path) -> None:
    assert check(tmp_path, good()) == 0


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_caught(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = good()
    FAULTS[kind](table)
    assert check(tmp_path, table) == 1
    counts = {line.split(maxsplit=1)[1]: int(line.split()[0]) for line in capsys.readouterr().out.splitlines()[1:]}
    assert counts[kind] > 0


def test_a_missing_row_is_caught(tmp_path: Path) -> None:
    assert check(tmp_path, good().drop(index=3)) == 1
