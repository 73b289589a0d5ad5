"""What an audit found in numbers and in plain words: ``metrics.json`` and ``results.parquet``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.membership import (
    Copies,
    Shift,
    attack_numbers,
    auc,
    cluster_records,
    group_numbers,
    held_out_accuracy,
    joined_clusters,
    most_exposed,
    roc,
    shift_test,
    target_shift,
    tpr_at_fpr,
)
from seqrobust.analysis.membership.scores import Floats
from seqrobust.analysis.privacy.performance import performance_of, performance_words
from seqrobust.analysis.privacy.pool import Pool
from seqrobust.analysis.privacy.scores import Score, Scores
from seqrobust.analysis.privacy.settings import WITH_SHADOWS
from seqrobust.analysis.privacy.shadows import Shadows
from seqrobust.errors import DataError
from seqrobust.files import plain
from seqrobust.sequences.dividing.relatives import MOST_ALIGNED
from seqrobust.tasks import task_of

_GROUPS = 40
"""Groups above which numbers of each would be of hardly a record."""
_RATE = "0.01"
_LEVEL = 0.05
_RELATED = 0.7
"""Share of letters in common from which on records may be known again by their words."""
_ALIGNED = 0.6
"""The same for short records, where no pair counts that chance reaches."""
_MIXED = 0.05
"""Share of non-members with a relative among the members, up to which these count as split by relatives."""
_LARGEST = 0.2
"""Share of the records that one fold in five has."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shifts:
    """Whether the sides differ without the model: by sequences with targets, and by targets alone; else why not."""

    records: Shift | None
    targets: Shift | None
    why_none: str | None

    @property
    def warnings(self) -> list[str]:
        """What was found, and what could not be looked at."""
        found = [one.warning for one in (self.records, self.targets) if one is not None and one.warning]
        if self.why_none:
            found.append(f"whether members and non-members differ without the model was not tested: {self.why_none}")
        return found

    @property
    def largest(self) -> Shift | None:
        """That by which the sides differ most; None where nothing was found."""
        warned = [one for one in (self.records, self.targets) if one is not None and one.warning]
        return max(warned, key=lambda one: one.auc, default=None)


def shift_of(pool: Pool, together: NDArray[np.int64]) -> Shifts:
    """The shift tests, relatives in one fold."""
    values = pool.targets.values
    targets = (values[pool.is_member], values[~pool.is_member])
    try:
        records = shift_test(*pool.sides, targets=targets, clusters=together)
        return Shifts(records=records, targets=target_shift(targets, clusters=together), why_none=None)
    except (DataError, ValueError) as error:
        return Shifts(records=None, targets=None, why_none=" ".join(str(error).split()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Relatives:
    """(N,) clusters of records that are answered alike, and what should be known of how they were found."""

    numbers: NDArray[np.int64]
    notices: tuple[str, ...] = ()


def relatives(pool: Pool, copies: Copies, *, identity: float, seed: int) -> Relatives:
    """Clusters of records that are answered alike: more distant relatives than near copies, and whole groups.

    The shift test keeps them in one fold, for a relative in another is known again by its words, which says nothing of
    where members and non-members come from; intervals and p-values take them as one. Clusters and groups so large that
    folds would be unlike are not joined, which is said.
    """
    found, notices, count = np.arange(len(copies.clusters)), [], len(copies.clusters)
    wanted = _ALIGNED if np.median(pool.sequences.lengths) <= MOST_ALIGNED else _RELATED
    # Variants of one sequence, say, are all relatives: what sets them apart then is what is asked.
    kinds: list[tuple[str, Callable[[], NDArray[np.int64]]]] = [("near copies of each other", lambda: copies.clusters)]
    if identity > wanted:
        said = f"relatives of {100 * wanted:g} % identity or more"
        kinds.append((said, lambda: cluster_records(pool.sequences, identity=wanted, seed=seed).numbers))
    if pool.groups is not None:
        names: NDArray[np.int64] = np.unique(pool.groups, return_inverse=True)[1]
        kinds.append(("of one group", lambda: names))
    for said, clusters_of in kinds:
        joined = joined_clusters([found, clusters_of()])
        largest = int(np.bincount(joined).max())
        if largest <= _LARGEST * count:
            found = joined
        else:
            notices.append(
                f"{largest:,} of {count:,} records are {said}, directly or through others: too many to be one unit, so "
                "that they are taken one by one; intervals and p-values then hold only if it was drawn at random which "
                "of them are members"
            )
    return Relatives(numbers=found, notices=tuple(notices))


def split_units(pool: Pool, copies: Copies, together: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) clusters that stay in one half of a shadow model: relatives where members and non-members are split so
    themselves, for shadow models should come about as the audited one did; else near copies.
    """
    mixed = np.isin(together[~pool.is_member], together[pool.is_member]).mean()
    return together if mixed <= _MIXED else copies.clusters


def metrics_of(
    pool: Pool,
    scores: Scores,
    copies: Copies,
    shift: Shifts,
    shadows: Shadows | None,
    together: NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    """``metrics.json``."""
    left_out = dict(scores.left_out) | ({"shift": shift.why_none} if shift.why_none else {})
    attacks = {name: _numbers(pool, score, copies, together, seed) for name, score in scores.found.items()}
    best = best_attack(attacks)
    values = scores.found[best].values
    copied = copies.exact | copies.other_strand | copies.near
    metrics: dict[str, Any] = {
        "task": pool.targets.task,
        "n_members": int(pool.is_member.sum()),
        "n_nonmembers": int((~pool.is_member).sum()),
        "verdict": "",
        "best_attack": best,
        "attacks": attacks,
        "performance": performance_of(pool, together),
        "shift": _shift_numbers(shift),
        "clusters": int(together.max()) + 1,
        "copies": {
            "exact": int(copies.exact.sum()),
            "other_strand": int(copies.other_strand.sum()),
            "near": int(copies.near.sum()),
            "members_touched": int(copies.touched.sum()),
            "nonmembers_left": int((~copied).sum()),
            "how": copies.how,
            "warning": copies.warning,
        },
        "shadows": {
            "n": 0 if shadows is None else len(shadows.inside),
            "training": None if shadows is None else shadows.how,
        },
        "left_out": left_out,
        "per_class": _of_groups(values, pool, pool.class_names),
        "per_group": _of_groups(values, pool, pool.groups),
        "exposed": [
            {"id": pool.ids[one.record], "score": one.score, "false_positives": one.false_positives}
            | {"fpr_upper": one.fpr_upper}
            for one in most_exposed(values, pool.is_member)
        ],
    }
    metrics["verdict"] = verdict(metrics, shift.largest)
    held: dict[str, Any] = plain(metrics)
    return held


def _shift_numbers(shift: Shifts) -> dict[str, Any] | None:
    if shift.records is None or shift.targets is None:
        return None
    one, other = (
        {"auc": found.auc, "auc_ci": found.interval, "warning": found.warning}
        for found in (shift.records, shift.targets)
    )
    return {**one, "k": shift.records.k, "targets": other}


def _numbers(pool: Pool, score: Score, copies: Copies, together: NDArray[np.int64], seed: int) -> dict[str, Any]:
    values, members = score.values, pool.is_member
    numbers = attack_numbers(values, members, threshold=score.threshold, clusters=together, seed=seed)
    numbers |= {
        "threshold": score.threshold,
        "balanced_accuracy_held_out": held_out_accuracy(values, members, seed=seed),
    }
    kept = members.copy()
    kept[~members] = ~(copies.exact | copies.other_strand | copies.near)
    return numbers | {"without_copies": _without(values, members, kept, together) if kept[~members].any() else None}


def _without(
    values: Floats, members: NDArray[np.bool_], kept: NDArray[np.bool_], together: NDArray[np.int64]
) -> dict[str, Any]:
    """What is found where non-members are near copies of no member."""
    others = kept & ~members
    area = auc(values[members], values[others], (together[members], together[others]))
    rate = tpr_at_fpr(roc(values[members], values[others]), float(_RATE))
    return {"auc": area.auc, "auc_ci": area.interval, "tpr_at_fpr": {_RATE: rate.tpr}}


def _of_groups(values: Floats, pool: Pool, names: list[str] | tuple[str, ...] | None) -> list[dict[str, Any]] | None:
    if names is None or not 1 < len(set(names)) <= _GROUPS:
        return None
    return group_numbers(values, pool.is_member, names)


def best_attack(attacks: dict[str, dict[str, Any]]) -> str:
    """The attack that finds most members at a false-positive rate of 1 %; where that is no help, by AUC."""
    return max(attacks, key=lambda name: (attacks[name]["tpr_at_fpr"][_RATE] or 0.0, attacks[name]["auc"]))


def verdict(metrics: dict[str, Any], shift: Shift | None) -> str:
    """What was found, in plain words; ``shift`` is by what the sides differ without the model."""
    attacks, best = metrics["attacks"], metrics["best_attack"]
    one = attacks[best]
    said = [_share_found(one, best)]
    # The best of several is better by chance alone: p-values are multiplied by their number (Bonferroni).
    rate = one["tpr_at_fpr_p_value"][_RATE]
    tried = [one["p_value"], *([rate] if rate is not None else [])]
    p = min(1.0, len(attacks) * len(tried) * min(tried))
    ends = one["auc_ci"]
    interval = "(too few records for an interval" if ends is None else f"[{ends[0]:.3f}, {ends[1]:.3f}] (chance 0.5"
    said.append(
        f"it tells a member from a non-member with an AUC of {one['auc']:.3f} {interval}); "
        + ("together this is more than chance" if p < _LEVEL else "this cannot be told from chance")
        + f" (p = {p:.2g}, corrected for {len(attacks)} attack{'s' if len(attacks) > 1 else ''})"
    )
    if shift is not None:
        said.append(_shift_words(shift, ends))
    said.append(performance_words(metrics["performance"]))
    left, n = metrics["copies"]["nonmembers_left"], metrics["n_nonmembers"]
    if 2 * left < n:
        said.append(f"{n - left:,} of {n:,} non-members are near copies of members, which hides what leaks")
    if not any(name in attacks for name in WITH_SHADOWS):
        said.append("attacks with shadow models, which are stronger, were not tried: true leaks may be larger")
    return "; ".join(said)


def _shift_words(shift: Shift, ends: list[float] | None) -> str:
    """What a difference without the model means for the attack beside it."""
    if shift.little and ends is not None and ends[0] > shift.interval[1]:
        return (
            f"members and non-members differ a little without the model (AUC {shift.auc:.3f}), too little to be what "
            "the attack found"
        )
    return (
        f"but members and non-members differ without the model (AUC {shift.auc:.3f}), so that this may be no leak of "
        "the model's"
    )


def _share_found(one: dict[str, Any], name: str) -> str:
    rate = one["tpr_at_fpr"][_RATE]
    if rate is None:
        refused = one["tpr_at_fpr_refused"][_RATE]
        return f"what an adversary finds who may be wrong once in a hundred is not known: {refused}"
    low, high = one["tpr_at_fpr_ci"][_RATE]
    return (
        f"an adversary who may be wrong once in a hundred finds {100 * rate:.1f} % [{100 * low:.1f}, {100 * high:.1f}] "
        f"of the members ({name.replace('_', ' ')}); chance finds {100 * one['tpr_at_fpr_by_chance'][_RATE]:.2g} %"
    )


def record_table(pool: Pool, scores: Scores, copies: Copies, best: str) -> pd.DataFrame:
    """A row per record, by the best attack's score, the most exposed first."""
    copied = np.full(len(pool.ids), "none", dtype="<U12")
    aside = np.flatnonzero(~pool.is_member)
    for name, marks in (("near", copies.near), ("other strand", copies.other_strand), ("exact", copies.exact)):
        copied[aside[marks]] = name
    columns: dict[str, Any] = {"id": pool.ids, "member": pool.is_member, "class": _classes(pool), "copy": copied}
    if pool.groups is not None:
        columns["group"] = pool.groups
    for name, score in scores.found.items():
        columns[name] = score.values
        if score.posterior is not None:
            columns[f"{name}_posterior"] = score.posterior
    table: pd.DataFrame = pd.DataFrame(columns)
    order: NDArray[np.int64] = np.argsort(-scores.found[best].values, kind="stable")
    ordered: pd.DataFrame = table.iloc[order].reset_index(drop=True)
    return ordered


def _classes(pool: Pool) -> list[str]:
    """Class names, names of labels joined by semicolons, or a regression's values."""
    if pool.class_names is not None:
        return pool.class_names
    if task_of(pool.targets.task).measured:
        return [";".join(f"{value:g}" for value in row) for row in pool.targets.values]
    labels = pool.targets.labels
    return [";".join(labels[i] for i in np.flatnonzero(row)) for row in pool.targets.values]
