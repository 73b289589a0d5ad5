"""Figures of several runs that differ in their seed alone: each one's mean, and how far the mean can be trusted.

The interval is Student's (1908), over runs: it says what another seed would give on records like these, and nothing of
other records, of which the Wilson intervals of each single run speak. Of a share it is Student's on the scale of log
odds, so that it stays between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqrobust.errors import InternalError
from seqrobust.statistics.jackknife import t_interval

CONFIDENCE = 0.95
_OF_A_BUDGET = (
    "robust_accuracy",
    "robust_balanced_accuracy",
    "robust_mcc",
    "robust_auroc",
    "robust_average_precision",
    "attack_success_rate",
    "random_success_rate",
    "mean_shift",
    "random_mean_shift",
    "r2",
    "mse",
    "spearman",
    "mean_edits",
    "forwards_per_record",
    "gradients_per_record",
)
_OF_TRAINING = ("training_seconds", "seconds_per_epoch", "epochs", "best_epoch", "parameters")
_COUNTS = ("n", "parameters", "majority_accuracy", "average_precision_by_chance", "others_given_it")
"""The same for every seed, or about the records rather than the model."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The mean of a figure over runs.

    Attributes:
        n: runs in which it is known.
        mean: None where it is known in none.
        low, high: ends of the 95 % interval of the mean; None below two runs, where all
            runs agree, and of a share that is 0 or 1 in all.
        deviation: the runs' standard deviation (divided by n - 1); None below two runs.
    """

    n: int
    mean: float | None
    low: float | None
    high: float | None
    deviation: float | None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of several runs.

    Attributes:
        stage: ``valid``, ``test``, ``attack`` or ``training``.
        name: key in that stage's ``metrics.json``.
        budget: what the adversary may spend, as the config says it; None for what has no budget.
        values: one a run, in the order of the seeds; None where a run does not know it.
    """

    stage: str
    name: str
    budget: str | None
    values: tuple[float | None, ...]

    @property
    def estimate(self) -> Estimate:
        """Its mean and interval."""
        return estimate(self.values, share=self.is_share)

    @property
    def is_share(self) -> bool:
        """Whether it is a share, between 0 and 1."""
        return is_share(self.name)


def is_share(name: str) -> bool:
    """Whether a figure of that name is a share, between 0 and 1."""
    return name.endswith(("accuracy", "rate"))


def estimate(values: Sequence[float | None], *, share: bool = False) -> Estimate:
    """Mean of the known values, with Student's 95 % interval: mean ± t(0.975, n - 1) · deviation / √n.

    Args:
        values: one a run.
        share: whether they are shares; the interval is then that of their log odds.

    >>> round(estimate([1.0, 2.0, 3.0]).high, 4)  # 2 + 4.3027 / 3 ** 0.5
    4.4841
    """
    known = np.array([value for value in values if value is not None and np.isfinite(value)], np.float64)
    n = len(known)
    if n < 2:
        return Estimate(n=n, mean=float(known[0]) if n else None, low=None, high=None, deviation=None)
    mean, deviation = float(known.mean()), float(known.std(ddof=1))
    low, high = t_interval(mean, deviation**2 / n, n - 1, (0, 1) if share else None) or (None, None)
    return Estimate(n=n, mean=mean, low=low, high=high, deviation=deviation)


def figures(runs: Sequence[Mapping[str, Any]]) -> tuple[Figure, ...]:
    """Every figure of ``metrics.json`` of runs of one config, in the order in which a reader wants them.

    Args:
        runs: one a seed, each with the keys ``train`` (also ``training_seconds`` where that is known) and, where there
            was an attack, ``attack``.

    Raises InternalError for runs whose attacks had different budgets.
    """
    splits = [split for split in ("test", "valid") if any(split in run["train"] for run in runs)]
    found = [figure for split in splits for figure in _scores(split, [run["train"].get(split, {}) for run in runs])]
    if all("attack" in run for run in runs):
        found += _attacked([run["attack"] for run in runs])
    found += [_figure("training", name, [run["train"] for run in runs]) for name in _OF_TRAINING]
    return tuple(figure for figure in found if figure.estimate.n)


def _scores(stage: str, parts: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    names = dict.fromkeys(name for part in parts for name, value in part.items() if _is_number(value))
    return (_figure(stage, name, parts) for name in names if name not in _COUNTS)


def _attacked(attacks: Sequence[Mapping[str, Any]]) -> list[Figure]:
    clean = dict.fromkeys(name for attack in attacks for name in attack if name.startswith("clean_"))
    found = [_figure("attack", name, attacks) for name in clean if not name.endswith("_ci")]
    budgets = [[str(row["budget"]) for row in attack["budgets"]] for attack in attacks]
    if any(other != budgets[0] for other in budgets):
        raise InternalError(f"runs of one config attacked with different budgets: {budgets}")
    for level, budget in enumerate(budgets[0]):
        rows = [attack["budgets"][level] for attack in attacks]
        found += [_figure("attack", name, rows, budget) for name in _OF_A_BUDGET]
    return found


def _figure(stage: str, name: str, parts: Sequence[Mapping[str, Any]], budget: str | None = None) -> Figure:
    values = [part.get(name) for part in parts]
    numbers = tuple(float(value) if _is_number(value) else None for value in values)  # type: ignore[arg-type]
    return Figure(stage=stage, name=name, budget=budget, values=numbers)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
