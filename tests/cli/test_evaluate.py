"""``seqrobust evaluate`` and ``seqrobust compare`` from end to end, recounted by code that shares none with them."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

Run = Callable[..., int]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verify_results.py"

DNA = ["--model", "model.py:build", "--task", "classification", "--alphabet", "DNA", "--labels", "EI,IE,N"]
PROTEIN = ["--model", "model.py:protein", "--task", "binary", "--alphabet", "PROTEIN", "--labels", "no,yes"]
VALUE = ["--model", "model.py:value", "--task", "regression", "--alphabet", "DNA", "--target-column", "value"]
SMALL = ["--methods", "one_step,cheap=one_step+greedy,greedy_all,random", "--random-draws", "2", "--probe-records", "8"]
COSTS = "\tA\tC\tG\tT\nA\t0\t2\t1\t0\nC\t1\t0\t3\t1\nG\t1\t1\t0\t0.5\nT\t2\t1\t1\t0\n"

COLUMNS = [
    "id", "target", "budget", "clean_prediction", "clean_score", "adversarial_prediction", "adversarial_score",
    "success", "n_edits", "edits", "adversarial_sequence", "attack", "forwards", "gradients",
]  # fmt: skip

CASES: dict[str, tuple[list[str], str, list[str], list[str]]] = {
    "any letter": (DNA, "dna.tsv", ["--budget", "1..3", "--max-records", "60"], []),
    "protected": (DNA, "dna.tsv", ["--budget", "1..2", "--protect", "core", "--split", "test"], ["--protect", "core"]),
    "costs": (
        DNA,
        "dna.tsv",
        ["--budget", "1..4", "--allow", "costs.tsv", "--max-records", "60"],
        ["--allow", "costs.tsv"],
    ),
    "shares": (DNA, "dna.tsv", ["--budget", "4%,10%", "--split", "test"], []),
    "shares of costs": (
        DNA,
        "dna.tsv",
        ["--budget", "5%,20%", "--allow", "costs.tsv", "--split", "test"],
        ["--allow", "costs.tsv"],
    ),
    "targeted": (DNA, "dna.tsv", ["--budget", "1..3", "--target-label", "N"], ["--goal", "targeted:N"]),
    "transfer": (DNA, "dna.tsv", ["--budget", "1..3", "--transfer-from", "sister=other.py:other"], []),
    "conservative": (PROTEIN, "protein.tsv", ["--budget", "1..3", "--allow", "blosum62:0"], ["--allow", "blosum62:0"]),
}


OTHER = """


def other():
    net = Net()
    weight = net.head.weight.data
    weight.add_(0.05 * weight.std() * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    return net
"""


@pytest.fixture(scope="module")
def folder(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("evaluate")
    for name in ("dna.tsv", "protein.tsv", "model.py", "plain.fa"):
        (made / name).write_text((files / name).read_text())
    (made / "costs.tsv").write_text(COSTS)
    (made / "other.py").write_text((made / "model.py").read_text() + OTHER)
    return made


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_results", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def metrics_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


@pytest.mark.parametrize("name", CASES)
def test_classes(
    name: str,
    folder: Path,
    run: Run,
    script: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, data, options, told = CASES[name]
    monkeypatch.chdir(folder)
    assert run("evaluate", *model, "--data", data, *options, *SMALL, "--out", tmp_path / "out") == 0
    capsys.readouterr()
    told = [*told, "--alphabet", model[5], "--target-column", "label"]
    assert script.main([data, str(tmp_path / "out" / "results.parquet"), *told]) == 0, capsys.readouterr().out
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert list(results.columns[: len(COLUMNS)]) == COLUMNS
    assert "direction" not in results
    assert set(results["attack"].dropna()) <= {"one_step", "cheap", "greedy_all", "random", "transfer:sister"}
    assert results["success"].fillna(value=False).any()
    methods = pd.read_parquet(tmp_path / "out" / "methods.parquet")
    assert len(methods) == (5 if name == "transfer" else 4) * len(results)
    for method, rows in methods.groupby("method"):
        rows.to_parquet(tmp_path / "one.parquet")
        assert script.main([data, str(tmp_path / "one.parquet"), *told]) == 0, (method, capsys.readouterr().out)
    level = "budget_share" if "budget_share" in results else "budget"
    best = methods.assign(hit=methods["success"].fillna(value=False).astype(bool)).groupby(["id", level])["hit"].any()
    mine = results.set_index(["id", level])["success"].fillna(value=False).astype(bool)
    # The worst case is never milder than any method, and rests on what some method found.
    assert (mine[best.index] >= best).all()
    assert set(results["adversarial_sequence"]) <= set(methods["adversarial_sequence"])


@pytest.fixture(scope="module")
def evaluated(folder: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "evaluation"
    model = [folder / "model.py:build" if part == "model.py:build" else part for part in DNA]
    assert run("evaluate", *model, "--data", folder / "dna.tsv", "--budget", "1..2", *SMALL, "--out", out) == 0
    return out


def test_what_is_promised_is_there(evaluated: Path) -> None:
    metrics = metrics_of(evaluated)
    assert {"clean_accuracy", "n", "budgets", "minimal_edits", "masking", "claims", "contributions"} <= set(metrics)
    for entry in metrics["budgets"]:
        assert {
            "budget", "robust_accuracy", "robust_accuracy_ci", "attack_success_rate", "random_success_rate",
            "mean_edits", "forwards_per_record", "gradients_per_record",
        } <= set(entry)  # fmt: skip
        assert entry["robust_accuracy"] == pytest.approx(metrics["clean_accuracy"] * (1 - entry["attack_success_rate"]))
    assert {"median", "quantiles", "censored"} <= set(metrics["minimal_edits"])
    assert metrics["masking"]["verdict"] == "none"
    for item in metrics["masking"]["evidence"]:
        assert {"check", "verdict", "n", "values", "explanation"} == set(item)
    results = pd.read_parquet(evaluated / "results.parquet")
    methods = pd.read_parquet(evaluated / "methods.parquet")
    paid = methods[methods["budget"] == 2].groupby("method")["forwards"].mean()
    assert metrics["budgets"][-1]["forwards_per_record"] == pytest.approx(paid.sum())
    assert results["forwards"].max() > methods["forwards"].max()
    assert json.loads((evaluated / "manifest.json").read_text())["status"] == "finished"
    assert (evaluated / "adversarial.fa").read_text().startswith(">")


def test_the_report_stands_alone(evaluated: Path) -> None:
    page = (evaluated / "report.html").read_text()
    for title in ("Every method alone", "How few edits are enough", "Are gradients masked?", "What may be claimed"):
        assert title in page
    assert page.count("<svg") >= 5
    assert not re.search(r"(src|href)=.?https?:", page)
    assert "refused" in page


def test_resume_and_refusal(evaluated: Path, folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    model = [folder / "model.py:build" if part == "model.py:build" else part for part in DNA]
    call = ["evaluate", *model, "--data", folder / "dna.tsv", "--budget", "1..2", *SMALL, "--out", evaluated]
    before = pd.read_parquet(evaluated / "results.parquet")
    stamps = {path: path.stat().st_mtime_ns for path in (evaluated / "parts").iterdir()}
    assert run(*call) == 2
    assert "--resume" in capsys.readouterr().err
    (evaluated / "results.parquet").unlink()
    assert run(*call, "--resume") == 0
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    pd.testing.assert_frame_equal(before, pd.read_parquet(evaluated / "results.parquet"), check_exact=True)
    fewer = [part if part != SMALL[1] else "one_step" for part in call]
    assert run(*fewer, "--resume") == 2
    assert "methods" in capsys.readouterr().err


def test_batch_size_changes_nothing(folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    tables = []
    for size in (16, 256):
        call = ["evaluate", *PROTEIN, "--data", "protein.tsv", "--budget", "1..2", *SMALL, "--no-report"]
        assert run(*call, "--batch-size", size, "--out", tmp_path / str(size)) == 0
        tables.append(pd.read_parquet(tmp_path / str(size) / "methods.parquet"))
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_a_value(
    folder: Path,
    run: Run,
    script: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    call = ["evaluate", *VALUE, "--data", "dna.tsv", "--budget", "1..2", "--delta", "0.5", *SMALL, "--out", tmp_path]
    assert run(*call) == 0
    assert "raised or lowered" in capsys.readouterr().out
    methods = pd.read_parquet(tmp_path / "methods.parquet")
    for (method, way), rows in methods.groupby(["method", "direction"]):
        rows.to_parquet(tmp_path / "one.parquet")
        told = ["--alphabet", "DNA", "--goal", way, "--delta", "0.5", "--target-column", "value"]
        assert script.main(["dna.tsv", str(tmp_path / "one.parquet"), *told]) == 0, (method, capsys.readouterr().out)
    results = pd.read_parquet(tmp_path / "results.parquet")
    assert len(results) == 300
    shift = (results["adversarial_prediction"] - results["clean_prediction"]).abs()
    every = (methods["adversarial_prediction"] - methods["clean_prediction"]).abs()
    assert shift.to_numpy() == pytest.approx(every.groupby([methods["id"], methods["budget"]], sort=False).max())
    metrics = metrics_of(tmp_path)
    for entry in metrics["budgets"]:
        assert {"mse", "r2", "spearman", "mean_abs_shift", "up", "down"} <= set(entry)
        assert entry["mse"] >= max(entry["up"]["mse"], entry["down"]["mse"])
    assert "Up and down" in (tmp_path / "report.html").read_text()


def test_without_labels(folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert run("evaluate", *DNA, "--data", "plain.fa", "--budget", "1", *SMALL, "--out", tmp_path) == 0
    metrics = metrics_of(tmp_path)
    assert metrics["clean_accuracy"] is None
    assert metrics["attacked"] == 30


@pytest.mark.parametrize("wrong", [True, False])
def test_one_record(wrong: bool, folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is read wrongly cannot be attacked, and one that is read rightly says little; both are said."""
    monkeypatch.chdir(folder)
    data = pd.read_csv("dna.tsv", sep="\t", dtype=str)
    is_right = read(net(folder, "build"), data["sequence"].tolist()) == data["label"]
    data[is_right != wrong].head(1).to_csv(tmp_path / "one.tsv", sep="\t", index=False)
    call = ["evaluate", *DNA, "--data", tmp_path / "one.tsv", "--budget", "1..2", *SMALL, "--out", tmp_path / "out"]
    assert run(*call) == 0
    metrics = metrics_of(tmp_path / "out")
    assert metrics["attacked"] == int(not wrong)
    assert metrics["masking"]["verdict"] == "none"
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--methods", "nonsense", "unknown attack"), ("--methods", "greedy,greedy", "named twice")],
)
def test_wrong_methods(
    option: str, value: str, said: str, folder: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("evaluate", *DNA, "--data", folder / "dna.tsv", option, value, "--out", out) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


# Comparison ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared(folder: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "comparison"
    models = ["--model", f"a={folder / 'model.py'}:build", "--model", f"b={folder / 'other.py'}:other"]
    models += ["--model", f"twin={folder / 'model.py'}:build"]
    call = ["compare", *models, *DNA[2:], "--data", folder / "dna.tsv", "--budget", "1..2", "--random-draws", 1]
    assert run(*call, "--attack", "one_step,greedy", "--out", out) == 0
    return out


def net(folder: Path, name: str) -> torch.nn.Module:
    from seqrobust.models import load_module

    return load_module(f"{folder / 'other.py'}:{name}").eval()


def read(module: torch.nn.Module, texts: list[str]) -> np.ndarray:
    codes = torch.tensor([["ACGT".index(letter) for letter in text] for text in texts])
    with torch.no_grad():
        answers = module(torch.nn.functional.one_hot(codes, 4).transpose(1, 2).float()).argmax(1).numpy()
    found: np.ndarray = np.array(["EI", "IE", "N"])[answers]
    return found


def test_the_transfer_matrix_is_recounted(compared: Path, folder: Path) -> None:
    metrics = metrics_of(compared)
    data = pd.read_csv(folder / "dna.tsv", sep="\t").set_index("id")
    nets = {"a": net(folder, "build"), "b": net(folder, "other"), "twin": net(folder, "build")}
    right = {name: read(module, data["sequence"].tolist()) == data["label"] for name, module in nets.items()}
    for budget in metrics["budgets"]:
        assert len(budget["pairs"]) == 9
        for pair in budget["pairs"]:
            found = pd.read_parquet(compared / pair["source"] / "results.parquet")
            found = found[found["budget"] == budget["budget"]].set_index("id")
            both = right[pair["source"]] & right[pair["target"]]
            shown = found.loc[both[both].index]
            fooled = read(nets[pair["target"]], shown["adversarial_sequence"].tolist()) != shown["target"]
            assert (pair["n"], pair["rate"]) == (both.sum(), pytest.approx(fooled.mean()))
            mine = shown["success"].astype(bool)
            assert pair["n_found"] == mine.sum() > 0
            assert pair["rate_of_found"] == pytest.approx(fooled[mine.to_numpy()].mean())
    rates = {(pair["source"], pair["target"]): pair["rate"] for pair in metrics["budgets"][-1]["pairs"]}
    assert rates["a", "twin"] == rates["a", "a"] == rates["twin", "a"]
    assert rates["a", "b"] < rates["b", "b"]
    assert {sign["verdict"] for sign in metrics["masking"].values()} == {"none"}


def test_a_comparison_writes_what_it_promises(compared: Path) -> None:
    results = pd.read_parquet(compared / "results.parquet")
    assert len(results) == 9 * 150 * 2
    metrics = metrics_of(compared)
    assert set(metrics["models"]) == {"a", "b", "twin"}
    assert metrics["models"]["a"]["budgets"] == metrics["models"]["twin"]["budgets"]
    assert (compared / "transfer.png").stat().st_size > 1000
    assert "Whose sequences fool whom" in (compared / "report.html").read_text()
    assert (compared / "a" / "adversarial.fa").exists()


def test_a_comparison_goes_on(compared: Path, folder: Path, run: Run) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in compared.glob("parts/*/*.parquet")}
    assert len(stamps) == 6
    models = ["--model", f"a={folder / 'model.py'}:build", "--model", f"b={folder / 'other.py'}:other"]
    models += ["--model", f"twin={folder / 'model.py'}:build"]
    call = ["compare", *models, *DNA[2:], "--data", folder / "dna.tsv", "--budget", "1..2", "--random-draws", 1]
    (compared / "results.parquet").unlink()
    assert run(*call, "--attack", "one_step,greedy", "--out", compared, "--resume") == 0
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert (compared / "results.parquet").exists()


def test_values_are_compared(folder: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    models = ["--model", "x=model.py:value", "--model", "y=model.py:value"]
    call = ["compare", *models, *VALUE[2:], "--data", "dna.tsv", "--budget", "1", "--delta", "0.4", "--max-records", 40]
    assert run(*call, "--attack", "greedy", "--random-draws", 1, "--out", tmp_path, "--no-report") == 0
    pairs = metrics_of(tmp_path)["budgets"][0]["pairs"]
    assert len({pair["rate"] for pair in pairs}) == 1
    assert pairs[0]["n"] == 40


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["model.py:build"], "needs two models"),
        (["model.py:build", "model.py:build"], "have one name"),
        (["a/b=model.py:build", "model.py:build"], "becomes a folder"),
    ],
)
def test_wrong_models(
    models: list[str],
    said: str,
    folder: Path,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    options = [part for model in models for part in ("--model", model)]
    assert run("compare", *options, *DNA[2:], "--data", "dna.tsv", "--out", tmp_path / "out") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
