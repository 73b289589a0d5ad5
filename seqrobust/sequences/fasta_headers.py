"""FASTA headers that give back what was put into them: ``>id key=value key=value``.

FASTA ends an id at its first space, so an id with spaces (or line breaks, or one that itself reads ``key=value``) is
written in percent-encoding (RFC 3986), and the header repeats it as ``id=``: ``>gene%201 id=gene%201``. This says to
our reader that the id is to be decoded; to others it is one word, and ``urllib.parse.unquote`` gives the id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

# A value runs to the next " key=", so that UniProt's OS=Homo sapiens OX=9606 reads as it is meant. Only where keys
# begin is searched for: a pattern of whole values takes the square of a header's length.
_KEY = re.compile(r"(?:^|(?<=\s))([A-Za-z_][\w.-]*)=")
_LIKE_A_KEY = re.compile(r"^[A-Za-z_][\w.-]*=")
_LIKE_AN_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def fasta_header(name: str, values: Mapping[str, object]) -> str:
    """The header line of a record, without ``>``.

    A line break or a further ``key=`` inside a value, which no header can carry, is percent-encoded.

    >>> fasta_header("gene 1", {"budget": 2}), fasta_header("P1", {"OS": "Homo sapiens"})
    ('gene%201 id=gene%201 budget=2', 'P1 OS=Homo sapiens')
    """
    word = _one_word(name)
    given = {"id": word, **values} if word != name else values
    return " ".join([word, *(f"{key}={_one_line(str(value))}" for key, value in given.items())])


def id_of(title: str) -> str:
    """The id that a header line gives: its first word, decoded where the header says that it is encoded."""
    word = title.split(None, 1)[0] if title.strip() else ""
    return unquote(word) if "%" in word and keys_of(title).get("id") == word else word


def keys_of(title: str) -> dict[str, str]:
    """The values of a header line by key."""
    found = list(_KEY.finditer(title)) if "=" in title else []
    ends = [*(one.start() for one in found), len(title)][1:]
    return {one[1]: title[one.end() : end].rstrip() for one, end in zip(found, ends, strict=True)}


def _one_word(name: str) -> str:
    plain = name.isprintable() and not any(map(str.isspace, name))
    if plain and not _LIKE_A_KEY.search(name) and not _LIKE_AN_ESCAPE.search(name):
        return name
    return "".join(map(_escaped, name))


def _escaped(letter: str) -> str:
    if letter in "%=" or letter.isspace() or not letter.isprintable():
        return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
    return letter


def _one_line(value: str) -> str:
    value = "".join(letter if letter == " " or letter.isprintable() else _escaped(letter) for letter in value).strip()
    return re.sub(r"(\s[A-Za-z_][\w.-]*)=", r"\1%3D", value)
