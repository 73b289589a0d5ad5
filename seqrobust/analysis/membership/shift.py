"""Can members be told from non-members without the model? Then an attack's success may say nothing about the model.

Non-members that come from elsewhere, from another year, organism or experiment, differ in composition, and an attack
then finds the difference rather than the membership (Duan et al. 2024, "Do membership inference attacks work on large
language models?"; Das et al. 2024, "Blind baselines beat membership inference attacks"). The test is a logistic
regression on k-mer frequencies, lengths and, if given, targets; it never sees the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # type: ignore[import-untyped]

from seqrobust.analysis.membership.roc import NOTHING, auc, of_few
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.kmers import kmer_frequencies


@dataclass(frozen=True, kw_only=True)
class Shift:
    """What the test found.

    Attributes:
        auc: of telling a member from a non-member of the same held-out fold; 0.5 is chance.
        interval: 95 % of it.
        folds: held-out areas.
        k: letters of a word.
        warning: what to tell the user; None where nothing was found.
    """

    auc: float
    interval: list[float]
    folds: tuple[float, ...]
    k: int
    warning: str | None


def shift_test(
    members: SequenceSet,
    nonmembers: SequenceSet,
    *,
    targets: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    clusters: NDArray[np.int64] | None = None,
    k: int | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Shift:
    """Whether members and non-members differ.

    Args:
        members, nonmembers: records.
        targets: (n,) and (m,) classes, should a difference of classes count; a shift of classes alone misleads an
            attack too.
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
    fewest = min(len(members), len(nonmembers))
    if fewest < folds or folds < 2:
        raise DataError(
            "the shift test sets records aside in folds",
            expected=f"{max(folds, 2)} members and non-members or more",
            found=f"{len(members)} and {len(nonmembers)}",
        )
    _check_clusters(clusters, len(members) + len(nonmembers), folds)
    k = k if k is not None else (2 if members.alphabet.name == "PROTEIN" else 3)
    features = np.concatenate([_features(one, k) for one in (members, nonmembers)])
    if targets is not None:
        classes = np.concatenate(targets)
        features = np.hstack([features, (classes[:, None] == np.unique(classes)).astype(np.float64)])
    labels = np.repeat([1, 0], [len(members), len(nonmembers)])
    splitter = (
        StratifiedKFold(folds, shuffle=True, random_state=seed)
        if clusters is None
        else StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    )
    areas = []
    for train, test in splitter.split(features, labels, clusters):
        if len(np.unique(labels[train])) == 2 and len(np.unique(labels[test])) == 2:
            scores = _scores(features[train], labels[train], features[test])
            areas.append(auc(scores[labels[test] == 1], scores[labels[test] == 0]))
    if not areas:
        raise DataError("no fold holds members and non-members", fix="there are too few clusters: give none")
    value = float(np.mean([area.auc for area in areas]))
    interval = _interval(value, math.sqrt(sum(area.error**2 for area in areas)) / len(areas), fewest)
    return Shift(
        auc=value,
        interval=interval,
        folds=tuple(area.auc for area in areas),
        k=k,
        warning=_warning(value, interval) if interval[0] > 0.5 else None,
    )


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


def _interval(value: float, error: float, fewest: int) -> list[float]:
    if error < NOTHING:
        return of_few(value, fewest)
    reach = float(norm.ppf(0.975)) * error
    return [max(value - reach, 0.0), min(value + reach, 1.0)]


def _warning(value: float, interval: list[float]) -> str:
    return (
        "members and non-members can be told apart without the model (AUC "
        f"{value:.2f}, 95 % interval {interval[0]:.2f} to {interval[1]:.2f}, from word frequencies and lengths): they "
        "do not come from one population, and an attack's success may be that difference rather than a leak; use "
        "non-members drawn at random from where the members came from"
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
