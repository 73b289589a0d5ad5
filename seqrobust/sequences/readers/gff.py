"""The lines of GFF3 and GTF: 1-based and closed, with attributes as ``key=value`` or ``key "value"``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from seqrobust.errors import DataError
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.wording import is_whole

_GTF = re.compile(r'(?:^|;)\s*(\w+)\s+(?:"([^"]*)"|([^\s;"]+))')


class GffLine(NamedTuple):
    """A feature: ``[start, end)`` of ``seqid``, 0-based, its type, and its attributes."""

    line: int
    seqid: str
    kind: str
    start: int
    end: int
    attributes: Mapping[str, str]

    @property
    def name(self) -> str:
        """The type, with the feature's name (in GTF its gene's) in brackets where it has one."""
        keys = ("Name",) if "ID" in self.attributes else ("Name", "gene_name", "gene_id")
        given = next((self.attributes[key] for key in keys if self.attributes.get(key)), "")
        return f"{self.kind}[{given}]" if given else self.kind


def gff_lines(source: Source) -> Iterator[GffLine]:
    """The features of a GFF3 or GTF file, up to ``##FASTA``.

    Raises DataError that names the line where it is no feature.
    """
    for number, line in enumerate(source.text.split("\n"), start=1):
        if line.startswith("##FASTA"):
            return
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if (
            len(fields) != 9
            or not (is_whole(fields[3]) and is_whole(fields[4]))
            or not (1 <= int(fields[3]) <= int(fields[4]))
        ):
            raise DataError(
                "a GFF3 or GTF line cannot be read",
                expected="nine fields parted by tabs, with 1 <= start <= end",
                found=repr(line[:80]),
                where=f"{source.path}, line {number}",
            )
        attributes = _attributes(fields[8])
        yield GffLine(number, unquote(fields[0]), unquote(fields[2]), int(fields[3]) - 1, int(fields[4]), attributes)


def _attributes(text: str) -> dict[str, str]:
    """Attributes by key, in either dialect.

    >>> _attributes("ID=e1;Name=a%3Bb"), _attributes('gene_id "g;1"; exon_number 2;')
    ({'ID': 'e1', 'Name': 'a;b'}, {'gene_id': 'g;1', 'exon_number': '2'})
    """
    pairs = [item.strip().partition("=") for item in text.split(";") if item.strip()]
    if pairs and all(equals and " " not in key for key, equals, _ in pairs):
        return {key: unquote(value.strip()) for key, _, value in pairs}
    if found := _GTF.findall(text):
        return {key: quoted or plain for key, quoted, plain in found}
    return {key: unquote(value.strip()) for key, equals, value in pairs if equals}
