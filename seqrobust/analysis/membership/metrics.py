"""An attack's scores in numbers that survive review: areas and rates with intervals, chance levels, groups, records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqrobust.analysis.membership.given import as_marks, as_scores
from seqrobust.analysis.membership.roc import (
    auc,
    balanced_accuracy,
    check_scores,
    roc,
    tpr_at_fpr,
)
from seqrobust.analysis.membership.scores import Floats
from seqrobust.analysis.membership.threshold import best_threshold
from seqrobust.errors import DataError
from seqrobust.statistics import clopper_pearson, wilson

RATES = (0.01, 0.001)
"""False-positive rates that are reported."""
_MOST_EXCHANGED = 20_000_000
"""Labels that are drawn for a p-value."""
_CELLS = 1 << 21
"""Permuted labels that are held at once."""


def attack_numbers(
    scores: ArrayLike,
    members: ArrayLike,
    *,
    threshold: float | None = None,
    clusters: NDArray[np.int64] | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The numbers of one attack, under the keys of ``metrics.json``.

    Args:
        scores: (n,) large for members.
        members: (n,) which records are.
        threshold: chosen beforehand, such as on shadow models; without one, each half of the records takes the
            threshold that is best on the other half.
        clusters: (n,) records that are answered alike, such as families: intervals of the area and p-values then rest
            on their number. Intervals of rates take records as independent.
        draws: exchanges of membership for the p-values; by default 999 to 4999, fewer of many records.
        seed: of the halves and the exchanges.

    Raises DataError where members or non-members are missing, or a score is not a number.
    """
    values, inside = _given(scores, members)
    held, others = values[inside], values[~inside]
    area = auc(held, others, None if clusters is None else (clusters[inside], clusters[~inside]))
    curve = roc(held, others)
    count = draws or int(np.clip(_MOST_EXCHANGED // len(values), 999, 4999))
    exchanged = partial(permutation_p_value, values, inside, clusters=clusters, draws=count, seed=seed)
    rates = [tpr_at_fpr(curve, wanted) for wanted in RATES]
    accuracy = (
        held_out_accuracy(values, inside, seed=seed)
        if threshold is None
        else balanced_accuracy(held, others, threshold)
    )
    return {
        "n_members": len(held),
        "n_nonmembers": len(others),
        "auc": area.auc,
        "auc_ci": area.interval,
        "p_value": exchanged(),
        "tpr_at_fpr": {f"{rate.wanted:g}": rate.tpr for rate in rates},
        "tpr_at_fpr_ci": {f"{rate.wanted:g}": rate.interval for rate in rates},
        "tpr_at_fpr_refused": {f"{rate.wanted:g}": rate.refused for rate in rates},
        "tpr_at_fpr_by_chance": {f"{rate.wanted:g}": rate.by_chance for rate in rates},
        "tpr_at_fpr_p_value": {
            f"{rate.wanted:g}": None if rate.refused else exchanged(fpr=rate.wanted) for rate in rates
        },
        "balanced_accuracy": accuracy,
        "advantage": None if accuracy is None else 2 * accuracy - 1,
        "largest_advantage": float((curve.tpr - curve.fpr).max()),
    }


def _given(scores: ArrayLike, members: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """(n,) scores and membership."""
    values = as_scores(scores)
    return values, as_marks(members, "membership", values.shape)


def held_out_accuracy(scores: ArrayLike, members: ArrayLike, *, seed: int = 0) -> float | None:
    """Balanced accuracy where each half takes the threshold that is best on the other; None of fewer than two each.

    The best threshold on the same records would call any noise an attack.
    """
    values, held = _given(scores, members)
    if min(int(held.sum()), int((~held).sum())) < 2:
        return None
    rng = np.random.default_rng(seed)
    first = np.zeros(len(values), bool)
    for kind in (held, ~held):
        places = rng.permutation(np.flatnonzero(kind))
        first[places[: len(places) // 2]] = True
    right = np.zeros(len(values), bool)
    for half in (first, ~first):
        cut = best_threshold(values[~half], held[~half])
        right[half] = cut.members(values[half]) == held[half]
    return float((right[held].mean() + right[~held].mean()) / 2)


def permutation_p_value(
    scores: ArrayLike,
    members: ArrayLike,
    *,
    fpr: float | None = None,
    clusters: NDArray[np.int64] | None = None,
    draws: int = 999,
    seed: int = 0,
) -> float:
    """One-sided p-value of no leak, from exchanges of membership among records.

    Args:
        scores, members: (n,) each.
        fpr: judge by the true-positive rate there; None for the area under the ROC.
        clusters: (n,) numbers of records that are exchanged together; exact for clusters of one size on one side, else
            as good as clusters are small.
        draws: exchanges; the p-value is (b + 1) / (draws + 1) (Davison & Hinkley 1997, section 4.3).
        seed: of those.
    """
    values, held = _given(scores, members)
    check_scores(values[held], values[~held])
    if draws < 1:
        raise DataError("a p-value is from exchanges of membership", expected="1 or more", found=str(draws))
    # In falling order of scores, the last place of each group of equal ones is where a threshold may stand.
    order = np.argsort(-values, kind="stable")
    ordered, labels = values[order], held[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    observed = _statistic(labels[None], last, fpr)[0]
    together = None if clusters is None else np.unique(clusters[order], return_inverse=True)[1]
    # A stream of its own: halves of shadow models are drawn from the plain seed.
    rng = np.random.default_rng([seed, 1])
    rows, reached = max(_CELLS // len(values), 1), 0
    for start in range(0, draws, rows):
        count = min(rows, draws - start)
        drawn = _exchanged(labels, together, count, rng)
        reached += int((_statistic(drawn, last, fpr) >= observed - 1e-9).sum())
    return (reached + 1) / (draws + 1)


def _exchanged(
    labels: NDArray[np.bool_], clusters: NDArray[np.int64] | None, count: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """(count, n) labels exchanged among records, those of a cluster as one."""
    if clusters is None or len(labels) == clusters.max() + 1:
        return np.asarray(rng.permuted(np.tile(labels, (count, 1)), axis=1))
    # Clusters are laid out one after another in an order of chance, as are records within each, and given the labels
    # of the order that they had.
    keys = rng.random((count, int(clusters.max()) + 1))[:, clusters] + 1e-9 * rng.random((count, len(labels)))
    places = keys.argsort(1)
    drawn = np.empty((count, len(labels)), bool)
    np.put_along_axis(drawn, places, np.tile(labels[np.argsort(clusters, kind="stable")], (count, 1)), 1)
    return drawn


def _statistic(labels: NDArray[np.bool_], last: NDArray[np.bool_], fpr: float | None) -> Floats:
    """(rows,) of (rows, n) membership in falling order of scores."""
    true, false = labels.cumsum(1)[:, last], (~labels).cumsum(1)[:, last]
    if fpr is None:
        # The area under straight lines between the points that can be had: ties count half.
        zero = np.zeros((len(labels), 1))
        x, y = np.hstack([zero, false]), np.hstack([zero, true])
        return np.asarray((np.diff(x) * (y[:, 1:] + y[:, :-1]) / 2).sum(1) / (x[:, -1] * y[:, -1]), np.float64)
    allowed = np.floor(fpr * false[:, -1:] + 1e-9)
    return np.asarray(np.where(false <= allowed, true, 0).max(1) / true[:, -1], np.float64)


def group_numbers(
    scores: ArrayLike, members: ArrayLike, groups: Sequence[str], *, fpr: float = 0.01
) -> list[dict[str, Any]]:
    """Who leaks: the attack within each group or class of records, most exposed members first.

    Args:
        scores, members: (n,) each.
        groups: n names.
        fpr: the threshold is that of all records together, as an attacker would choose it; the shares of a group's
            members and non-members above it come with Wilson intervals, and are None where all records together are too
            few for that rate.

    The area is within the group, and None where it lacks members or non-members.
    """
    values, held = _given(scores, members)
    names = np.asarray(groups, dtype=np.str_)
    if names.shape != values.shape:
        raise DataError("a group of each record", expected=str(values.shape), found=str(names.shape))
    cut = tpr_at_fpr(roc(values[held], values[~held]), fpr).threshold
    rows = [_one_group(str(name), values, held, names == name, cut) for name in np.unique(names)]
    return sorted(rows, key=lambda row: (-(row["found"] or 0.0), -(row["auc"] or 0.0), row["group"]))


def _one_group(
    name: str, scores: Floats, members: NDArray[np.bool_], inside: NDArray[np.bool_], cut: float | None
) -> dict[str, Any]:
    held, others = scores[inside & members], scores[inside & ~members]
    row: dict[str, Any] = {"group": name, "n_members": len(held), "n_nonmembers": len(others)}
    area = auc(held, others) if len(held) and len(others) else None
    row |= {"auc": area and area.auc, "auc_ci": area and area.interval}
    for key, part in (("found", held), ("accused", others)):
        hits = None if cut is None else int((part >= cut).sum())
        known = hits is not None and len(part) > 0
        row |= {key: hits / len(part) if known and hits is not None else None}
        row |= {f"{key}_ci": wilson(hits, len(part)) if known and hits is not None else None}
    return row


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """A member that an attack is sure of.

    Attributes:
        record: its number.
        score: the attack's.
        false_positives: non-members that score as high or higher.
        fpr_upper: one cannot say more than that the false-positive rate there is below this (95 % Clopper-Pearson).
    """

    record: int
    score: float
    false_positives: int
    fpr_upper: float


def most_exposed(scores: ArrayLike, members: ArrayLike, count: int = 20) -> list[Exposed]:
    """The members of the highest scores, the most exposed first; of equal scores the earlier record."""
    values, inside = _given(scores, members)
    held, others = np.flatnonzero(inside), np.sort(values[~inside])
    check_scores(values[held], others)
    best = held[np.argsort(-values[held], kind="stable")[:count]]
    above = len(others) - np.searchsorted(others, values[best], side="left")
    return [
        Exposed(
            record=int(record),
            score=float(values[record]),
            false_positives=int(hits),
            fpr_upper=clopper_pearson(int(hits), len(others))[1],
        )
        for record, hits in zip(best, above, strict=True)
    ]
