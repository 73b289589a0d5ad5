"""Runs of several seeds: the intervals against Student's table, and folders that are gone on with."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from seqrobust.analysis.outcomes.budget_curve import Curve
from seqrobust.errors import ConfigError, DataError, InternalError
from seqrobust.progress import Silent
from seqrobust.run import pipeline as run_module
from seqrobust.run import repeats as module
from seqrobust.run.config import RunConfig
from seqrobust.run.over_seeds import estimate, figures
from seqrobust.run.pipeline import RunCommand, run_pipeline
from seqrobust.run.repeats import Repeats, finished_metrics, run_repeats
from seqrobust.run.seeds_picture import mean_curve
from seqrobust.yaml_file import load_config

TINY: dict[str, Any] = {
    "name": "tiny",
    "task": "classification",
    "seeds": [3, 1],
    "data": {"simulate": {"grammar": "promoter", "n": 240, "length": 60}},
    "model": {"architecture": "cnn", "channels": 8, "blocks": 1, "first_kernel": 5},
    "training": {"epochs": 3, "batch_size": 16, "learning_rate": 0.02},
    "attack": {"budget": "1..2", "random_draws": 2, "max_records": 20},
}


def config(**more: Any) -> RunConfig:
    return load_config(yaml.safe_dump({**TINY, **more}), RunConfig, where="tiny.yaml")


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, stage: str, total: float) -> None:
        self.lines.append(stage)

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Repeats]:
    """Two seeds, run to the end."""
    out = tmp_path_factory.mktemp("repeats") / "out"
    return out, run_repeats(config(), RunCommand(out=out), Silent())


@pytest.mark.parametrize(
    ("values", "critical"),
    # Quantiles at 97.5 % of printed tables of Student's distribution, by degrees of freedom.
    [((0.90, 0.94), 12.706), ((0.80, 0.85, 0.93), 4.303), ((1.0, 2.0, 4.0, 6.0, 7.0), 2.776)],
)
def test_interval_is_students(values: tuple[float, ...], critical: float) -> None:
    found = estimate(values)
    n, mean = len(values), sum(values) / len(values)
    half = critical * math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1)) / math.sqrt(n)
    assert found.n == n
    assert found.mean == pytest.approx(mean)
    assert found.low == pytest.approx(mean - half, rel=1e-3)
    assert found.high == pytest.approx(mean + half, rel=1e-3)


def test_an_interval_of_skewed_values_is_wider_than_students() -> None:
    values = (1.0, 2.0, 4.0, 8.0, 16.0)
    found, half = estimate(values), 2.776 * float(np.std(values, ddof=1)) / math.sqrt(5)
    assert found.low is not None
    assert found.high is not None
    assert found.low == pytest.approx(6.2 - half, rel=1e-3)
    assert found.high > 6.2 + half


def test_intervals_hold_the_mean_as_often_as_they_say() -> None:
    drawn = np.random.default_rng(0).normal(0.7, 0.05, (4000, 3))
    held = [one.low <= 0.7 <= one.high for one in map(estimate, drawn.tolist())]  # type: ignore[operator]
    assert np.mean(held) == pytest.approx(0.95, abs=0.012)


def test_intervals_of_shares_stay_between_0_and_1_and_hold_the_mean_as_often() -> None:
    drawn = np.random.default_rng(0).beta(45, 5, (2000, 3))
    found = [estimate(values, share=True) for values in drawn.tolist()]
    assert all(0 < one.low < one.high < 1 for one in found)  # type: ignore[operator]
    assert np.mean([one.low <= 0.9 <= one.high for one in found]) == pytest.approx(0.95, abs=0.02)  # type: ignore[operator]
    assert estimate([1.0, 1.0, 1.0], share=True).low is None


def test_one_run_has_no_interval_and_unknown_values_are_left_out() -> None:
    single = estimate([0.5])
    assert (single.n, single.mean, single.low, single.high) == (1, 0.5, None, None)
    assert estimate([None, math.nan]).mean is None
    assert estimate([0.2, None, 0.4]) == estimate([0.2, 0.4])


def test_curves_are_averaged_where_all_are_known() -> None:
    nan = math.nan
    first = Curve(name="attack", colour="red", points=((0, 1.0, nan, nan), (1, 0.6, nan, nan), (2, 0.1, nan, nan)))
    second = Curve(name="attack", colour="red", points=((0, 0.8, nan, nan), (1, 0.2, nan, nan)))
    points = mean_curve([first, second]).points
    assert [point[:2] for point in points] == [(0, pytest.approx(0.9)), (1, pytest.approx(0.4))]
    # Two values: 12.706 times half their difference to either side.
    assert points[1][2] == pytest.approx(0.4 - 12.706 * 0.2, rel=1e-3)


def test_each_seed_is_an_ordinary_run(done: tuple[Path, Repeats], tmp_path: Path) -> None:
    out, repeats = done
    assert repeats.seeds == (3, 1)
    alone = {key: value for key, value in TINY.items() if key != "seeds"}
    ordinary = load_config(yaml.safe_dump({**alone, "seed": 1}), RunConfig, where="x")
    run_pipeline(ordinary, RunCommand(out=tmp_path / "alone"), Silent())
    tables = [pd.read_parquet(folder / "results.parquet") for folder in (out / "seed-1", tmp_path / "alone")]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert (out / "seed-3" / "report.html").exists()


def test_summary_is_made_of_the_single_runs(done: tuple[Path, Repeats]) -> None:
    out, _ = done
    runs = [json.loads((out / f"seed-{seed}" / "metrics.json").read_text()) for seed in (3, 1)]
    summary = json.loads((out / "summary.json").read_text())
    rows = {(row["stage"], row["name"], row["budget"]): row for row in summary["figures"]}
    assert summary["seeds"] == [3, 1]
    for level, budget in enumerate(("1", "2")):
        for name in ("robust_accuracy", "attack_success_rate", "random_success_rate"):
            row = rows["attack", name, budget]
            values = [run["attack"]["budgets"][level][name] for run in runs]
            assert row["values"] == values
            assert row["mean"] == pytest.approx(sum(values) / 2)
            mean = row["mean"]
            if values[0] == values[1]:
                assert row["high"] is None
                continue
            half = 12.7062 * abs(values[0] - values[1]) / 2 / (mean * (1 - mean))
            odds = math.log(mean / (1 - mean)) + half
            assert row["high"] == pytest.approx(1 / (1 + math.exp(-odds)), rel=1e-4)
    assert rows["test", "accuracy", None]["values"] == [run["train"]["test"]["accuracy"] for run in runs]
    seconds = pd.read_csv(out / "seed-1" / "train" / "history.csv")["seconds"].sum()
    assert rows["training", "training_seconds", None]["values"][1] == pytest.approx(seconds)
    table = pd.read_csv(out / "summary.csv")
    assert len(table) == len(summary["figures"])
    assert {"stage", "figure", "budget", "mean", "low", "high", "seed_3", "seed_1"} <= set(table.columns)
    page = (out / "report.html").read_text()
    for text in ("<svg", "Over 2 seeds", "seed-3 and seed-1", "robust accuracy"):
        assert text in page


def test_resuming_reads_finished_seeds_and_runs_the_others(
    done: tuple[Path, Repeats], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More seeds may be asked for later; those that are finished are not touched."""
    out, before = done
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("seed-*/metrics.json")}
    ran: list[int] = []
    real = module.run_pipeline

    def counted(config: RunConfig, *rest: Any) -> Any:
        ran.append(config.seed)
        return real(config, *rest)

    monkeypatch.setattr(module, "run_pipeline", counted)
    heard = Heard()
    after = run_repeats(config(seeds=[3, 1, 8]), RunCommand(out=out, resume=True), heard)
    assert ran == [8]
    assert [line for line in heard.lines if "finished" in line] == [
        "seed 3 (1 of 3) is finished already",
        "seed 1 (2 of 3) is finished already",
    ]
    assert "seed 8 (3 of 3): train" in heard.lines
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert [figure.values[:2] for figure in after.figures] == [figure.values for figure in before.figures]


def test_a_killed_run_goes_on_at_the_seed_it_had_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"training": {"epochs": 1}, "attack": {"budget": 1, "random_draws": 1, "max_records": 5}}
    real: Callable[..., Any] = run_module.attack_checkpoint

    def second_dies(config: RunConfig, *rest: Any, **more: Any) -> Any:
        if config.seed == 1:
            raise KeyboardInterrupt
        return real(config, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "attack_checkpoint", second_dies)
        with pytest.raises(KeyboardInterrupt):
            run_repeats(config(**small), RunCommand(out=tmp_path), Silent())
    assert json.loads((tmp_path / "manifest.json").read_text())["status"] == "running"
    assert not (tmp_path / "summary.json").exists()
    trained = (tmp_path / "seed-1" / "train" / "model.ckpt").stat().st_mtime_ns
    run_repeats(config(**small), RunCommand(out=tmp_path, resume=True), Silent())
    assert (tmp_path / "seed-1" / "train" / "model.ckpt").stat().st_mtime_ns == trained
    assert json.loads((tmp_path / "manifest.json").read_text())["status"] == "finished"
    with pytest.raises(ConfigError, match="other settings"):
        run_repeats(config(**{**small, "training": {"epochs": 2}}), RunCommand(out=tmp_path, resume=True), Silent())


def test_a_run_of_other_settings_is_not_finished(done: tuple[Path, Repeats]) -> None:
    out, _ = done
    assert finished_metrics(config().with_seed(3), out / "seed-3") is not None
    assert finished_metrics(config().with_seed(1), out / "seed-3") is None
    assert finished_metrics(config(training={"epochs": 1}).with_seed(3), out / "seed-3") is None
    assert finished_metrics(config().with_seed(3), out / "nowhere") is None


def test_a_run_that_is_asked_more_is_not_finished(done: tuple[Path, Repeats]) -> None:
    out, _ = done
    place = out / "seed-3"
    assert finished_metrics(config().with_seed(3), place) is not None
    assert finished_metrics(config(attribute={"methods": ["ism"]}).with_seed(3), place) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"seed": 1}, "one seed, or several"),
        ({"seeds": []}, "empty"),
        ({"seeds": [1, 2, 1]}, "named twice"),
        ({"seeds": [-1]}, "cannot be used"),
    ],
)
def test_seeds_that_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config(**more)


def test_several_processes_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    training = {**TINY["training"], "devices": 2, "accelerator": "cpu"}
    with pytest.raises(ConfigError, match="one process"):
        run_repeats(config(training=training), RunCommand(out=tmp_path / "out"), Silent())
    with pytest.raises(DataError):
        run_repeats(config(attack={"split": "nowhere"}), RunCommand(out=tmp_path / "out"), Silent())
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_kind_is_refused(done: tuple[Path, Repeats]) -> None:
    out, _ = done
    single = config(seeds=None)
    with pytest.raises(ConfigError, match="holds a run already"):
        run_repeats(config(), RunCommand(out=out), Silent())
    for call in (RunCommand(out=out, resume=True), RunCommand(out=out, overwrite=True)):
        with pytest.raises(ConfigError, match="another kind"):
            run_pipeline(single, call, Silent())


def test_budgets_that_differ_are_a_fault_of_ours() -> None:
    runs = [{"train": {}, "attack": {"budgets": [{"budget": budget}]}} for budget in (1, 2)]
    with pytest.raises(InternalError):
        figures(runs)
