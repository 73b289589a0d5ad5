"""Differences between subgroups: tests, effect sizes, and what may be said of them in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.subgroups.group_tests import all_groups, cliffs_delta, compare_two
from seqrobust.analysis.subgroups.grouping import CLASS, Grouping
from seqrobust.analysis.subgroups.outcomes import Outcomes
from seqrobust.analysis.subgroups.settings import FEWEST_DRAWS, Against
from seqrobust.errors import ConfigError
from seqrobust.statistics import Units, group_difference, holm, units_of

LEVEL = 0.05
"""Chance of any false difference that is taken."""
_MOST_PAIRED = 8
"""Groups beyond which each is compared with the rest instead of with every other."""
QUANTITIES = ("robust", "success", "clean")
"""Outcomes that are tested, the one that decides first."""


@dataclass(frozen=True, kw_only=True)
class TestSettings:
    """How groups are compared.

    Attributes:
        within_class: names are exchanged only among records of one class.
        against: every pair, each group against the rest, or by the number of groups.
        draws: of a permutation test.
        seed: of those.
    """

    __test__ = False

    within_class: bool = False
    against: Against = "auto"
    draws: int = 9999
    seed: int = 0

    def __post_init__(self) -> None:
        if self.against not in get_args(Against):
            raise ConfigError("unknown value", expected=", ".join(get_args(Against)), found=self.against)
        if self.draws < FEWEST_DRAWS:
            raise ConfigError(
                "a permutation test needs draws", expected=f"{FEWEST_DRAWS} or more", found=str(self.draws)
            )


def differences(outcomes: Outcomes, groups: Grouping, settings: TestSettings) -> dict[str, Any]:
    """Tests of every outcome over all groups, and comparisons of two under each.

    Comparisons are corrected among themselves by Holm's method; the tests over all groups are corrected by the caller,
    who knows how many groupings were looked at. See :func:`corrected`.
    """
    strata, units = _strata(outcomes, groups, settings), _units(outcomes, groups)
    tests = {}
    for name in QUANTITIES:
        values = outcomes.quantity(name)
        used = np.isfinite(values) & (groups.member >= 0)
        if name == "clean" and not outcomes.labelled:
            continue
        if len(np.unique(groups.member[used])) < 2:
            continue
        found = all_groups(
            values[used],
            groups.member[used],
            strata[used],
            draws=settings.draws,
            seed=settings.seed,
            units=units_of(units, used),
        )
        tests[name] = {
            "eta_squared": found.statistic,
            "p_value": found.p_value,
            "how": found.how,
            "draws": settings.draws,
            "comparisons": _comparisons(values, used, groups, strata, outcomes.unit(name), settings, units),
        }
    apart = bool(len(np.unique(strata)) > 1)
    mixed = not apart and groups.by != CLASS and outcomes.classes is not None and len(np.unique(outcomes.classes)) > 1
    return {"stratified_by_class": apart, "classes_mixed": mixed, "tests": tests}


def _strata(outcomes: Outcomes, groups: Grouping, settings: TestSettings) -> NDArray[np.int64]:
    if not settings.within_class or outcomes.classes is None or groups.by == CLASS:
        return np.zeros(len(outcomes.ids), np.int64)
    number: NDArray[np.int64] = np.unique(outcomes.classes, return_inverse=True)[1]
    return number


def _units(outcomes: Outcomes, groups: Grouping) -> Units:
    """Clusters of records; None where each group is one cluster: then it is the clusters that are compared."""
    units, known = outcomes.units, groups.member >= 0
    if units is None:
        return None
    pairs = np.unique(np.stack([groups.member[known], units[known]]), axis=1)
    return None if len(np.unique(pairs[0])) == pairs.shape[1] else units


def _comparisons(
    values: NDArray[np.float64],
    used: NDArray[np.bool_],
    groups: Grouping,
    strata: NDArray[np.int64],
    unit: float | None,
    settings: TestSettings,
    units: Units,
) -> list[dict[str, Any]]:
    present = [number for number in range(len(groups.names)) if (used & (groups.member == number)).any()]
    rest = settings.against == "rest" or (settings.against == "auto" and len(present) > _MOST_PAIRED)
    pairs: list[tuple[int, int | None]] = [(one, None) for one in present] if rest else list(combinations(present, 2))
    rows = []
    for one, other in pairs:
        first = used & (groups.member == one)
        second = used & (groups.member != one if other is None else groups.member == other)
        both = first | second
        # Correcting for many comparisons asks for small p-values, and those for many draws.
        draws = int(np.clip(40 * len(pairs) / LEVEL, settings.draws, 99_999))
        test = compare_two(
            values[both],
            first[both],
            strata[both],
            unit=unit,
            draws=draws,
            seed=settings.seed,
            units=units_of(units, both),
        )
        rows.append(
            {
                "group": groups.names[one],
                "other": "the rest" if other is None else groups.names[other],
                "n": [int(first.sum()), int(second.sum())],
                "means": [float(values[first].mean()), float(values[second].mean())],
                "difference": float(values[first].mean() - values[second].mean()),
                "difference_ci": group_difference(
                    values[first], values[second], (units_of(units, first), units_of(units, second))
                ),
                "within_strata": test.statistic,
                "cliffs_delta": cliffs_delta(values[first], values[second]),
                **{key: value for key, value in asdict(test).items() if key in ("p_value", "how", "smallest")},
            }
        )
    for row, p_value in zip(rows, holm(np.array([row["p_value"] for row in rows])).tolist(), strict=True):
        row["p_holm"] = p_value
        row["decidable"] = row["smallest"] * len(rows) <= LEVEL
    return rows


def corrected(found: dict[str, dict[str, Any]]) -> None:
    """Holm's correction over the groupings, put beside each test of all groups as ``p_holm``.

    Each outcome is corrected by itself: a grouping is judged by one, the first of :data:`QUANTITIES`, and the others
    are nearly the same numbers again.
    """
    for name in QUANTITIES:
        tests = [one["tests"][name] for one in found.values() if name in one["tests"]]
        for test, p_value in zip(tests, holm(np.array([test["p_value"] for test in tests])).tolist(), strict=True):
            test["p_holm"] = p_value


def verdict(by: str, found: dict[str, Any], *, regression: bool) -> str:
    """The :func:`statement` of a grouping, after the name of its column."""
    return f"{by}: {statement(found, regression=regression)}"


def statement(found: dict[str, Any], *, regression: bool) -> str:
    """In words: which group is weaker and by how much, or that no difference survives correction."""
    test = found["tests"].get("robust")
    if test is None:
        return "nothing to compare"
    where = " within classes" if found["stratified_by_class"] else ""
    if test["p_holm"] > LEVEL:
        return f"no difference between groups{where} survives correction (p = {test['p_holm']:.2g})"
    stratified = found["stratified_by_class"]
    sure = [row for row in test["comparisons"] if row["p_holm"] <= LEVEL and (stratified or _apart(row))]
    if not sure:
        return f"the groups differ{where} (p = {test['p_holm']:.2g}), but no two groups alone are told apart"
    what = "is moved farther" if regression else "is less robust"
    row = max(sure, key=lambda one: abs(one["within_strata"]))
    more = f"; {len(sure)} of {len(test['comparisons'])} comparisons survive correction"
    gap = _gap(row, regression=regression, stratified=found["stratified_by_class"])
    weaker, other = _weaker_first(row, [row["group"], row["other"]], regression=regression)
    text = f"{weaker} {what} than {other}{where}: {gap} (p = {row['p_holm']:.2g}{more})"
    # A group may be weaker for no other reason than that it holds more of a class that is.
    return text + (", classes not held apart" if found["classes_mixed"] else "")


def _apart(row: dict[str, Any]) -> bool:
    """Whether the interval of the difference leaves out 0, on the side of the difference."""
    ends = row["difference_ci"]
    return ends is not None and (ends[0] > 0 or ends[1] < 0)


def _weaker_first(row: dict[str, Any], pair: list[Any], *, regression: bool) -> list[Any]:
    return pair if (row["within_strata"] > 0) == regression else pair[::-1]


def _gap(row: dict[str, Any], *, regression: bool, stratified: bool) -> str:
    """Means over all budgets, and their difference; that within classes where it is what was tested."""
    scale, unit, digits = (1, "", 3) if regression else (100, " %", 1)
    means = _weaker_first(row, row["means"], regression=regression)
    ends = row["difference_ci"]
    sign = 1 if (row["within_strata"] > 0) == regression else -1
    text = (
        f"over all budgets {scale * means[0]:.{digits}f}{unit} against {scale * means[1]:.{digits}f}{unit}, difference "
    )
    text += f"{scale * (means[0] - means[1]):+.{digits}f}"
    if ends is not None:
        low, high = sorted(sign * end for end in ends)
        text += f" [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"
    if stratified:
        text += f", within classes {scale * sign * row['within_strata']:+.{digits}f}"
    return text
