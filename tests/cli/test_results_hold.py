"""Real runs under every kind of threat, recounted by a script that shares no code with the package."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Run = Callable[..., int]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verify_results.py"

DNA = ["--model", "model.py:build", "--task", "classification", "--alphabet", "DNA", "--labels", "EI,IE,N"]
PROTEIN = ["--model", "model.py:protein", "--task", "binary", "--alphabet", "PROTEIN", "--labels", "no,yes"]
VALUE = ["--model", "model.py:value", "--task", "regression", "--alphabet", "DNA", "--target-column", "value"]

CASES: dict[str, tuple[list[str], str, list[str], list[str]]] = {
    "any letter": (DNA, "odd.tsv", ["--budget", "1..4"], []),
    "protected": (DNA, "odd.tsv", ["--budget", "1..3", "--protect", "core,edge"], ["--protect", "core,edge"]),
    "confined": (DNA, "odd.tsv", ["--budget", "1..3", "--only", "co*"], ["--only", "core"]),
    "protected and confined": (
        DNA,
        "odd.tsv",
        ["--budget", "3", "--only", "edge", "--protect", "wide"],
        ["--only", "edge", "--protect", "wide"],
    ),
    "transitions": (DNA, "odd.tsv", ["--budget", "1..3", "--allow", "transitions"], ["--allow", "transitions"]),
    "shares": (DNA, "odd.tsv", ["--budget", "4%,10%,30%", "--protect", "core"], ["--protect", "core"]),
    "costs": (DNA, "odd.tsv", ["--budget", "1..4", "--allow", "costs.tsv"], ["--allow", "costs.tsv"]),
    "shares of costs": (DNA, "odd.tsv", ["--budget", "5%,20%", "--allow", "costs.tsv"], ["--allow", "costs.tsv"]),
    "targeted": (DNA, "odd.tsv", ["--budget", "1..6", "--target-label", "N"], ["--goal", "targeted:N"]),
    "cropped": (DNA, "odd.tsv", ["--budget", "1..3", "--max-length", "17"], ["--max-length", "17"]),
    "filtered": (DNA, "odd.tsv", ["--budget", "2", "--where", "split=test"], ["--where", "split=test"]),
    "pattern": (
        DNA,
        "odd.tsv",
        ["--budget", "1..3", "--pattern", "gc=GC", "--protect", "gc"],
        ["--protect-pattern", "GC"],
    ),
    "protein": (PROTEIN, "protein.tsv", ["--budget", "1..3", "--protect", "ACT_SITE"], ["--protect", "ACT_SITE"]),
    "conservative": (PROTEIN, "protein.tsv", ["--budget", "1..3", "--allow", "blosum62:0"], ["--allow", "blosum62:0"]),
    "raised": (VALUE, "dna.tsv", ["--budget", "1..3", "--goal", "up", "--delta", "1"], ["--goal", "up"]),
    "lowered": (VALUE, "dna.tsv", ["--budget", "1..3", "--goal", "down", "--delta", "1"], ["--goal", "down"]),
}

COSTS = "\tA\tC\tG\tT\nA\t0\t2\t1\t0\nC\t1\t0\t3\t1\nG\t1\t1\t0\t0.5\nT\t2\t1\t1\t0\n"


@pytest.fixture(scope="module")
def folder(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual files; ``odd.tsv`` has repeated ids, lower case, ambiguous letters and records of several lengths."""
    made = tmp_path_factory.mktemp("odd")
    for name in ("dna.tsv", "protein.tsv"):
        (made / name).write_text((files / name).read_text())
    (made / "model.py").write_text((files / "model.py").read_text())
    (made / "costs.tsv").write_text(COSTS)
    table = pd.read_csv(files / "dna.tsv", sep="\t", dtype=str)
    table["id"] = [f"r{number % 110}" for number in range(len(table))]
    table["sequence"] = [
        (text[: 18 + row % 13].lower() if row % 4 == 0 else text[:5] + "NR"[row % 2] + text[6 : 18 + row % 13])
        for row, text in enumerate(table["sequence"])
    ]
    table["regions"] = [text + (";wide:2-15" if row % 5 == 0 else "") for row, text in enumerate(table["regions"])]
    table.to_csv(made / "odd.tsv", sep="\t", index=False)
    return made


@pytest.mark.parametrize("name", CASES)
def test_no_fault_is_found(
    name: str,
    folder: Path,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, data, options, told = CASES[name]
    monkeypatch.chdir(folder)
    call = ["attack", *model, "--data", data, *options, "--random-draws", 1, "--no-report", "--out", tmp_path / "out"]
    assert run(*call) == 0
    capsys.readouterr()
    spec = importlib.util.spec_from_file_location("verify_results", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    told = [*told, "--alphabet", model[5], "--target-column", "value" if model is VALUE else "label"]
    more = ["--delta", "1"] if "--delta" in options else []
    assert script.main([data, str(tmp_path / "out" / "results.parquet"), *told, *more]) == 0, capsys.readouterr().out
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    # A run in which nothing happens would pass any check.
    assert results["success"].fillna(value=False).any()
    assert (results["n_edits"] > 0).any()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    for entry in metrics["budgets"] if model is not VALUE and name != "targeted" else []:
        kept = metrics["clean_accuracy"] * (1 - entry["attack_success_rate"])
        assert entry["robust_accuracy"] == pytest.approx(kept)
    assert [entry["attack_success_rate"] for entry in metrics["budgets"]] == sorted(
        entry["attack_success_rate"] for entry in metrics["budgets"]
    )
