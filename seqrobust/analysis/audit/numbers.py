"""Invariants of numbers, whatever an analysis is about: intervals hold their estimates, shares lie between 0 and 1, and
tables hold what they should."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.audit.outcome import Outcome, faults_of

_ROUNDING = 1e-9
_SHARES = ("accuracy", "rate", "auc", "auroc", "certified_accuracy")
"""Endings of names of what lies between 0 and 1."""


def intervals_hold(metrics: Mapping[str, Any]) -> Outcome:
    """Every ``NAME_ci`` runs upwards and holds ``NAME``."""
    pairs = list(_intervals(metrics, ""))
    faults = [
        f"{name} is {value:.6g}, its interval {low:.6g} to {high:.6g}"
        for name, value, low, high in pairs
        if not low - _near(low) <= value <= high + _near(high)
    ]
    what = "every estimate of metrics.json against its own interval"
    return faults_of("intervals hold their estimates", what, len(pairs), faults, verdict="doubtful")


def _near(value: float) -> float:
    return _ROUNDING * max(1.0, abs(value))


def _intervals(found: Any, name: str) -> Iterator[tuple[str, float, float, float]]:
    """Names, estimates and ends, however deep; those without a value are no matter."""
    if isinstance(found, Mapping):
        for key, ends in found.items():
            estimate = found.get(str(key).removesuffix("_ci")) if str(key).endswith("_ci") else None
            if (
                isinstance(estimate, int | float)
                and _is_number(estimate)
                and isinstance(ends, Sequence)
                and len(ends) == 2
                and all(map(_is_number, ends))
            ):
                yield f"{name}{str(key).removesuffix('_ci')}", float(estimate), float(ends[0]), float(ends[1])
        for key, inner in found.items():
            yield from _intervals(inner, f"{name}{key}.")
    elif isinstance(found, list | tuple):
        for number, inner in enumerate(found, 1):
            yield from _intervals(inner, f"{name}{number}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def shares_possible(metrics: Mapping[str, Any]) -> Outcome:
    """Accuracies, rates and areas lie between 0 and 1."""
    shares = list(_shares(metrics, ""))
    faults = [f"{name} is {value:.6g}" for name, value in shares if not -_ROUNDING <= value <= 1 + _ROUNDING]
    return faults_of("shares between 0 and 1", "accuracies, rates and areas of metrics.json", len(shares), faults)


def _shares(found: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(found, Mapping):
        for key, inner in found.items():
            if _is_number(inner) and str(key).rpartition("_")[2] in _SHARES:
                yield f"{name}{key}", float(inner)
            yield from _shares(inner, f"{name}{key}.")
    elif isinstance(found, list | tuple):
        for number, inner in enumerate(found, 1):
            yield from _shares(inner, f"{name}{number}.")


def metrics_sound(metrics: Mapping[str, Any]) -> Iterator[Outcome]:
    """What may be asked of any analysis's numbers."""
    yield intervals_hold(metrics)
    yield shares_possible(metrics)


def finite(name: str, values: pd.Series | np.ndarray, what: str) -> Outcome:
    """All of some numbers are numbers."""
    numbers = np.asarray(values, np.float64)
    wrong = int((~np.isfinite(numbers)).sum())
    return faults_of(name, what, numbers.size, [f"{wrong} of {numbers.size} are not"] if wrong else [])


def rows_expected(name: str, what: str, rows: int, expected: int) -> Outcome:
    """A table has as many rows as there are cases."""
    return faults_of(name, what, rows, [] if rows == expected else [f"it has {rows} rows instead of {expected}"])


def counts_add_up(name: str, what: str, parts: Sequence[int], whole: int) -> Outcome:
    """Parts make the whole."""
    total = sum(parts)
    return faults_of(name, what, whole, [] if total == whole else [f"parts come to {total}, the whole is {whole}"])


def equal_numbers(name: str, what: str, said: np.ndarray, again: np.ndarray, share: float) -> Outcome:
    """Numbers that were kept, and the same computed again, but for a share of the largest of them."""
    said, again = np.asarray(said, np.float64), np.asarray(again, np.float64)
    size = np.abs(again[np.isfinite(again)]).max(initial=0.0)
    with np.errstate(invalid="ignore"):
        apart = ~((said == again) | (np.abs(said - again) <= share * size) | (np.isnan(said) & np.isnan(again)))
    faults = [f"{a:.6g} was kept, and is {b:.6g}" for a, b in zip(said[apart], again[apart], strict=True)]
    return faults_of(name, what, said.size, faults)
