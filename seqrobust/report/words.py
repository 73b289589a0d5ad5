"""Numbers, names and budgets as words: 'nearly all' never rounds to 'all', and strangers' text is made fit to print."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")


def number(value: Any) -> float:
    """A float; NaN for None and for anything that is not a number (JSON writes NaN as null).

    >>> number(None), number("0.5"), number("many")
    (nan, 0.5, nan)
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def interval_of(value: Any) -> tuple[float, float]:
    """(low, high) of a ``[low, high]`` pair; NaNs where there is none."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return math.nan, math.nan
    return number(value[0]), number(value[1])


def percent(share: float) -> str:
    """A share in per cent: whole between 10 and 90, else one decimal; only 0 and 1 read 0 % and 100 %.

    >>> [percent(share) for share in (0, 0.0004, 0.0153, 0.62, 0.9963, 0.9999, 1, math.nan)]
    ['0 %', 'under 0.1 %', '1.5 %', '62 %', '99.6 %', 'over 99.9 %', '100 %', 'n/a']
    """
    if math.isnan(share):
        return "n/a"
    value = 100 * share
    if 0 < value < 0.05:
        return "under 0.1 %"
    if 99.95 <= value < 100:
        return "over 99.9 %"
    digits = 0 if 10 <= value <= 90 else 1
    return f"{value:.{digits}f}".removesuffix(".0") + " %"


def percent_range(low: float, high: float) -> str:
    """An interval of shares in per cent, both ends with the same number of decimals.

    >>> percent_range(0.578, 0.661), percent_range(0, 0.0312), percent_range(0.964, 1)
    ('58-66', '0-3.1', '96.4-100')
    """
    digits = 0 if low >= 0.1 and high <= 0.9 else 1
    ends = ("0" if end <= 0 else "100" if end >= 1 else f"{100 * end:.{digits}f}" for end in (low, high))
    return "-".join(ends)


def figure(value: Any) -> str:
    """A number with three significant digits, grouped thousands, and a true minus sign.

    >>> [figure(value) for value in (12345, 0.01234, 3.0, -1.25, None, 1234.5)]
    ['12,345', '0.0123', '3', '−1.25', 'n/a', '1,234']
    """
    value = number(value)
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "−") if abs(value) >= 1e-4 or value == 0 else text


def joined(names: Sequence[str]) -> str:
    """Names as a list in words, at most six of them.

    >>> joined(["a"]), joined(["a", "b", "c"]), joined(list("abcdefgh"))
    ('a', 'a, b and c', 'a, b, c, d, e and 3 others')
    """
    shown = [one_line(name) for name in names]
    if len(shown) > 6:
        shown = [*shown[:5], f"{len(names) - 5} others"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def plural(count: int, noun: str) -> str:
    """A count and its noun.

    >>> plural(1, "record"), plural(1200, "record")
    ('1 record', '1,200 records')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def one_line(text: Any, limit: int = 60) -> str:
    r"""Text of a stranger's file fit to be printed: no control characters, no more than ``limit`` characters.

    >>> one_line("a\n\x00b"), one_line("abcdef", 4)
    ('a b', 'abc…')
    """
    clean = _UNPRINTABLE.sub(" ", str(text)).strip()
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def budget_size(budget: Any) -> float:
    """A budget as a number: letters, or per cent of the editable letters for text such as ``2%``.

    >>> budget_size(3), budget_size("2.5%")
    (3.0, 2.5)
    """
    return number(str(budget).rstrip("% "))


def unit_of(attack: Mapping[str, Any]) -> str:
    """What a budget counts: a ``letter``, a ``codon``, or an ``edit`` where letters also come and go."""
    moves = str(attack.get("moves") or "").partition(":")[0].partition("@")[0]
    return {"codons": "codon", "indels": "edit"}.get(moves, "letter")


def budget_words(budget: Any, unit: str = "letter") -> str:
    """How much an adversary may change.

    >>> budget_words(1), budget_words(3), budget_words("2%"), budget_words(2, "edit")
    ('a single letter changed', 'at most 3 letters changed', 'at most 2 % of the letters changed', 'at most 2 edits')
    """
    size, changed = f"{budget_size(budget):g}", "" if unit == "edit" else " changed"
    if str(budget).strip().endswith("%"):
        return f"at most {size} % of the {'letter' if unit == 'edit' else unit}s changed"
    return f"a single {unit}{changed}" if size == "1" else f"at most {size} {unit}s{changed}"


def place_words(protect: Sequence[str], only: Sequence[str]) -> str:
    """Where an adversary may change letters; empty where that is anywhere.

    >>> place_words(["GT", "AG"], []), place_words([], ["linker"]), place_words(["GT"], ["exon"])
    (' outside GT and AG', ' inside linker', ' inside exon but outside GT')
    """
    inside = f" inside {joined(only)}" if only else ""
    outside = f" outside {joined(protect)}" if protect else ""
    return inside + (" but" if inside and outside else "") + outside
