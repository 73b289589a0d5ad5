"""Names that a spreadsheet has taken for something else: MARCH1 becomes ``1-Mar``, and 2310009E13 ``2.31E+13``.

What was there before cannot be told from what is left (MARC1 and MARCH1 are both ``1-Mar``), so that records of other
genes may bear one name (Ziemann et al. 2016, "Gene name errors are widespread in the scientific literature").
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_CHANGED = re.compile(rf"\d{{1,2}}-({_MONTHS})(-\d{{2,4}})?|({_MONTHS})-\d{{2}}|\d\.\d+E[+-]?\d+", re.IGNORECASE)


def changed_names(names: Iterable[str]) -> list[str]:
    """Those names, each once, that look like dates or rounded numbers of a spreadsheet.

    >>> changed_names(["SEPT2", "2-Sep", "Mar-01", "2.31E+13", "1-2", "chr1-Mar"])
    ['2-Sep', 'Mar-01', '2.31E+13']
    """
    return [name for name in dict.fromkeys(names) if _CHANGED.fullmatch(name.split("#")[0].strip())]
