"""Membership from answers alone, where a model tells its decision and no numbers.

Training pushes the decision boundary away from the training records, so that a member is still answered rightly after
more change (Choquette-Choo et al. 2021, "Label-only membership inference attacks"). Here change is substitutions:
random ones, or the fewest that an attack needs. What was asked of the model comes in as arrays.

Scores are counts, and have many ties; every measure in :mod:`~seqrobust.analysis.membership.metrics` keeps ties
together, and a true-positive rate at a small false-positive rate is then often 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from seqrobust.analysis.membership.given import as_marks
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError


def survival_score(right: ArrayLike) -> Floats:
    """(N,) mean share of randomly substituted versions that are still answered rightly.

    Args:
        right: (N, R) or (N, B, R) bool: R random versions of each record, under B numbers of substitutions, which
            count alike.

    Raises DataError where there is no version.
    """
    kept = as_marks(right, "whether a version is answered rightly")
    if kept.ndim not in (2, 3) or not kept.size:
        raise DataError("random versions of records", expected="(N, R) or (N, B, R)", found=str(kept.shape))
    found: Floats = kept.reshape(len(kept), -1).mean(1)
    return found


def edits_score(edits: ArrayLike, clean_right: ArrayLike, largest: int) -> Floats:
    """(N,) fewest substitutions that change the answer: 0 of a wrong one, ``largest`` + 1 where none was found.

    Args:
        edits: (N,) fewest edits found; NaN or infinite where no attack of up to ``largest`` edits succeeded.
        clean_right: (N,) whether the record itself is answered rightly.
        largest: budget up to which was searched.

    Raises DataError for numbers of edits below 1 or above ``largest``.
    """
    found, right = np.asarray(edits, np.float64), as_marks(clean_right, "whether a record is answered rightly")
    reached = np.isfinite(found)
    if found.shape != right.shape or (found[reached & right] < 1).any() or (found[reached] > largest).any():
        raise DataError("fewest edits", expected=f"(N,) numbers from 1 to {largest}, or NaN", found=str(found.shape))
    return np.where(right, np.where(reached, found, largest + 1), 0).astype(np.float64)


def combined_score(edits: Floats, survival: Floats) -> Floats:
    """(N,) edits first, ties among them broken by the share of random versions survived.

    Raises DataError for survival that is no share, 0 to 1.
    """
    if not ((survival >= 0) & (survival <= 1)).all():
        raise DataError("the versions that a record survives are a share of all", expected="0 to 1")
    # Half of the share, so that a whole edit always counts for more than any share.
    return np.asarray(edits + survival / 2, np.float64)
