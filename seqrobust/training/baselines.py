"""What a model should beat: the mean, a ridge regression on letters or k-mers, and the nearest training record.

A network that is no better has learned nothing that counting letters does not; one that the nearest training record
rivals may have remembered. All see the training records alone; the ridge's penalty is chosen on validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.sequences import SequenceSet, Targets
from seqrobust.sequences.encoding import one_hot
from seqrobust.sequences.kmers import kmer_frequencies
from seqrobust.tasks import task_of
from seqrobust.training.data import Labelled
from seqrobust.training.metrics import prediction_metrics

MOST_TRAINED = 3_000
"""Training records that baselines see, a random sample of more."""
MOST_LETTERS = 4_000
"""Letters times positions up to which records of one length are described letter by letter."""
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
_FEATURES = {True: 5, False: 2}
"""Letters of a k-mer: of nucleotides, and of others."""
_LARGE = 30.0
"""A logit that is sure of its class."""

_KEPT = ("n", "accuracy", "balanced_accuracy", "mcc", "auroc", "average_precision", "mse", "mae", "r2", "spearman")

Features = NDArray[np.float64]


def baselines(train: Labelled, valid: Labelled, test: Labelled, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Figures of each baseline on test records, by its name; ``how`` says what a record was described by.

    Args:
        train, valid, test: records with targets of one task.
        seed: of the sample, where there are many training records.
    """
    chosen = np.random.default_rng(seed).permutation(len(train.sequences))[:MOST_TRAINED]
    known, values = train.sequences.take(np.sort(chosen)), _numbers(train.targets)[np.sort(chosen)]
    described, how = _described(known, valid.sequences, test.sequences)
    features, mean = [one - described[0].mean(0) for one in described], values.mean(0)
    ridge = _ridge(features, values - mean, _numbers(valid.targets) - mean) + mean
    near = values[_nearest(described[0], described[2])]
    still = np.repeat(mean[None], len(test.sequences), axis=0)
    if task_of(train.targets.task).exclusive:
        # Of rare classes a regression's value is small however clear the record: it is held against their share.
        ridge = ridge / np.maximum(mean, 1 / len(values))
    found = {"mean": (still, "always the same"), "ridge": (ridge, how), "nearest": (near, f"nearest by {how}")}
    return {name: {**_kept(_measured(test.targets, scores)), "how": how} for name, (scores, how) in found.items()}


def _kept(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: metrics[name] for name in _KEPT if name in metrics and not isinstance(metrics[name], dict)}


def _numbers(targets: Targets) -> Features:
    """(N, T) values, 0 or 1 for labels, and one-hot classes."""
    values = targets.values
    if not task_of(targets.task).exclusive:
        return np.asarray(values, np.float64).reshape(len(values), -1)
    return np.eye(len(targets.labels))[np.asarray(values, np.int64)]


def _measured(targets: Targets, scores: Features) -> dict[str, Any]:
    """What the scores would be worth as a model's outputs."""
    task = task_of(targets.task)
    if task.measured:
        return prediction_metrics(targets, scores.astype(np.float32))
    logits = (scores[:, 1:] - scores[:, :1] if task.two_sided else scores - (0.5 if task.independent else 0.0)) * _LARGE
    return prediction_metrics(targets, logits.astype(np.float32))


def _described(*parts: SequenceSet) -> tuple[list[Features], str]:
    """(N, D) of each set: letters by position where all records are of one length and not too long, else k-mers."""
    alphabet = parts[0].alphabet
    lengths = {int(length) for part in parts for length in np.unique(part.lengths)}
    if len(lengths) == 1 and next(iter(lengths)) * alphabet.size <= MOST_LETTERS:
        flat = [one_hot(torch.from_numpy(part.tokens), alphabet).numpy().reshape(len(part), -1) for part in parts]
        return [np.asarray(one, np.float64) for one in flat], "letters by position"
    k = _FEATURES[bool(alphabet.complement)]
    return [np.asarray(kmer_frequencies(part, k), np.float64) * 100 for part in parts], f"{k}-mer frequencies"


def _ridge(features: list[Features], values: Features, wanted: Features) -> Features:
    """(n, T) predictions of test records, by the penalty that is best on validation."""
    train, valid, test = features
    # With as many equations as records or as features, whichever are fewer.
    dual = len(train) < train.shape[1]
    gram = train @ train.T if dual else train.T @ train
    best: tuple[float, Features] | None = None
    for penalty in PENALTIES:
        system = gram + penalty * np.eye(len(gram))
        weights = train.T @ np.linalg.solve(system, values) if dual else np.linalg.solve(system, train.T @ values)
        error = float(((valid @ weights - wanted) ** 2).mean())
        if best is None or error < best[0]:
            best = (error, test @ weights)
    assert best is not None
    return best[1]


def _nearest(train: Features, test: Features) -> NDArray[np.int64]:
    """(n,) the training record nearest to each."""
    distance = (train**2).sum(1)[None] - 2 * test @ train.T
    return np.asarray(distance.argmin(1), np.int64)


SCORES = ("r2", "balanced_accuracy", "accuracy")
"""What models and baselines are compared by: the first that both have."""


def score_of(metrics: Mapping[str, Any]) -> tuple[str, float] | None:
    """The score by which a model is held against its baselines."""
    known = [name for name in SCORES if isinstance(metrics.get(name), float)]
    return (known[0], float(metrics[known[0]])) if known else None


def no_better(metrics: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What is to be said of a model that a baseline equals; None where it beats them all."""
    mine = score_of(metrics)
    if mine is None:
        return None
    name, value = mine
    scores = {other: float(found[name]) for other, found in others.items() if isinstance(found.get(name), float)}
    if not scores or max(scores.values()) < value:
        return None
    best = max(scores, key=lambda other: scores[other])
    how = str(others[best].get("how", ""))
    return (
        f"the model ({name.replace('_', ' ')} {value:.3f}) is no better than {_WORDS[best]} ({scores[best]:.3f}; {how})"
    )


_WORDS = {"mean": "always the same answer", "ridge": "a ridge regression", "nearest": "the nearest training record"}
