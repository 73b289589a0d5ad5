"""``seqrobust certify`` as it is typed and called: its files, its page, its resuming, its refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from brute import ANY, problem_of
from seqrobust_cli.main import _exit_code
from torch import nn

import seqrobust as sr
from seqrobust.analysis.certify.invariants import _rates_of_editable
from seqrobust.analysis.certify.metrics import certify_metrics
from seqrobust.analysis.certify.study import budgets_of
from seqrobust.attacks import Problem

MODEL = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(6, 2)
    )

def random():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2), Noise())

class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    rng = np.random.default_rng(0)
    rows = [f"r{i}\t{''.join(rng.choice(list('ACGT'), 16))}\t{'ab'[i % 2]}\t{'core:4-8'}" for i in range(20)]
    (tmp_path / "data.tsv").write_text("id\tsequence\tlabel\tregions\n" + "\n".join(rows) + "\n")
    return tmp_path


def call(files: Path, *more: object, model: str = "build", out: str = "out") -> list[str]:
    return [str(part) for part in (
        "certify", "--model", f"{files / 'model.py'}:{model}", "--task", "classification", "--alphabet", "DNA",
        "--labels", "a,b", "--data", files / "data.tsv", "--target-column", "label", "--out", files / out, *more,
    )]  # fmt: skip


def run(*arguments: str) -> int:
    return _exit_code(list(arguments), debug=False)


def test_files_and_keys(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*call(files, "--budget", "1..2", "--protect", "core")) == 0
    said = capsys.readouterr().out
    assert "certified" in said
    metrics = json.loads((files / "out" / "metrics.json").read_text())
    assert metrics["exact_fraction"] == 1
    for row in metrics["budgets"]:
        assert row["certified_accuracy"] == row["robust_accuracy"]
        assert row["unknown"] == 0
    table = pd.read_parquet(files / "out" / "results.parquet")
    assert {"id", "certified_budget", "attacked_budget", "method", "seconds"} <= set(table)
    wrong = table["clean_prediction"] != table["target"]
    assert table.loc[wrong, ["certified_budget", "attacked_budget"]].isna().all(axis=None)
    right = table[~wrong]
    assert ((right["certified_budget"] + 1 == right["attacked_budget"]) | (right["certified_budget"] == 2)).all()
    page = (files / "out" / "report.html").read_text()
    assert "unknown" in page
    assert "<svg" in page


def test_a_stopped_run_goes_on_to_the_same_table(files: Path) -> None:
    assert run(*call(files, "--budget", "1..2")) == 0
    whole = pd.read_parquet(files / "out" / "results.parquet")
    part = files / "out" / "parts" / "part-00001.parquet"
    part.unlink()
    manifest = files / "out" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"finished"', '"running"'))
    assert run(*call(files, "--budget", "1..2", "--resume")) == 0
    again = pd.read_parquet(files / "out" / "results.parquet")
    pd.testing.assert_frame_equal(whole.drop(columns="seconds"), again.drop(columns="seconds"))
    assert run(*call(files, "--budget", "1..3", "--resume")) == 2


def test_more_time_is_for_what_is_open_alone(files: Path) -> None:
    """A run goes on with another time limit: what is proved stays as it is, and what is open is tried again."""
    asked = ("--budget", "1..3", "--method", "enumeration", "--max-records", "6", "--attack", "random")
    assert run(*call(files, *asked, "--time-limit", "0")) == 0
    before = pd.read_parquet(files / "out" / "results.parquet")
    waits = ~before["exact"].fillna(value=True).astype(bool)
    assert waits.any()
    assert run(*call(files, *asked, "--time-limit", "60", "--resume")) == 0
    after = pd.read_parquet(files / "out" / "results.parquet")
    kept = [frame[~waits].astype(object).fillna("") for frame in (before, after)]
    pd.testing.assert_frame_equal(*kept)
    assert after["exact"].fillna(value=True).all()
    assert (after.loc[waits, "time_limit"] == 60).all()
    # Nothing is open any more, so nothing is tried again, whatever time there is.
    assert run(*call(files, *asked, "--time-limit", "90", "--resume")) == 0
    pd.testing.assert_frame_equal(after, pd.read_parquet(files / "out" / "results.parquet"))


def test_what_cannot_be_certified_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*call(files, model="random", out="other")) == 2
    assert "random" in capsys.readouterr().err
    assert run(*call(files, "--method", "magic")) == 2
    assert "enumeration" in capsys.readouterr().err
    assert run(*call(files, "--time-limit", "nan")) == 2


def test_regression_and_percentages_from_python() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 20, 1))
    texts = ["ACGTTGCAACGTACGTTGCA", "TTGACATATAATGCGTACGT"]
    proof = sr.certify(net, texts, "5%,10%", task="regression", alphabet="DNA", delta=0.4, goal="down")
    assert [row["budget"] for row in proof.metrics["budgets"]] == ["5%", "10%"]
    assert proof.metrics["delta"] == 0.4
    assert "shifted by" in " ".join(proof.page.sections[0].answer)
    assert proof.plot().axes


def test_metrics_count_what_is_known() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(32, 1))
    proof = sr.certify(net, ["ACGTACGT"] * 4, 2, task="binary", alphabet="DNA")
    results = pd.DataFrame({
        "attackable": [True, True, True, False],
        "certified_units": [2, 0, 1, 0],
        "attacked_units": pd.array([None, 1, None, None], dtype="Int64"),
        "certified_budget": pd.array([2, 0, 1, None], dtype="Int64"),
        "attacked_budget": pd.array([None, 1, None, None], dtype="Int64"),
        "exact": pd.array([True, True, False, None], dtype="boolean"),
        "method": ["enumeration", "attack", "enumeration", None],
        "clean_prediction": ["1", "1", "1", "0"],
        "target": ["1", "1", "1", "1"],
        "seconds": [0.1] * 4,
        "scored": [1] * 4,
    })  # fmt: skip
    problem = _problem()
    metrics = certify_metrics(results, budgets_of(problem), problem, proof.findings.settings)
    by_budget = [(row["certified_accuracy"], row["robust_accuracy"], row["unknown"]) for row in metrics["budgets"]]
    assert by_budget == [(0.5, 0.5, 0), (0.25, 0.5, 1)]
    assert metrics["exact_fraction"] == 0.75
    assert metrics["minimal_edits"] == {"known": {"1": 1}, "beyond_the_largest_budget": 1}


def _problem() -> Problem:
    torch.manual_seed(0)
    return problem_of(nn.Sequential(nn.Flatten(), nn.Linear(32, 1)), "binary", ["ACGTACGT"] * 4, ANY, 2)


REGIONS: list[dict[str, tuple[int, int]]] = [
    {"core": (2, 5)},
    {},
    {"core": (0, 8)},
    {"core": (7, 8)},
    {},
    {"core": (2, 4)},
]


def _both(threat: sr.Substitutions, *, labelled: bool = False) -> tuple[sr.Result, sr.Result]:
    """Certificates and an attack of the same records, some without the region ``core``, one of it alone."""
    torch.manual_seed(11)
    net = nn.Sequential(
        nn.Conv1d(4, 6, 3, padding=1), nn.GELU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(6, 3)
    )
    rng = np.random.default_rng(4)
    texts = ["".join(rng.choice(list("ACGT"), 8)) for _ in REGIONS]
    model = sr.wrap(net, alphabet="DNA", task="classification", device="cpu")
    found = sr.records(texts, alphabet="DNA", regions=REGIONS, targets=[0, 1, 2, 0, 1, 2] if labelled else None)
    return sr.certify(model, found, threat), sr.attack(model, found, threat, attacks=("exhaustive",))


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("only", "protect"), [(["core"], []), ([], ["core"])])
def test_rates_are_of_the_records_that_an_attack_counts(only: list[str], protect: list[str], labelled: bool) -> None:
    proof, attack = _both(sr.Substitutions("1..2", only=only, protect=protect), labelled=labelled)
    keys = ("n", "attacked", "nothing_editable", "clean_accuracy_editable", "regions_absent", "protection")
    assert {key: proof.metrics.get(key) for key in keys} == {key: attack.metrics.get(key) for key in keys}
    for one, other in zip(proof.metrics["budgets"], attack.metrics["budgets"], strict=True):
        # Every member is looked at, so that the attack is exact as well.
        assert one["certified_accuracy"] == one["robust_accuracy"] == other["robust_accuracy"]
        assert one["nothing_editable"] == other["nothing_editable"]
    for label, found in (proof.metrics.get("by_class") or {}).items():
        assert found["n"] == attack.metrics["budgets"][0]["by_class"][label]["n"]


def test_records_that_cannot_be_edited_are_said_and_not_certified() -> None:
    proof, _ = _both(sr.Substitutions(2, only=["core"]))
    assert proof.metrics["nothing_editable"]["n"] == 2
    said = proof.page.sections[0].answer
    assert "on 2 of 6 records" in said[0].lower()
    assert "of the sequences that may be edited" in said[1]
    assert any("nothing may be edited" in notice for notice in proof.notices)
    tiles = {tile.name: tile.value for tile in proof.page.sections[0].tiles}
    assert tiles["of them in no rate: nothing to edit"] == "2"


def test_records_without_the_protected_region_are_said() -> None:
    proof, _ = _both(sr.Substitutions(2, protect=["core"]))
    assert proof.metrics["regions_absent"] == {"core": 2}
    said = proof.page.sections[0].answer
    assert "have no core, so nothing of them is protected" in said[1]
    assert any("have no core" in notice for notice in proof.notices)


def test_small_shares_that_come_to_no_edit_are_said() -> None:
    proof, attack = _both(sr.Substitutions("5%,50%", only=["core"]))
    for metrics in (proof.metrics, attack.metrics):
        none, some = (row["nothing_editable"] for row in metrics["budgets"])
        assert none == metrics["attacked"]
        assert some < none
    for found in (proof, attack):
        assert any(f"attacked, {none} at budget 5%" in notice for notice in found.notices)


def test_rates_that_count_what_cannot_be_edited_are_found_out() -> None:
    proof, _ = _both(sr.Substitutions(2, only=["core"]))
    findings = proof.findings
    assert _rates_of_editable(findings).verdict == "holds"
    last = proof.metrics["budgets"][-1]
    more = {**last, "robust_accuracy": last["robust_accuracy"] / 2}
    for wrong in ({"nothing_editable": None}, {"nothing_editable": {"n": 1, "by_class": {}}}, {"budgets": [more]}):
        assert _rates_of_editable(replace(findings, metrics={**proof.metrics, **wrong})).verdict == "broken"
