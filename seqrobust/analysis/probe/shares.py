"""Shares with their intervals, as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqrobust.report.words import interval_of, number, percent, percent_range


def share_of(row: Mapping[str, Any], key: str) -> str:
    """A share in per cent with its interval, which stands under the key that ends in ``_ci``.

    >>> share_of({"rate": 0.25, "rate_ci": [0.125, 0.5]}, "rate"), share_of({}, "rate")
    ('25 % (12-50)', 'n/a')
    """
    value = number(row.get(key))
    low, high = interval_of(row.get(f"{key}_ci"))
    return percent(value) + (f" ({percent_range(low, high)})" if low == low and value == value else "")
