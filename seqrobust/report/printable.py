"""Text that others wrote, such as an id or a column's name, as it may be sent to a terminal."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"
_TURNS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}
"""Characters that turn the direction of what follows them."""


def printable(text: str) -> str:
    r"""The text with control characters, which move the cursor or change the terminal, written out.

    >>> printable("seq1\x1b[2J"), printable("two\nlines"), printable("a\u202eb")
    ('seq1\\x1b[2J', 'two\nlines', 'a\\u202eb')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in _KEPT:
        return character
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or ord(character) in _TURNS:
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
