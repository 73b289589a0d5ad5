"""Threshold attacks: a record is called a member where one number of it is large enough.

The oldest attack, and the cheapest: it needs the audited model alone (Yeom et al. 2018, "Privacy risk in machine
learning"). Easy classes have small losses whether seen or not, so that each class may have a threshold of
its own (Song & Mittal 2021). Where the threshold comes from is part of the attack: one found on the very records it is
judged on flatters it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    def lead(self, scores: Floats, classes: NDArray[np.int64] | None = None) -> Floats:
        """(N,) by how much each record's score exceeds its threshold: a score for which 0 is the threshold."""
        cuts = np.full(len(scores), self.overall)
        if classes is not None:
            for number, cut in self.classes.items():
                cuts[classes == number] = cut
        return np.asarray(scores - cuts, np.float64)

    def members(self, scores: Floats, classes: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(N,) which records are called members."""
        return self.lead(scores, classes) >= 0


def mean_loss_threshold(training_losses: Floats) -> Threshold:
    """For minus losses: a member is what has at most the mean loss in training, which is often published (Yeom et al.
    2018). Raises DataError for no loss at all.
    """
    if not len(training_losses):
        raise DataError("a mean loss needs a loss")
    return Threshold(overall=-float(np.mean(training_losses)), classes={})


def best_threshold(scores: Floats, members: NDArray[np.bool_], classes: NDArray[np.int64] | None = None) -> Threshold:
    """The threshold of the largest balanced accuracy on records whose membership is known.

    Args:
        scores: (n,) large for members; of shadow models, or of records set aside.
        members: (n,) bool.
        classes: (n,) for thresholds of each class with :data:`FEWEST` or more of either kind.

    Raises DataError where there are only members or only non-members.
    """
    members = np.asarray(members, bool)
    if members.all() or not members.any():
        raise DataError("a threshold is found between members and non-members", found=f"{int(members.sum())} members")
    own = {}
    for number in [] if classes is None else np.unique(classes).tolist():
        inside = classes == number
        known = members[inside]
        if min(int(known.sum()), int((~known).sum())) >= FEWEST:
            own[int(number)] = _best(scores[inside], known)
    return Threshold(overall=_best(scores, members), classes=own)


def _best(scores: Floats, members: NDArray[np.bool_]) -> float:
    """Half-way between the score that is best to stop at and the next lower one."""
    values, place = np.unique(scores, return_inverse=True)
    held = np.bincount(place, weights=members, minlength=len(values))
    others = np.bincount(place, weights=~members, minlength=len(values))
    # At or above each value, from the smallest on.
    true = held[::-1].cumsum()[::-1] / held.sum()
    false = others[::-1].cumsum()[::-1] / others.sum()
    at = int(np.argmax(true - false))
    return float(values[0] if at == 0 else (values[at - 1] + values[at]) / 2)
