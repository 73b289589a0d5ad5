"""Numbers with their nouns, so that no message says ``1 records``."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number and its noun, with an ``s`` unless the number is one.

    >>> counted(1, "record"), counted(12, "record")
    ('1 record', '12 records')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def is_whole(text: str) -> bool:
    """Whether a text is a whole number in digits, of a size that a sequence can have.

    >>> is_whole("12"), is_whole("-1"), is_whole("\N{SUPERSCRIPT TWO}"), is_whole("9" * 19)
    (True, False, False, False)
    """
    return text.isascii() and text.isdecimal() and len(text) < 19
