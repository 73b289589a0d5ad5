"""Records put into groups by their values in a column: measurements are cut, small groups pooled or left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.errors import DataError

CLASS = "class"
"""The grouping by target."""
_OTHER = "other"
_KINDS = 20
"""Different fractions beyond which a column is a measurement."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouping:
    """Records put into groups.

    Attributes:
        by: the column.
        names: of the groups, by number.
        member: (N,) int64 group of each record, -1 where it is left out.
        notices: what was pooled, cut or left out.
    """

    by: str
    names: tuple[str, ...]
    member: NDArray[np.int64]
    notices: tuple[str, ...]


def grouping(
    by: str, values: Sequence[str], *, smallest: int, pool: bool, cut: bool = False, bins: int = 4
) -> Grouping:
    """Records grouped by their values in a column.

    Args:
        by: name of the column.
        values: (N,) as text; fractions of many kinds are cut into groups of one size, and records without a value are
            left out.
        smallest: records below which a group is small.
        pool: small groups become one, if that is large enough, instead of being left out.
        cut: numbers are cut though they are whole.
        bins: of numbers.

    Raises DataError where there are no numbers to cut, or fewer than two groups are left.
    """
    kinds, notices = _cut(by, values, bins, cut=cut)
    counts = pd.Series([value for value in kinds if value != ""]).value_counts()
    large = sorted(str(name) for name in counts.index[counts >= smallest])
    small = sorted(str(name) for name in counts.index[counts < smallest])
    number = {name: index for index, name in enumerate(large)}
    few = int(counts[counts < smallest].sum())
    if small and pool and few >= smallest and len(small) > 1:
        name = f"{_OTHER} ({len(small)})"
        large.append(name)
        number |= dict.fromkeys(small, len(large) - 1)
        notices.append(f"{by}: {len(small)} groups of fewer than {smallest} records pooled ({few} records)")
    elif small:
        notices.append(
            f"{by}: {len(small)} group{'s'[: len(small) > 1]} of fewer than {smallest} records left out ({few} records)"
        )
    if empty := sum(value == "" for value in kinds):
        notices.append(f"{by}: {empty} records have no value and are left out")
    if len(large) < 2:
        raise DataError(
            "there are no two groups to compare",
            expected=f"two groups of at least {smallest} records",
            found=f"{len(counts)} groups, the largest of {int(counts.max()) if len(counts) else 0}",
            where=f"column {by!r}",
            fix="lower --min-records, or name another column with --by",
        )
    member = np.array([number.get(value, -1) for value in kinds], np.int64)
    return Grouping(by=by, names=tuple(large), member=member, notices=tuple(notices))


def _cut(by: str, values: Sequence[str], bins: int, *, cut: bool) -> tuple[list[str], list[str]]:
    """Measurements become intervals that hold about equally many records; whole numbers, which may be names (a
    cluster's, a chromosome's), only where asked."""
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    words = bool(numbers[[value != "" for value in values]].isna().any())
    if cut and (words or numbers.nunique() < 2):
        raise DataError("a column that is cut holds numbers", where=f"column {by!r}", fix="leave it out of --cut")
    fractions = bool((numbers.dropna() % 1 != 0).any()) and numbers.nunique() > _KINDS
    if words or not (cut or fractions):
        return list(values), []
    made = pd.qcut(numbers, bins, duplicates="drop")
    names = ["" if pd.isna(one) else f"{one.left:.4g} to {one.right:.4g}" for one in made]
    return names, [f"{by}: numbers cut into {made.cat.categories.size} groups of about one size"]
