"""FASTA: ``>id key=value key=value``, where each key acts as a column (``label=EI regions=donor:30-32``)."""

from __future__ import annotations

import io

import pandas as pd
from Bio.SeqIO.FastaIO import SimpleFastaParser

from seqrobust.errors import DataError
from seqrobust.sequences.fasta_headers import id_of, keys_of
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import Table
from seqrobust.sequences.wording import counted

_MOST_CELLS = 50_000_000
"""Of the table that headers make: keys times records."""


def read_fasta(source: Source) -> Table:
    """Rows of a FASTA file: ``id``, ``sequence``, ``description`` and one column per key in a header.

    Raises DataError for spaces inside a sequence, which most programs drop without a word.
    """
    titles, sequences = [], []
    for title, sequence in SimpleFastaParser(io.StringIO(source.text.lstrip())):
        titles.append(title)
        sequences.append(sequence)
    # The parser has dropped inner spaces; more spaces in the file than in its headers betray them.
    if source.text.count(" ") > sum(title.count(" ") for title in titles):
        _check_spaces(source)
    columns = {"id": [id_of(title) for title in titles], "sequence": sequences}
    return Table(columns=pd.DataFrame({**columns, **_keys(titles)}, dtype=object), where=_HeaderLines(source))


def _keys(titles: list[str]) -> dict[str, list[str]]:
    found = [keys_of(title) for title in titles]
    keys = dict.fromkeys(key for row in found for key in row if key not in ("id", "sequence"))
    if len(keys) * len(titles) > _MOST_CELLS:
        raise DataError(
            "the headers hold too many different keys: each would be a column of the table",
            expected="the same key=value in every header",
            found=f"{len(keys):,} keys in {counted(len(titles), 'header')}",
            fix="leave what stands behind the ids out of the headers",
        )
    return {key: [row.get(key, "") for row in found] for key in keys}


def _check_spaces(source: Source) -> None:
    for number, line in enumerate(source.text.split("\n"), start=1):
        if not line.startswith((">", ";")) and " " in (stripped := line.strip()):
            raise DataError(
                "a space stands inside a sequence",
                found=repr(stripped[:60]),
                where=f"{source.path}, line {number}",
                fix="remove the spaces; put what is not sequence into the header line",
            )


class _HeaderLines:
    """Row to the line of its header; the file is searched only when an error asks."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __call__(self, row: int) -> str:
        headers = [i for i, line in enumerate(self._source.text.split("\n"), start=1) if line.startswith(">")]
        return f"line {headers[row]}"
