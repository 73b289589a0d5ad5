"""The folder of a comparison of groups: its files, earlier attacks, what is refused, and how it resumes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from outcome_tables import attack_table
from rich.console import Console

from seqrobust.analysis.subgroups import SUBGROUPS, AttackedFolders, SubgroupsSettings
from seqrobust.analysis.subgroups import study as room_study
from seqrobust.errors import ConfigError, DataError
from seqrobust.progress import Silent
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings


def made(folder: Path) -> AttackedFolders:
    """An attack to which worms fall at once, and flies hardly ever."""
    rng = np.random.default_rng(6)
    kinds = ["fly", "worm"] * 30
    fewest = np.where(np.array(kinds) == "worm", 1, 99)
    fewest[rng.permutation(60)[:6]] = 2
    attack = folder / "attack"
    attack.mkdir()
    attack_table(fewest, ["a", "a", "b", "b"] * 15).to_parquet(attack / "results.parquet")
    (attack / "metrics.json").write_text(json.dumps({"task": "classification", "clean_accuracy": 1.0}))
    lines = [f"r{i}\tACGT\t{kind}\t{i / 7:.3f}" for i, kind in enumerate(kinds)]
    (folder / "data.tsv").write_text("\n".join(["id\tsequence\tspecies\tgc", *lines]) + "\n")
    return AttackedFolders(results=(attack,), data=folder / "data.tsv")


def compared(asked: AttackedFolders, out: Path, *, resume: bool = False, **more: Any) -> Answer[Any]:
    settings = SubgroupsSettings(**{"draws": 499, **more})
    return answer(SUBGROUPS, asked, settings, RunSettings(out=out, resume=resume), Silent())


def both(asked: AttackedFolders, out: Path, *, resume: bool = False) -> Answer[Any]:
    return compared(asked, out, resume=resume, by=("species", "gc"), within_class=True)


def contents(folder: Path) -> dict[str, bytes]:
    names = ("metrics.json", "subgroups.parquet", "subgroups.png")
    return {name: (folder / name).read_bytes() for name in names}


def test_the_files_agree(tmp_path: Path) -> None:
    asked = made(tmp_path)
    metrics = both(asked, tmp_path / "out").metrics
    assert set(metrics["by"]) == {"class", "species", "gc"}
    assert "worm is less robust than fly within classes" in metrics["verdict"]
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == metrics
    table = pd.read_parquet(tmp_path / "out" / "subgroups.parquet")
    part = table[(table["group"] == "worm") & (table["quantity"] == "robust_accuracy")]
    assert part["budget"].tolist() == ["1", "2", "3", "4"]
    assert ((part["low"] <= part["value"]) & (part["value"] <= part["high"])).all()
    assert (tmp_path / "out" / "subgroups.png").stat().st_size > 10_000
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert "gc: numbers cut into 4 groups of about one size" in manifest["notices"]
    with pytest.raises(ConfigError, match="holds a run already"):
        both(asked, tmp_path / "out")


def test_a_regression_is_compared_by_its_shift(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"r{i}",
            "target": 1.0,
            "budget": budget,
            "clean_prediction": 1.1,
            "clean_score": 1.1,
            "adversarial_prediction": 1.1 + budget * (0.1 if i % 2 else 0.4) + 0.01 * (i % 5),
            "success": True,
            "n_edits": budget,
            "random_score": 1.1,
        }
        for i in range(40)
        for budget in (1, 2)
    ]
    table = pd.DataFrame(rows)
    table["success"] = table["success"].astype("boolean")
    table.to_parquet(tmp_path / "results.parquet")
    lines = [f"r{i}\tACGT\t{'odd' if i % 2 else 'even'}" for i in range(40)]
    (tmp_path / "data.tsv").write_text("\n".join(["id\tsequence\tgroup", *lines]) + "\n")
    asked = AttackedFolders(results=(tmp_path / "results.parquet",), data=tmp_path / "data.tsv")
    metrics = compared(asked, tmp_path / "out", draws=9999).metrics
    assert "group: even is moved farther than odd" in metrics["verdict"]
    even = metrics["by"]["group"]["groups"][0]
    assert even["budgets"][1]["mean_abs_shift"] == pytest.approx(0.82)
    assert even["clean_error"] == pytest.approx(0.1)


def test_what_cannot_be_compared_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    attack_table(np.array([1] * 20), ["a"] * 20).to_parquet(tmp_path / "results.parquet")
    (tmp_path / "data.tsv").write_text("id\tsequence\tgroup\nq\tACGT\tx\n")
    alone = AttackedFolders(results=(tmp_path / "results.parquet",))
    with pytest.raises(DataError, match="not in the data file"):
        compared(replace(alone, data=tmp_path / "data.tsv"), tmp_path / "out")
    with pytest.raises(ConfigError, match="a column is in a file"):
        compared(alone, tmp_path / "out", by=("species",))
    with pytest.raises(DataError, match="no two groups"):
        compared(alone, tmp_path / "out")
    with pytest.raises(DataError, match="holds no attack"):
        compared(AttackedFolders(results=(tmp_path / "nowhere",)), tmp_path / "out")
    with pytest.raises(ConfigError, match="a folder of an attack"):
        AttackedFolders(results=())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong", [{"small": "hide"}, {"against": "nobody"}, {"min_records": 1}, {"draws": 9}, {"cut": ("gc",)}]
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        SubgroupsSettings(**wrong)


def test_a_run_resumes_to_the_same_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, module = made(tmp_path), sys.modules[room_study.__module__]
    both(asked, tmp_path / "out")
    expected = contents(tmp_path / "out")
    real, calls = module.differences, []  # type: ignore[attr-defined]

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("stopped")
        return real(*arguments)

    monkeypatch.setattr(module, "differences", counted)
    both(asked, tmp_path / "out", resume=True)
    assert not calls
    assert contents(tmp_path / "out") == expected
    with pytest.raises(RuntimeError, match="stopped"):
        both(asked, tmp_path / "broken")
    both(asked, tmp_path / "broken", resume=True)
    assert len(calls) == 4
    assert contents(tmp_path / "broken") == expected


def test_a_new_run_forgets_the_pieces_of_the_one_before(tmp_path: Path) -> None:
    asked = made(tmp_path)
    first = both(asked, tmp_path / "out").metrics
    run = RunSettings(out=tmp_path / "out", overwrite=True, seed=1)
    settings = SubgroupsSettings(draws=499, by=("species", "gc"), within_class=True)
    again = answer(SUBGROUPS, asked, settings, run, Silent()).metrics
    tests = [found["by"]["gc"]["tests"]["robust"]["p_value"] for found in (first, again)]
    assert tests[0] != tests[1]


def rewritten(name: str) -> Callable[[Path], None]:
    """What changes a file without changing what it means."""

    def change(folder: Path) -> None:
        path = folder / name
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
            table.assign(more=1).to_parquet(path)
        else:
            path.write_text(path.read_text() + "\n")

    return change


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("data.tsv", "contents of data"),
        ("attack/results.parquet", "results.parquet"),
        ("attack/metrics.json", "metrics.json"),
        ("other/results.parquet", "results.parquet (2)"),
    ],
)
def test_a_changed_file_is_not_resumed(name: str, named: str, tmp_path: Path) -> None:
    asked = made(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "results.parquet").write_bytes((tmp_path / "attack" / "results.parquet").read_bytes())
    asked = replace(asked, results=(*asked.results, other))
    both(asked, tmp_path / "out")
    both(asked, tmp_path / "out", resume=True)
    rewritten(name)(tmp_path)
    with pytest.raises(ConfigError, match="cannot be resumed") as refusal:
        both(asked, tmp_path / "out", resume=True)
    assert named in str(refusal.value)


def test_the_page_is_for_terminals_and_browsers(tmp_path: Path) -> None:
    found = both(made(tmp_path), tmp_path / "out")
    console = Console(file=io.StringIO(), width=200)
    show(found.page, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    html = (tmp_path / "out" / "report.html").read_text()
    for text in ("worm is less robust than fly within classes", "By species", "median edits", "Holm-corrected"):
        assert text in shown, text
        assert text in html, text
    assert "<svg" in html
    assert "numbers cut into 4 groups" in html
