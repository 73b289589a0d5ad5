"""Independent units: which records stand for one another, and how much they say together.

Records of one gene, one family or one wild type are answered alike. What is repeated in a study of them is the
cluster, so that errors are read off sums over clusters, a test exchanges whole clusters, and certainty is that of as
many clusters as there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Units: TypeAlias = NDArray[np.int64] | None
"""(n,) number of each record's cluster; None where every record is a unit of its own."""
Floats: TypeAlias = NDArray[np.float64]

LEAST = 5
"""Independent units below which a mean has no interval: their spread is hardly known."""
FEW = "too few for an interval"
"""What stands in an interval's place, in words, where it is None for want of units."""


def unit_numbers(names: Sequence[object] | NDArray[np.str_] | None) -> Units:
    """Numbers of clusters from their names; None of None, and where no two records share one.

    >>> unit_numbers(["a", "b", "a"]).tolist(), unit_numbers(["a", "b"])
    ([0, 1, 0], None)
    """
    if names is None:
        return None
    numbers = np.unique(np.asarray([str(name) for name in names]), return_inverse=True)[1].astype(np.int64)
    return None if len(numbers) == numbers.max(initial=-1) + 1 else numbers


def units_of(units: Units, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Units:
    """The units of some of the records (a mask, or numbers)."""
    return None if units is None else units[rows]


def count_units(n: int, units: Units) -> int:
    """How many independent units n records are."""
    return n if units is None else len(np.unique(units))


def numbered(n: int, units: Units) -> NDArray[np.int64]:
    """(n,) numbers from 0 without gaps, also where every record is a unit of its own."""
    return np.arange(n) if units is None else np.unique(units, return_inverse=True)[1].astype(np.int64)


def unit_sums(values: Floats, units: Units) -> Floats:
    """(G,) sums of (n,) values over each unit."""
    if units is None:
        return values
    return np.bincount(numbered(len(values), units), values).astype(np.float64)
