"""Threshold attacks: a record is called a member where one number of it is large enough.

The oldest attack, and the cheapest: it needs the audited model alone (Yeom et al. 2018, "Privacy risk in machine
learning"). Easy classes have small losses whether seen or not, so that each class may have a threshold of
its own (Song & Mittal 2021). Where the threshold comes from is part of the attack: one found on the very records it is
judged on flatters it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqrobust.analysis.membership.given import as_marks, as_scores
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError

FEWEST = 10
"""Members, and non-members, below which a class takes the threshold of all records."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Threshold:
    """Thresholds, one for all records or one for each class.

    Attributes:
        overall: at or above which a record is called a member.
        classes: class to its own threshold.
    """

    overall: float
    classes: dict[int, float]

    def lead(self, scores: ArrayLike, classes: NDArray[np.int64] | None = None) -> Floats:
        """(N,) by how much each record's score exceeds its threshold: a score for which 0 is the threshold."""
        values = as_scores(scores)
        cuts = self._cuts(values, classes)
        # Of infinite ones that are alike the difference is no number.
        rest = np.subtract(values, cuts, out=np.zeros_like(values), where=values != cuts)
        return np.asarray(rest, np.float64)

    def members(self, scores: ArrayLike, classes: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(N,) which records are called members."""
        values = as_scores(scores)
        return np.asarray(values >= self._cuts(values, classes), np.bool_)

    def _cuts(self, scores: Floats, classes: NDArray[np.int64] | None) -> Floats:
        cuts = np.full(len(scores), self.overall)
        for number, cut in {} if classes is None else self.classes.items():
            cuts[np.asarray(classes) == number] = cut
        return cuts


def mean_loss_threshold(training_losses: ArrayLike) -> Threshold:
    """For minus losses: a member is what has at most the mean loss in training, which is often published (Yeom et al.
    2018). Raises DataError for no loss at all.
    """
    losses = as_scores(training_losses, "training losses")
    if not len(losses):
        raise DataError("a mean loss needs a loss")
    return Threshold(overall=-float(losses.mean()), classes={})


def best_threshold(scores: ArrayLike, members: ArrayLike, classes: NDArray[np.int64] | None = None) -> Threshold:
    """The threshold of the largest balanced accuracy on records whose membership is known.

    Args:
        scores: (n,) large for members; of shadow models, or of records set aside.
        members: (n,) bool.
        classes: (n,) for thresholds of each class with :data:`FEWEST` or more of either kind.

    Raises DataError where there are only members or only non-members.
    """
    values = as_scores(scores)
    held = as_marks(members, "membership", values.shape)
    if held.all() or not held.any():
        raise DataError("a threshold is found between members and non-members", found=f"{int(held.sum())} members")
    own = {}
    for number in [] if classes is None else np.unique(classes).tolist():
        inside = np.asarray(classes) == number
        known = held[inside]
        if min(int(known.sum()), int((~known).sum())) >= FEWEST:
            own[int(number)] = _best(values[inside], known)
    return Threshold(overall=_best(values, held), classes=own)


def _best(scores: Floats, members: NDArray[np.bool_]) -> float:
    """Half-way between the score that is best to stop at and the next lower one; of equally good ones the lowest."""
    values, place = np.unique(scores, return_inverse=True)
    held = np.bincount(place[members], minlength=len(values))
    others = np.bincount(place[~members], minlength=len(values))
    # At or above each value, from the smallest on; in whole numbers, so that ties are ties.
    true, false = held[::-1].cumsum()[::-1], others[::-1].cumsum()[::-1]
    at = int(np.argmax(true * others.sum() - false * held.sum()))
    if at == 0:
        return float(values[0])
    lower, upper = float(values[at - 1]), float(values[at])
    half = lower / 2 + upper / 2
    # Between neighbouring numbers there is none, and half-way to infinity is no place: then the upper itself.
    return half if lower < half < upper else upper
