"""Seeded damage: what copying, editing, joining and malice make of a file or of a word."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

WORDS = (
    "", " ", "  ", "\t", "\t\t", "\n", "\n\n", "\r", "\r\n", '"', '""', "'", "\\", ",", ";", ":", ":-", "=", "#", ">",
    "@", "*", "&a", "*a", "|", "~", "null", "None", "nan", "NaN", "inf", "-inf", "1e400", "-1e400", "1e-400", "0", "-0",
    "-1", "1.5", "1e5", "0x10", "1_000", "007", "true", "[]", "{}", "[1, 2]", "{a: 1}", "&a [*a]", "!!python/name:os.x",
    "2024-13-45", "12:99:99", "9" * 19, "9" * 25, "-" + "9" * 25, str(2**31), str(2**63), str(2**64), "9" * 400, "²",
    "١", "é", "\u2028", "\x1b[31m", "\x00", "\x7f", "\ufeff", "😀", "ACGT", "NNNN", "acgu", "A" * 300, "(" * 40, "%s",
    "../../x", "/dev/null", "/proc/self/mem", "$HOME", "${X}", "name:0-1", "x:5-2", f"x:0-{2**63}", "join(1..2,3)",
)  # fmt: skip
"""Words that parsers stumble on."""

_TOKEN = re.compile(r"[^\s,;:=\"'<>()\[\]{}]+")


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The content after one to four accidents."""
    for _ in range(draw.choice((1, 1, 1, 2, 2, 4))):
        content = draw.choice(_ACCIDENTS)(content, draw)
    return content[:20_000]


def changed_text(text: str, draw: random.Random) -> str:
    """A word after one to three accidents."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        kind = draw.randrange(6)
        at = draw.randrange(len(text) + 1)
        other = draw.randrange(len(text) + 1)
        low, high = sorted((at, other))
        if kind == 0:
            text = text[:at] + draw.choice(WORDS) + text[at:]
        elif kind == 1:
            text = text[:low] + text[high:]
        elif kind == 2:
            text = text[:high] + text[low:high] + text[high:]
        elif kind == 3:
            text = text[:at] + chr(draw.choice((0, 9, 32, 34, 37, 44, 45, 46, 58, 64, 200, 0x661, 0x2028))) + text[at:]
        else:
            text = _token_replaced(text, draw)
    return text[:5000]


def _token_replaced(text: str, draw: random.Random) -> str:
    found = list(_TOKEN.finditer(text))
    if not found:
        return text + draw.choice(WORDS)
    one = draw.choice(found)
    other = draw.choice(found)[0] if draw.random() < 0.3 else draw.choice(WORDS)
    return text[: one.start()] + other + text[one.end() :]


def _token(content: bytes, draw: random.Random) -> bytes:
    return _token_replaced(content.decode("utf-8", "surrogateescape"), draw).encode("utf-8", "surrogateescape")


def _bit(content: bytes, draw: random.Random) -> bytes:
    if not content:
        return content
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :]


def _byte(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    return content[:at] + bytes([draw.randrange(256)]) + content[at + draw.randrange(2) :]


def _cut(content: bytes, draw: random.Random) -> bytes:
    low, high = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return draw.choice((content[:low], content[low:], content[:low] + content[high:]))


def _again(content: bytes, draw: random.Random) -> bytes:
    low, high = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[:high] + content[low:high] * draw.choice((1, 1, 2, 9)) + content[high:]


def _word(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    return content[:at] + draw.choice(WORDS).encode() + content[at:]


def _lines(content: bytes, draw: random.Random) -> bytes:
    lines = content.split(b"\n")
    at, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    kind = draw.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[other])
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        lines.insert(at, b"")
    elif kind == 4:
        lines[at] = b" " * draw.choice((1, 4)) + lines[at]
    else:
        lines[at] = lines[at] + lines[other]
    return b"\n".join(lines)


def _fields(content: bytes, draw: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = draw.randrange(len(lines))
    for mark in (b"\t", b",", b" "):
        fields = lines[at].split(mark)
        if len(fields) > 1:
            one = draw.randrange(len(fields))
            kind = draw.randrange(3)
            if kind == 0:
                del fields[one]
            elif kind == 1:
                fields.insert(one, fields[draw.randrange(len(fields))])
            else:
                fields[one] = draw.choice(WORDS).encode()
            lines[at] = mark.join(fields)
            break
    return b"\n".join(lines)


_ACCIDENTS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _bit, _byte, _cut, _again, _word, _lines, _lines, _fields, _fields, _token, _token, _token,
)  # fmt: skip
