"""Can members be told from non-members without the model? Then an attack's success may say nothing about the model.

Non-members that come from elsewhere, from another year, organism or experiment, differ in composition, and an attack
then finds the difference rather than the membership (Duan et al. 2024, "Do membership inference attacks work on large
language models?"; Das et al. 2024, "Blind baselines beat membership inference attacks"). The test is a logistic
regression on k-mer frequencies, lengths and, if given, targets; it never sees the model. Targets are tested by
themselves too: of another composition or spread they mislead an attack as much, and a few numbers are lost among words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # type: ignore[import-untyped]

from seqrobust.analysis.membership.roc import auc
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.kmers import kmer_frequencies
from seqrobust.statistics import area_ends

LITTLE = 0.55
"""Area up to which members and non-members differ by little, however surely: as many are then told apart by chance."""
_MOST_VALUES = 2
"""Distinct values up to which a column of targets is a label's."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """What the test found.

    Attributes:
        auc: of telling a member from a non-member of the same held-out fold; 0.5 is chance.
        interval: 95 % of it.
        folds: held-out areas.
        k: letters of a word; 0 where targets alone were looked at.
        warning: what to tell the user; None where nothing was found.
    """

    auc: float
    interval: list[float]
    folds: tuple[float, ...]
    k: int
    warning: str | None

    @property
    def little(self) -> bool:
        """Whether what was found is too small to matter much."""
        return self.auc <= LITTLE


def shift_test(
    members: SequenceSet,
    nonmembers: SequenceSet,
    *,
    targets: tuple[NDArray[Any], NDArray[Any]] | None = None,
    clusters: NDArray[np.int64] | None = None,
    k: int | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Shift:
    """Whether members and non-members differ.

    Args:
        members, nonmembers: records.
        targets: (n,) and (m,) classes, or (n, T) and (m, T) labels or values, should a difference of these count too.
        clusters: (n + m,) cluster of each record, members first; a cluster is kept in one fold, for near copies would
            otherwise be recognised rather than told apart.
        k: letters of a word; by default 3 for nucleotides and 2 for protein.
        folds: of the cross-validation.
        seed: of the folds.

    Areas are taken within folds and averaged, each with DeLong's error; errors of the folds are added as if
    independent, though their training sets overlap, which makes the interval approximate: of 100 and 100 records of
    one population 6 % were called different, where an exact interval has 2.5 %.

    Raises DataError where there are fewer members or non-members than folds.
    """
    k = k if k is not None else (2 if members.alphabet.name == "PROTEIN" else 3)
    features = np.concatenate([_features(one, k) for one in (members, nonmembers)])
    if targets is not None:
        features = np.hstack([features, target_features(np.concatenate(targets))])
    found = _told_apart(features, (len(members), len(nonmembers)), clusters, folds, seed)
    return replace(found, k=k, warning=_warning(found, "word frequencies and lengths"))


def target_shift(
    targets: tuple[NDArray[Any], NDArray[Any]],
    *,
    clusters: NDArray[np.int64] | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Shift:
    """Whether members' targets are distributed as the non-members' are; see :func:`shift_test`."""
    features = target_features(np.concatenate(targets))
    found = _told_apart(features, (len(targets[0]), len(targets[1])), clusters, folds, seed)
    return replace(found, warning=_warning(found, "their targets alone"))


def target_features(targets: NDArray[Any]) -> Floats:
    """(N, F) of (N,) classes, a column each; or of (N, T) labels, or of values: their ranks, and how far from the
    middle these are, for a spread that differs moves no mean.
    """
    if targets.ndim == 1:
        return np.asarray(targets[:, None] == np.unique(targets), np.float64)
    columns = []
    for column in np.asarray(targets, np.float64).T:
        if len(np.unique(column)) <= _MOST_VALUES:
            columns.append(column)
        else:
            place = rankdata(column) / (len(column) + 1) - 0.5
            columns += [place, place**2]
    return np.stack(columns, 1)


def _told_apart(
    features: Floats, sizes: tuple[int, int], clusters: NDArray[np.int64] | None, folds: int, seed: int
) -> Shift:
    fewest = min(sizes)
    if fewest < folds or folds < 2:
        raise DataError(
            "the shift test sets records aside in folds",
            expected=f"{max(folds, 2)} members and non-members or more",
            found=f"{sizes[0]} and {sizes[1]}",
        )
    _check_clusters(clusters, sum(sizes), folds)
    labels = np.repeat([1, 0], sizes)
    splitter = (
        StratifiedKFold(folds, shuffle=True, random_state=seed)
        if clusters is None
        else StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    )
    areas = []
    for train, test in splitter.split(features, labels, clusters):
        if len(np.unique(labels[train])) == 2 and len(np.unique(labels[test])) == 2:
            scores = _scores(features[train], labels[train], features[test])
            held, others = scores[labels[test] == 1], scores[labels[test] == 0]
            # Relatives are answered alike here too: a fold of few families tells little.
            units = None if clusters is None else (clusters[test][labels[test] == 1], clusters[test][labels[test] == 0])
            areas.append(auc(held, others, units))
    if not areas:
        raise DataError("no fold holds members and non-members", fix="there are too few clusters: give none")
    value = float(np.mean([area.auc for area in areas]))
    variance = sum(area.error**2 for area in areas) / len(areas) ** 2
    counted = sizes if clusters is None else _units_of_sides(clusters, sizes[0])
    interval = area_ends(value, variance, counted, min(counted) - 1)
    return Shift(auc=value, interval=interval, folds=tuple(area.auc for area in areas), k=0, warning=None)


def _units_of_sides(clusters: NDArray[np.int64], members: int) -> tuple[int, int]:
    return len(np.unique(clusters[:members])), len(np.unique(clusters[members:]))


def _check_clusters(clusters: NDArray[np.int64] | None, records: int, folds: int) -> None:
    if clusters is None:
        return
    if np.shape(clusters) != (records,):
        raise DataError("a cluster of each record", expected=f"({records},)", found=str(np.shape(clusters)))
    if len(np.unique(clusters)) < folds:
        raise DataError(
            "the shift test keeps a cluster in one fold",
            expected=f"{folds} clusters or more",
            found=str(len(np.unique(clusters))),
            fix="there are too few clusters: give none",
        )


def _warning(found: Shift, seen: str) -> str | None:
    low, high = found.interval
    if low <= 0.5:
        return None
    told = f"(AUC {found.auc:.3f}, 95 % interval {low:.3f} to {high:.3f}, from {seen})"
    if found.little:
        return (
            f"members and non-members differ a little without the model {told}: so small a difference explains no "
            "attack that is much better, but may pass for one as weak"
        )
    return (
        f"members and non-members can be told apart without the model {told}: they do not come from one population, "
        "and an attack's success may be that difference rather than a leak; use non-members drawn at random from where "
        "the members came from"
    )


def _features(sequences: SequenceSet, k: int) -> Floats:
    lengths = np.log(sequences.lengths.astype(np.float64))[:, None]
    return np.hstack([kmer_frequencies(sequences, k), lengths])


def _scores(train: Floats, labels: NDArray[np.int64], test: Floats) -> Floats:
    mean, spread = train.mean(0), train.std(0)
    spread = np.where(spread > 1e-9, spread, 1)
    # A strong penalty: many words, often few records.
    model = LogisticRegression(C=0.1 / math.sqrt(train.shape[1]), max_iter=500, class_weight="balanced")
    model.fit((train - mean) / spread, labels)
    return np.asarray(model.decision_function((test - mean) / spread), np.float64)
