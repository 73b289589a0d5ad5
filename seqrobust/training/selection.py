"""Which epoch's weights are kept, by which score, and why.

Where classes are uneven, plain accuracy is best where a model answers the commonest class to all, and such an epoch
would be kept. There the score is balanced accuracy, unless the user says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import ConfigError
from seqrobust.measures import UNEVEN, uneven
from seqrobust.sequences import Targets
from seqrobust.tasks import task_of
from seqrobust.training.settings import AdversarialSettings, TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Selection:
    """How weights are chosen.

    Attributes:
        monitor: name of the score; None for the last weights.
        mode: ``max`` or ``min``.
        among_equals: a score of which less is better, where epochs are equal by the first; None for the earliest.
        rule: the rule in words, with its reason.
        notices: what the user should know of the records it rests on.
    """

    monitor: str | None
    mode: str
    among_equals: str | None = None
    rule: str
    notices: tuple[str, ...] = ()


_WORDS = {"clean": "validation", "robust": "robust validation", "both": "mean of clean and robust validation"}


def selection(
    settings: TrainingSettings, adversarial: AdversarialSettings | None, train: Targets, valid: Targets
) -> Selection:
    """What the settings come to on these records. Raises ConfigError for a score that training does not have."""
    select = settings.select
    if select == "auto":
        select = "both" if adversarial else "clean"
    if select in ("robust", "both") and adversarial is None:
        raise ConfigError(
            "robust selection needs an adversary", where="training.select", fix="give training.adversarial"
        )
    notices = tuple(_missing(train, valid))
    if select == "last":
        return Selection(monitor=None, mode="max", rule="the last epoch", notices=notices)
    if select == "loss":
        return Selection(monitor="valid_loss", mode="min", rule="smallest validation loss", notices=notices)
    if (task := task_of(train.task)).measured:
        return _by(select, task.score, "R2", "")
    balanced, why = _balanced(settings, train)
    if not balanced:
        return _by(select, "accuracy", "accuracy", why, notices)
    if not _tells_apart(valid):
        return _nothing_to_go_by(settings, notices)
    return _by(select, "balanced_accuracy", "balanced accuracy", why, notices)


def is_balanced(settings: TrainingSettings, train: Targets, valid: Targets) -> bool:
    """Whether the score is balanced accuracy: classes or labels are uneven, and validation can tell them apart."""
    return not task_of(train.task).measured and _balanced(settings, train)[0] and _tells_apart(valid)


def _tells_apart(valid: Targets) -> bool:
    return any((side > 0).sum() > 1 for side in sizes(valid))


def _by(select: str, score: str, words: str, why: str, notices: tuple[str, ...] = ()) -> Selection:
    names = {"clean": f"valid_{score}", "robust": f"valid_robust_{score}", "both": f"valid_both_{score}"}
    equals = "valid_loss" if score == "balanced_accuracy" else None
    rule = f"best {_WORDS[select]} {words}{', among equals the smallest validation loss' if equals else ''}{why}"
    return Selection(monitor=names[select], mode="max", among_equals=equals, rule=rule, notices=notices)


def _balanced(settings: TrainingSettings, train: Targets) -> tuple[bool, str]:
    """Whether the score is balanced, and why."""
    if settings.select_by != "auto":
        return settings.select_by == "balanced", f" (training.select_by: {settings.select_by})"
    counts = [side for side in sizes(train) if uneven(side.tolist())]
    if not counts:
        return False, ""
    if task_of(train.task).independent:
        return True, f" ({len(counts)} of {len(train.labels)} labels are uneven, more than {UNEVEN:g} to 1 in training)"
    commonest, rarest = counts[0].argmax(), counts[0].argmin()
    return True, (
        f" (classes are uneven, more than {UNEVEN:g} to 1: {train.labels[commonest]} {counts[0][commonest]}, "
        f"{train.labels[rarest]} {counts[0][rarest]} training records)"
    )


def sizes(targets: Targets) -> list[NDArray[np.int64]]:
    """Counts of the classes; of several labels, each label's of absent and present. None of a regression."""
    task = task_of(targets.task)
    if task.measured:
        return []
    if task.independent:
        present = (targets.values > 0).sum(0)
        return [np.array([len(targets) - count, count], np.int64) for count in present.tolist()]
    return [np.bincount(targets.values.astype(np.int64), minlength=len(targets.labels))]


def _missing(train: Targets, valid: Targets) -> Iterator[str]:
    """What validation cannot see."""
    if task_of(train.task).measured:
        return
    if task_of(train.task).independent:
        missing = [name for name, side in zip(train.labels, sizes(valid), strict=True) if not side[1]]
        seen = [name for name, side in zip(train.labels, sizes(train), strict=True) if side[1]]
    else:
        (there,), (taught,) = sizes(valid), sizes(train)
        missing = [name for name, count in zip(train.labels, there, strict=True) if not count]
        seen = [name for name, count in zip(train.labels, taught, strict=True) if count]
    if missing := [name for name in missing if name in seen]:
        names = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        yield (
            f"validation holds no record of {names}: no score of it says whether that is found; draw splits by "
            "class, or set more records aside"
        )


def _nothing_to_go_by(settings: TrainingSettings, notices: tuple[str, ...]) -> Selection:
    """Validation of a single class is best where a model knows nothing else."""
    if settings.patience is not None or settings.select != "auto":
        raise ConfigError(
            "weights are selected by balanced accuracy, and validation holds one class only",
            where="training.select" if settings.select != "auto" else "training.patience",
            fix="draw splits by class, or give training.select: last (or loss) without patience",
        )
    rule = "the last epoch (validation holds one class only, so no score of it tells a good epoch from a constant one)"
    return Selection(monitor=None, mode="max", rule=rule, notices=notices)
