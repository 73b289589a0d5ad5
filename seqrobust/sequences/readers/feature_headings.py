"""The line above a feature table, as Biopython asks for it.

Where that line is missing (EMBL files of many programs) or spelled in another way, Biopython reads the record without
its features and without a word; regions and coding sequences would be gone.
"""

from __future__ import annotations

import re

_EMBL = re.compile(r"(?:^(?i:FH)\b.*\n)*((?:^FT[ \t].*(?:\n|\Z))+)", re.MULTILINE)
_GENBANK = re.compile(r"^(?i:FEATURES)[ \t]+(?i:Location/Qualifiers)[ \t]*$", re.MULTILINE)


def with_feature_headings(text: str, format: str) -> str:
    """The text of an EMBL or GenBank file, its feature tables under the heading that is known.

    >>> print(with_feature_headings("ID   X\\nFT   CDS             3..20\\n", "embl"), end="")
    ID   X
    FH   Key             Location/Qualifiers
    FH
    FT   CDS             3..20
    """
    if format == "embl":
        return _EMBL.sub(r"FH   Key             Location/Qualifiers\nFH\n\1", text)
    return _GENBANK.sub("FEATURES             Location/Qualifiers", text) if format == "genbank" else text
