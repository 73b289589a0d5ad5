"""Rows that were sent through the model, kept beside the table of a shard so that a resumed run knows them too.

More than the forwards and gradients of the table: batches are filled up, and the random control, the clean records and
the final re-scoring are rows as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

ROWS_SENT = "rows_sent"
"""The name by which a table's attributes hold the number, and ``metrics.json``."""


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables one behind the other, which hold all of their rows sent; nothing of them where one does not know."""
    whole = pd.concat(list(tables), ignore_index=True)
    whole.attrs = {}
    if all(ROWS_SENT in table.attrs for table in tables):
        whole.attrs[ROWS_SENT] = sum(int(table.attrs[ROWS_SENT]) for table in tables)
    return whole


def taken(table: pd.DataFrame) -> dict[str, int]:
    """``{"rows_sent": ...}`` of a table, which forgets it; empty where that is not known."""
    rows = table.attrs.pop(ROWS_SENT, None)
    return {} if rows is None else {ROWS_SENT: int(rows)}
