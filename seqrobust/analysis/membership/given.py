"""What callers give, in the one form that attacks compute with: yes or no as bool, numbers as float64.

Labels of 0 and 1 would pick records number 0 and 1 where a mask was meant, their complement is -1 and -2, and minus an
unsigned score is a large one: each an answer, and a wrong one. So they are turned into what is meant, or refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError


def as_marks(values: ArrayLike, what: str, shape: tuple[int, ...] | None = None) -> NDArray[np.bool_]:
    """Bool of yes or no, given as bool or as numbers that are all 0 or 1.

    Args:
        values: of any shape.
        what: they say, for messages.
        shape: they must have; None for any.

    Raises DataError for other values, and for another shape.
    """
    found = np.asarray(values)
    if shape is not None and found.shape != shape:
        raise DataError(f"{what}: one answer each", expected=str(shape), found=str(found.shape))
    if found.dtype == np.bool_:
        return found
    if found.dtype.kind not in "iuf" or not np.isin(found, (0, 1)).all():
        odd = found[~np.isin(found, (0, 1))] if found.dtype.kind in "iuf" else found
        raise DataError(f"{what} is yes or no", expected="bool, or 0 and 1", found=f"{odd.dtype} {odd.ravel()[:3]}")
    return found.astype(np.bool_)


def as_scores(values: ArrayLike, what: str = "membership scores") -> Floats:
    """(n,) float64. Raises DataError for another shape, what are no numbers, and NaN; infinite ones are in order."""
    found = np.asarray(values)
    if found.ndim != 1 or found.dtype.kind not in "biuf":
        raise DataError(f"{what} are numbers", expected="(n,)", found=f"{found.shape} {found.dtype}")
    floats = np.asarray(found, np.float64)
    if np.isnan(floats).any():
        raise DataError(f"{what}: one is not a number", where=f"record number {int(np.isnan(floats).argmax()) + 1}")
    return floats
