"""FASTQ: reads with a quality for every letter, of which the letters are kept."""

from __future__ import annotations

import io

import pandas as pd
from Bio.SeqIO.QualityIO import FastqGeneralIterator

from seqrobust.errors import DataError
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import Table


def read_fastq(source: Source) -> Table:
    """Rows of a FASTQ file: ``id`` and ``sequence``. Raises DataError for a damaged file."""
    try:
        reads = [(title, sequence) for title, sequence, _ in FastqGeneralIterator(io.StringIO(source.text))]
    except ValueError as error:
        raise DataError(
            "the file cannot be read as fastq", found=str(error), where=str(source.path), fix="check that it is whole"
        ) from None
    columns = {
        "id": [title.split(None, 1)[0] if title.strip() else "" for title, _ in reads],
        "sequence": [sequence for _, sequence in reads],
    }
    return Table(
        columns=pd.DataFrame(columns, dtype=object),
        where=lambda row: f"read {row + 1}",
        notices=("the qualities of the reads are not used",),
    )
