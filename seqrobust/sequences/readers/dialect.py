"""How a text table is written: what parts its fields, which line is the header, and what stands above it.

CSV quotes a field that holds the separator; TSV knows no quoting, so that a lone quote mark is a letter like others
(R and pandas put whole fields into quotes all the same: those are taken off). A quoted field ends on its own line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from seqrobust.errors import DataError
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import USUAL_NAMES
from seqrobust.sequences.wording import counted

SEPARATORS = {"csv": ",", "tsv": "\t"}
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon"}
_SAYS_SEPARATOR = re.compile(r'"?sep=(.)"?[,;\t]*', re.IGNORECASE)
_KNOWN = frozenset(name for names in USUAL_NAMES.values() for name in names)
_WRAPPED = re.compile(r'"[^"]*(?:""[^"]*)*"')


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Where the rows of a text table begin and how they are parted.

    Attributes:
        separator: the character between fields.
        quoted: whether a field in quotes may hold the separator.
        names: the header's fields, without surrounding spaces.
        header: number of the header's line, counted from 1.
        body: the text below the header.
        notices: what was taken for something other than a row.
    """

    separator: str
    quoted: bool
    names: tuple[str, ...]
    header: int
    body: str
    notices: tuple[str, ...]


def dialect_of(source: Source) -> Dialect:
    """The dialect of a CSV or TSV file.

    Raises DataError for a header without the separator of its format, or a quote that does not end on its line.
    """
    limit = _ABOVE
    while True:
        lines = source.text.split("\n", limit)
        at, separator, notices = _above_header(lines, SEPARATORS[source.format])
        if at < limit - 1 or len(lines) <= limit:
            break
        limit *= 10
    first, body = lines[at], "\n".join(lines[at + 1 :])
    if first.startswith("#"):
        first = first.lstrip("# ")
    if separator is None:
        separator, said = _separator(source, first, at + 1)
        notices += said
    quoted = separator != "\t"
    if quoted and '"' in source.text:
        _check_quotes(source, f"{first}\n{body}", separator, at + 1)
    names = next(csv.reader([first], delimiter=separator)) if quoted else list(map(unwrapped, first.split(separator)))
    return Dialect(
        separator=separator,
        quoted=quoted,
        names=tuple(name.strip() for name in names),
        header=at + 1,
        body=body,
        notices=tuple(notices),
    )


_ABOVE = 1000
"""Lines that are searched for the header at first."""


def _above_header(lines: Sequence[str], usual: str) -> tuple[int, str | None, list[str]]:
    """The index of the header among the lines, the separator that a ``sep=`` line names, and what there is to say."""
    separator, notices = None, []
    at = next(number for number, line in enumerate(lines) if line.strip())
    if said := _SAYS_SEPARATOR.fullmatch(lines[at].strip(" ")):
        separator = said[1]
        notices.append(f"line {at + 1} says that {separator!r} parts the fields")
        at = _next_filled(lines, at)
    comments = 0
    while at < len(lines) - 1 and lines[at].startswith("#") and not _is_header(lines, at, separator or usual):
        at = _next_filled(lines, at)
        comments += 1
    if comments:
        notices.append(f"{counted(comments, 'line')} beginning with # above the header left out")
    return at, separator, notices


def _next_filled(lines: Sequence[str], at: int) -> int:
    return next((number for number in range(at + 1, len(lines)) if lines[number].strip()), len(lines) - 1)


def _is_header(lines: Sequence[str], at: int, separator: str) -> bool:
    """Whether a line that begins with ``#`` holds the names: a row of as many fields follows, which are no names."""
    below = [field.strip().strip('"').lower() for field in lines[_next_filled(lines, at)].split(separator)]
    return len(below) == len(lines[at].split(separator)) and not _KNOWN & set(below) and not below[0].startswith("#")


def _separator(source: Source, first: str, line: int) -> tuple[str, list[str]]:
    usual = SEPARATORS[source.format]
    if usual == "," and first.count(";") > first.count(","):
        return ";", ["fields parted by semicolons"]
    other = next((name for name, mark in {**SEPARATORS, "csv ": ";"}.items() if mark != usual and mark in first), None)
    if usual not in first and other is not None:
        raise DataError(
            f"the header line has no {_NAMES[usual]}",
            found=repr(first[:80]),
            where=f"{source.path}, line {line}",
            fix=f"it looks like {other.strip()}: say --format {other.strip()}",
        )
    return usual, []


def _check_quotes(source: Source, text: str, separator: str, header: int) -> None:
    """A quote that is not closed would swallow rows, each under another's name; so it is to close on its line."""
    mark = re.escape(separator)
    field = rf'(?:"[^"]*(?:""[^"]*)*"|(?!")[^{mark}]*)'
    whole = re.compile(rf"{field}(?:{mark}{field})*")
    for number, line in enumerate(text.split("\n"), start=header):
        if '"' in line and not whole.fullmatch(line):
            raise DataError(
                "a quoted field does not end on its line, or something follows its closing quote",
                expected="one row a line; a quote mark inside a quoted field is written twice",
                found=repr(line[:80]),
                where=f"{source.path}, line {number}",
                fix="close the quote, or write the mark itself twice; for line breaks inside a field use Parquet",
            )


def unwrapped(field: str) -> str:
    """A field without the quotes around the whole of it.

    >>> unwrapped('"two words"'), unwrapped('"open')
    ('two words', '"open')
    """
    return field[1:-1].replace('""', '"') if _WRAPPED.fullmatch(field) else field
