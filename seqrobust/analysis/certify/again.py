"""A finished part taken up with more time: what is proved stays, and only records that are open are tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.certification import Proven

Certify = Callable[[NDArray[np.int64], Sequence[Proven]], pd.DataFrame]
"""From record numbers, and what is proved of each, to their rows."""

_BROKEN_BY = ("attacked_budget", "attacked_units", "attack", "edits", "adversarial_sequence")
_SPENT = ("scored", "seconds")


def tried_again(
    part: pd.DataFrame, records: NDArray[np.int64], seconds: float, certify: Certify
) -> pd.DataFrame | None:
    """The part with its open records tried again; None where none of them was given less time.

    Args:
        part: rows of finished records, as :func:`~seqrobust.analysis.certify.table.results_table` makes them.
        records: their numbers.
        seconds: that a record may have now.
        certify: tries some of them.
    """
    waits = (~part["exact"].fillna(value=True).astype(bool) & (part["time_limit"] < seconds)).to_numpy(bool)
    if not waits.any():
        return None
    before = part[waits]
    units, methods = before["certified_units"], before["method"].fillna("")
    proven = [Proven(certified=int(u), proved_by=str(m) if u else "") for u, m in zip(units, methods, strict=True)]
    now = certify(records[waits], proven).set_axis(before.index)
    for name in _SPENT:
        now[name] += before[name]
    # A sequence that a method met the last time need not be met again.
    far = np.iinfo(np.int64).max
    known = before["attacked_units"].fillna(far) < now["attacked_units"].fillna(far)
    for name in _BROKEN_BY:
        now[name] = now[name].mask(known, before[name])
    settled = known & (now["certified_units"] + 1 >= now["attacked_units"].fillna(far))
    now["exact"] = now["exact"].mask(settled, other=True)
    now["open_because"] = now["open_because"].mask(settled, None)
    joined: pd.DataFrame = pd.concat([part[~waits], now]).sort_index()
    return joined
