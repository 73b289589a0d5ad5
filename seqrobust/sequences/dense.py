"""Records are dense arrays, as wide as the longest of them: what one odd record would make of all is refused.

One sequence of a megabase among a hundred thousand short ones, or one name of a page's length, would take as much
memory as if all were so.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import DataError
from seqrobust.sequences.wording import counted

_LEAST = 1 << 28
"""Bytes of padded letters from which on it matters how full they are."""
_EMPTY = 16
"""Padded letters for each that was read, from which on most of the memory would hold nothing."""
_LONGEST_NAME = 1000


def require_even(texts: Sequence[str], ids: Sequence[str] | None = None) -> None:
    """Raises DataError that names the longest record where padding all to its length would fill the memory."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    padded = len(texts) * int(lengths.max(initial=0))
    if padded <= _LEAST or padded <= _EMPTY * int(lengths.sum()):
        return
    longest = int(lengths.argmax())
    usual = int(np.median(lengths))
    raise DataError(
        "one record is so long that padding all others to its length would fill the memory",
        expected=f"records of similar lengths: half of {counted(len(texts), 'record')} have {usual} letters or fewer",
        found=f"{int(lengths[longest]):,} letters, which would take {padded / 1e9:.1f} GB for all",
        where=f"record {repr(ids[longest][:80]) if ids else f'number {longest + 1}'}",
        fix="look at the long records in a file of their own, or cut windows out of them",
    )


def names_array(role: str, names: Sequence[str]) -> NDArray[np.str_]:
    """(N,) names, each as wide as the longest. Raises DataError for one too long to be a name."""
    long = next((number for number, name in enumerate(names) if len(name) > _LONGEST_NAME), None)
    if long is not None:
        raise DataError(
            f"the name of a {role} is too long",
            expected=f"at most {_LONGEST_NAME:,} letters",
            found=f"{len(names[long]):,}: {names[long][:40]!r} ...",
            where=f"record number {long + 1}",
            fix=f"is that the column of the {role}s? name it, or shorten its names",
        )
    return np.asarray(names, dtype=np.str_)
