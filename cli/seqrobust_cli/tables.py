"""Results as tables on standard output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from seqrobust_cli.console import out

if TYPE_CHECKING:
    from seqrobust.run.over_seeds import Figure
    from seqrobust.run.repeats import Repeats
    from seqrobust.run.sweep.sweep import SweepOutcome

_OF_SEEDS = (
    "accuracy", "balanced_accuracy", "mcc", "auroc", "average_precision", "r2", "spearman", "clean_accuracy",
    "clean_balanced_accuracy", "clean_r2", "robust_accuracy", "robust_balanced_accuracy", "robust_auroc",
    "robust_average_precision", "attack_success_rate", "random_success_rate", "mean_shift", "random_mean_shift",
    "training_seconds", "seconds_per_epoch",
)  # fmt: skip
"""Figures worth a line on the terminal; ``summary.csv`` has them all."""


_RANDOM_SHIFTS = ("random_mean_abs_shift", "random_best_shift")
_FEW_CLASSES = 6
"""Classes that have a line each; all of them stand in the report and in ``metrics.json``."""


def print_training(metrics: Mapping[str, Any]) -> None:
    """How training went and how well the model predicts."""
    rule = metrics.get("selection") or metrics["monitor"]
    by = f", selected by {rule}" if rule else ""
    out.print(
        f"trained {metrics['epochs']} epochs of {metrics['seconds_per_epoch']:.2f} s, "
        f"kept epoch {metrics['best_epoch']}{by}; {metrics['parameters']:,} parameters",
        markup=False,
    )
    for split in ("valid", "test"):
        if split in metrics:
            _print_predictions(split, metrics[split])
    _print_baselines(metrics)


def _print_baselines(metrics: Mapping[str, Any]) -> None:
    """What ridge regression and the nearest training record score, by the model's own score."""
    from seqrobust.training.baselines import score_of

    others = metrics.get("baselines") or {}
    if not others or (mine := score_of(metrics["test"])) is None:
        return
    parts = [f"{name} {_number(found.get(mine[0]))} ({found['how']})" for name, found in others.items()]
    out.print(f"test baselines, {mine[0].replace('_', ' ').replace('r2', 'R2')}: {', '.join(parts)}", markup=False)


def _print_predictions(split: str, found: Mapping[str, Any]) -> None:
    """How well a split is predicted, and what speaks against believing it."""
    if "accuracy" not in found:
        r2, rank = (_ends(found[key], found.get(f"{key}_ci")) for key in ("r2", "spearman"))
        said = f"R2 {r2}, Pearson {_number(found['pearson'])}, Spearman {rank}"
        said += f", mean absolute error {_number(found['mae'])}" if "mae" in found else ""
        out.print(f"{split}: {said} (n = {found['n']})", markup=False)
        _print_cautions(found)
        return
    said = f"accuracy % {_share(found['accuracy'], found['accuracy_ci'])}"
    if isinstance(found.get("majority_accuracy"), float):
        said += f" (always {found['majority_class']}: {_share(found['majority_accuracy'], None)})"
    out.print(f"{split}: {said} (n = {found['n']})", markup=False)
    if said := ", ".join(balanced_words(found)):
        out.print(f"  {said}", markup=False)
    for name, one in found.get("labels", {}).items():
        words = [f"{one['positives']} present", f"recall % {_share(one['recall'], one['recall_ci'])}"]
        out.print(f"  {name}: {', '.join([*words, *balanced_words(one)])}", markup=False)
    _print_cautions(found)


def _print_cautions(found: Mapping[str, Any]) -> None:
    for caution in found.get("cautions", ()):
        out.print(f"  {caution}", markup=False)


def balanced_words(found: Mapping[str, Any], before: str = "") -> list[str]:
    """The measures that uneven classes do not flatter, with their 95 % intervals; those there are."""
    means = "mean_" if f"{before}labels" in found else ""
    names = (
        ("balanced_accuracy", "balanced accuracy", _share),
        ("mcc", "MCC", _ends),
        (f"{means}auroc", "AUROC", _ends),
        (f"{means}average_precision", "average precision", _ends),
    )
    return [
        f"{words}{' %' if written is _share else ''} {written(value, found.get(f'{before}{key}_ci'))}"
        for key, words, written in names
        if isinstance(value := found.get(f"{before}{key}"), float)
    ]


def _ends(value: float | None, interval: list[float] | None) -> str:
    ends = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval and value is not None else ""
    return f"{_number(value)}{ends}"


def print_attack(metrics: Mapping[str, Any]) -> None:
    """The budget curve."""
    from seqrobust.analysis.outcomes.sentences import truth_stated
    from seqrobust.tasks import task_in

    regression = task_in(metrics).measured
    out.print(
        f"goal: {metrics['goal']}; threat: {metrics['threat']}\n{metrics['n']} records, {metrics['attacked']} attacked",
        markup=False,
    )
    if metrics.get("clean_accuracy") is not None:
        out.print(f"clean accuracy % {_share(metrics['clean_accuracy'], metrics['clean_accuracy_ci'])}", markup=False)
    if "clean_accuracy_editable" in metrics:
        share = _share(metrics["clean_accuracy_editable"], metrics["clean_accuracy_editable_ci"])
        out.print(f"  of records that may be edited, which accuracy under attack is of: {share}", markup=False)
    if said := ", ".join(balanced_words(metrics, "clean_")):
        out.print(f"  {said}", markup=False)
    _print_cautions(metrics)
    if metrics.get("clean_r2") is not None:
        out.print(f"clean R2 {metrics['clean_r2']:.3f}, Spearman {_number(metrics['clean_spearman'])}", markup=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    stated = truth_stated(metrics)
    middle = ["mean shift", "median", "random +-", "best draw"] if regression else ["robust accuracy, %"]
    middle += ["R2"] if regression and stated else []
    for name in ["budget", *middle, "flipped, %" if not regression else "reached, %", "random", "edits", "fwd", "grad"]:
        table.add_column(name, justify="right", no_wrap=True)
    for row in metrics["budgets"]:
        if regression:
            cells = _shift_cells(row) + ([_number(row.get("r2"))] if stated else [])
        else:
            cells = [_share(row["robust_accuracy"], row["robust_accuracy_ci"])]
        table.add_row(
            escape(str(row["budget"])),
            *cells,
            _share(row["attack_success_rate"], row["attack_success_rate_ci"]),
            _share(row["random_success_rate"], None),
            _number(row["mean_edits"], 2),
            f"{row['forwards_per_record']:.0f}",
            f"{row['gradients_per_record']:.0f}",
        )
    out.print(table)
    word = "reached" if regression else "flipped"
    out.print(
        f"{word}, random: share of the attacked [95 % interval]; fwd, grad: evaluations per record so far", markup=False
    )
    if regression:
        _print_shifts(metrics, stated=stated)
    if metrics["budgets"]:
        _print_classes(metrics["budgets"][-1])


def _shift_cells(row: Mapping[str, Any]) -> list[str]:
    """How far the value moves: by the attack, and by random edits."""
    middle = (row.get("shift_quantiles") or {}).get("0.5")
    return [_number(one) for one in (row["mean_shift"], middle, *map(row.get, _RANDOM_SHIFTS))]


def _print_shifts(metrics: Mapping[str, Any], *, stated: bool) -> None:
    """What the columns of shifts are, whose goal lies beyond what was trained on, and what is no error."""
    from seqrobust.analysis.measured_truth import measured_words

    draws = metrics.get("random_draws")
    out.print(
        f"random +-: mean distance that random edits move the value, up or down; best draw: of {draws}, to the goal",
        markup=False,
    )
    if found := metrics.get("within_range"):
        beyond, rate = found["of"] - found["n"], _share(found["attack_success_rate"], found["attack_success_rate_ci"])
        out.print(
            f"{beyond} of {found['of']} goals lie beyond the training targets ({found['low']:.3g} to "
            f"{found['high']:.3g}); of the {found['n']} others reached: {rate} %",
            markup=False,
        )
    if (known := measured_words(metrics)) is not None:
        out.print(known, markup=False)
    if not stated and metrics.get("clean_r2") is not None:
        out.print(
            "no R2 under attack: nothing states that the edits leave the true value (--protect), so shifts say how "
            "sensitive the model is, not how wrong",
            markup=False,
        )


def _print_classes(last: Mapping[str, Any]) -> None:
    """At the largest budget, what uneven classes do not flatter, and each class by itself where there are few."""
    if said := ", ".join(balanced_words(last, "robust_")):
        out.print(f"under attack, budget {last['budget']}: {said}", markup=False)
    classes = last.get("by_class") or {}
    for name, one in classes.items() if len(classes) <= _FEW_CLASSES else ():
        flipped = _share(one["attack_success_rate"], one["attack_success_rate_ci"])
        kept = _share(one["robust_accuracy"], one["robust_accuracy_ci"])
        said = f"{one['n']} records, {one['attacked']} attacked, flipped % {flipped}, kept right % {kept}"
        out.print(f"  {name}: {said}", markup=False)


def print_repeats(repeats: Repeats) -> None:
    """Each figure's mean and interval over seeds, and what it was with each of them."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("figure", "budget", "mean [95 %]", *(f"seed {seed}" for seed in repeats.seeds)):
        table.add_column(name, justify="left" if name == "figure" else "right", no_wrap=True)
    for figure in repeats.figures:
        if figure.name in _OF_SEEDS and figure.stage != "valid":
            mean = figure.estimate
            ends = None if mean.low is None or mean.high is None else [mean.low, mean.high]
            unit = ", %" if figure.is_share else ", s" if "seconds" in figure.name else ""
            cells = [_figure(figure, value, None) for value in figure.values]
            stage = "test " if figure.stage == "test" else ""
            name = f"{stage}{figure.name.replace('_', ' ')}{unit}"
            table.add_row(escape(name), escape(figure.budget or ""), _figure(figure, mean.mean, ends), *cells)
    out.print(table)
    out.print(f"[95 %]: interval of the mean over {len(repeats.seeds)} seeds (Student's t)", markup=False)


def _figure(figure: Figure, value: float | None, interval: list[float] | None) -> str:
    if figure.is_share:
        return escape(_share(value, interval))
    ends = escape(f" [{_number(interval[0])}, {_number(interval[1])}]") if interval else ""
    return f"{_number(value)}{ends}"


def print_sweep(outcome: SweepOutcome) -> None:
    """The best trials, and how many there were."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("best", "trial", *outcome.objectives, "with"):
        table.add_column(name, justify="left" if name in ("best", "with") else "right", no_wrap=name != "with")
    for which, trial in outcome.best.items():
        values = ", ".join(f"{path}={_short(value)}" for path, value in trial.values.items())
        scores = (_number(trial.scores[name]) for name in outcome.objectives)
        table.add_row(which, str(trial.number), *scores, escape(values))
    out.print(table)
    states = [trial.state for trial in outcome.trials]
    counts = [f"{states.count(state)} {state}" for state in ("finished", "failed", "interrupted") if state in states]
    out.print(
        f"trials: {', '.join(counts)}; scores are of validation records, and flatter what they chose", markup=False
    )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_folder(folder: Path) -> None:
    """Where to look."""
    names = (
        "report.html",
        "summary.csv",
        "summary.json",
        "trials.csv",
        "best-clean.yaml",
        "best-both.yaml",
        "best-robust.yaml",
        "results.parquet",
        "methods.parquet",
        "transfer.png",
        "adversarial.fa",
        "metrics.json",
        "model.ckpt",
    )
    found = [name for name in names if (folder / name).exists()]
    out.print(f"in {folder}: {', '.join(found)}", markup=False)
    if "report.html" in found:
        out.print(f"open {folder / 'report.html'}", markup=False)


def _share(value: float | None, interval: list[float] | None) -> str:
    if value is None:
        return "-"
    ends = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
    return f"{100 * value:.1f}{ends}"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
