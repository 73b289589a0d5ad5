"""Who is who: the records that are attacked, natural ones that set thresholds, and those that scores are fitted to."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.attacks import predictions
from seqrobust.errors import ConfigError, DataError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets, encode_targets
from seqrobust.tasks import task_of

FEW = 64
"""Records on which a model is tried."""
_FITTED = 5000
"""Records that a background and a density are fitted to at most."""
_FEWEST = 20
"""Natural records that a threshold needs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """Who is who: attacked records, natural ones for thresholds, and those that scores are fitted to."""

    attacked: SequenceSet
    targets: Targets
    calibration: SequenceSet
    fitted: SequenceSet
    classes: NDArray[np.int64]


def divided(
    whole: SequenceSet,
    predictor: Predictor,
    split: str | None,
    fit_split: str | None,
    most: int | None,
    among: Set[str] | None,
    seed: int,
) -> Records:
    """Attacked, calibrating and fitted records, none of them of two kinds where the file has splits to keep apart."""
    names = [] if whole.splits is None else sorted(set(whole.splits.tolist()))
    fit_split = fit_split or ("train" if "train" in names and split != "train" else None)
    if fit_split is not None and fit_split == split:
        raise ConfigError("scores are fitted to other records than they are tried on", found=f"--fit-split {split}")
    used = whole if split is None else whole.in_split(split)
    if split is None and fit_split is not None and whole.splits is not None:
        used = whole.take(whole.splits != fit_split)
    order = np.random.default_rng(seed).permutation(len(used))
    parts = 2 if fit_split is not None else 3
    known = np.array([among is None or name in among for name in used.ids], bool)
    # Those that may be attacked first; the others are natural records all the same.
    order = order[np.argsort(~known[order], kind="stable")]
    size = min(most or len(used), int(known.sum()), len(used) // parts)
    rest = order[size:]
    calibration = rest if fit_split is not None else rest[: len(rest) // 2]
    if size < 2 or len(calibration) < _FEWEST:
        raise DataError(
            "there are too few records to set a threshold on some and to attack others",
            expected=f"{_FEWEST} records beside those attacked",
            found=f"{len(used)} records",
        )
    fitted = whole.in_split(fit_split) if fit_split is not None else used.take(np.sort(rest[len(rest) // 2 :]))
    fitted = fitted.take(np.sort(np.random.default_rng(seed).permutation(len(fitted))[:_FITTED]))
    attacked = used.take(np.sort(order[:size]))
    predictor.check(torch.tensor(attacked.tokens[:FEW]))
    return Records(
        attacked=attacked,
        targets=_targets(predictor, attacked),
        calibration=used.take(np.sort(calibration[:_FITTED])),
        fitted=fitted,
        classes=_classes(predictor, fitted),
    )


def _targets(predictor: Predictor, sequences: SequenceSet) -> Targets:
    """What is true; the clean prediction where nothing else is known."""
    if sequences.targets is not None:
        return encode_targets(sequences.targets, predictor.task, predictor.labels)
    with predictor.attached():
        logits = predictor.logits(torch.tensor(sequences.tokens).to(predictor.device))
    values = predictions(predictor.task, logits).cpu().numpy()
    return Targets(task=predictor.task, labels=predictor.labels or (), values=values)


def _classes(predictor: Predictor, fitted: SequenceSet) -> NDArray[np.int64]:
    """(N,) classes for a density; one for all where records are of several labels, or of values."""
    if not task_of(predictor.task).exclusive:
        return np.zeros(len(fitted), np.int64)
    classes: NDArray[np.int64] = np.asarray(_targets(predictor, fitted).values, np.int64)
    return classes
