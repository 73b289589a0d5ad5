"""The independent checker passes what is right and catches each kind of fault."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verify_results.py"
DATA = "id\tlabel\tsequence\tregions\na\tx\tACGTN\tcore:0-2\nb\tx\tGGGGG\t\nb\tx\tccccc\t\n"
OPTIONS = ["--protect", "co*", "--allow", "transitions", "--target-column", "label"]


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
    "target is not the data's": edit(2, target="y"),
    "success not monotone in budget": edit(5, success=False, adversarial_prediction="x"),
    "success given to a record that was not to be attacked": edit(2, success=False),
    "success missing": edit(0, success=pd.NA),
    "success contradicts predictions": edit(1, adversarial_prediction="x"),
    "row given twice": edit(1, budget=1),
}


def check(
    tmp_path: Path, table: pd.DataFrame, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, int]]:
    """The exit code, and kind of fault to its count where that is not zero."""
    (tmp_path / "data.tsv").write_text(DATA)
    table.to_parquet(tmp_path / "results.parquet")
    call = [str(tmp_path / "data.tsv"), str(tmp_path / "results.parquet"), *(options or OPTIONS)]
    code: int = load_script().main(call)
    lines = capsys.readouterr().out.splitlines()[2:]
    counts = {line.split(maxsplit=1)[1]: int(line.split()[0]) for line in lines}
    return code, {kind: count for kind, count in counts.items() if count}


def test_it_rests_on_nothing_of_ours() -> None:
    assert not [line for line in SCRIPT.read_text().splitlines() if "import" in line and "seqrobust" in line.split()[1]]


def test_what_is_right_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, good(), capsys) == (0, {})


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_caught(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = good()
    FAULTS[kind](table)
    code, found = check(tmp_path, table, capsys)
    assert code == 1
    assert found[kind] > 0


def test_a_missing_row_is_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, good().drop(index=3), capsys) == (1, {"record missing a budget": 1})


def test_an_edit_outside_the_confined_regions_is_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = check(tmp_path, good(), capsys, "--only", "core")
    # Both edits of "a", and those of "b#2", which has no such region, at either budget.
    assert (code, found) == (1, {"letter outside the confined regions edited": 4})


def test_a_share_is_recounted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Record a has two editable letters (one unknown, two protected), the others five."""
    table = good().assign(budget_share=["50%", "100%"] * 3, budget=[1, 2, 2, 5, 2, 5])
    assert check(tmp_path, table, capsys) == (0, {})
    table.loc[0, "budget"] = 2
    assert check(tmp_path, table, capsys) == (1, {"budget is not the share asked for": 1})
    table = good().assign(budget_share=["49%", "99%"] * 3, budget=[0, 1, 2, 4, 2, 4])
    assert check(tmp_path, table, capsys) == (1, {"over budget": 1})


def test_costs_are_added_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rule = tmp_path / "rule.tsv"
    rule.write_text("\tA\tC\tG\tT\nA\t0\t1\t1\t1\nC\t1\t0\t1\t1\nG\t1\t1\t0\t1\nT\t1\t1\t1\t0\n")
    assert check(tmp_path, good(), capsys, "--allow", str(rule)) == (0, {})
    rule.write_text(rule.read_text().replace("C\t1\t0\t1\t1", "C\t1\t0\t1\t2"))
    assert check(tmp_path, good(), capsys, "--allow", str(rule)) == (1, {"over budget": 1})
    rule.write_text(rule.read_text().replace("C\t1\t0\t1\t2", "C\t1\t0\t1\t0"))
    assert check(tmp_path, good(), capsys, "--allow", str(rule)) == (1, {"letter not permitted": 2})


def test_another_matrix_another_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = "id\tsequence\ns\tIIII\n"
    row = {"id": "s", "target": "x", "budget": 1, "clean_prediction": "x", "adversarial_prediction": "y"}
    made = pd.DataFrame([row | {"n_edits": 1, "edits": "I2V", "adversarial_sequence": "IVII", "success": True}])
    made["success"] = made["success"].astype("boolean")
    made.to_parquet(tmp_path / "results.parquet")
    (tmp_path / "data.tsv").write_text(data)
    call = [str(tmp_path / "data.tsv"), str(tmp_path / "results.parquet"), "--alphabet", "protein", "--allow"]
    # BLOSUM62 scores isoleucine against valine 3.
    assert load_script().main([*call, "blosum62:3"]) == 0
    assert load_script().main([*call, "blosum62:4"]) == 1


def test_targeted_goals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, good(), capsys, "--goal", "targeted:y") == (0, {})
    _, found = check(tmp_path, good(), capsys, "--goal", "targeted:z")
    assert found == {"success contradicts predictions": 3}
    _, found = check(tmp_path, good(), capsys, "--goal", "targeted:x")
    assert found["success given to a record that was not to be attacked"] == 4


def test_shifts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = good().assign(clean_prediction=1.0, adversarial_prediction=[1.2, 3.0, 1.0, 1.0, 2.5, 2.5])
    table["success"] = pd.array([False, True, False, False, True, True], dtype="boolean")
    assert check(tmp_path, table, capsys, "--goal", "up", "--delta", "1.5") == (0, {})
    _, found = check(tmp_path, table, capsys, "--goal", "up", "--delta", "1.6")
    assert found == {"success contradicts predictions": 2}
    table.loc[3, "success"] = pd.NA
    _, found = check(tmp_path, table, capsys, "--goal", "up", "--delta", "1.5")
    assert found == {"success missing": 1}


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["a", "a", "a"], ["a", "a#2", "a#3"]), (["a", "a", "a#2", "a"], ["a", "a#3", "a#2", "a#4"]), (["b"], ["b"])],
)
def test_repeated_names(names: list[str], expected: list[str]) -> None:
    assert load_script().distinct(names) == expected
