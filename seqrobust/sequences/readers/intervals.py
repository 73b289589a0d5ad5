"""BED: intervals on a genome, cut out of its FASTA file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from Bio.Seq import reverse_complement

from seqrobust.errors import DataError
from seqrobust.sequences.readers.bed import FIELDS, Interval, bed_lines
from seqrobust.sequences.readers.genome import Genome, opened_genome
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import Place, Table
from seqrobust.sequences.wording import counted


def read_bed(source: Source, genome: Path | None) -> Table:
    """Rows of a BED file with the sequences of its intervals, the other strand's for ``-``.

    Columns: ``id`` (the name, or ``chrom:start-end(strand)``), ``sequence``, the six of BED, and what the file's kind
    adds, such as ``signalValue`` of a narrowPeak file or the ``value`` of a bedGraph.

    Raises DataError for a missing genome, an unknown chromosome, or an interval beyond its chromosome's end.
    """
    if genome is None:
        raise DataError(
            "a BED file holds intervals, not sequences",
            where=str(source.path),
            fix="give the genome it was made on with --genome genome.fa",
        )
    intervals = list(bed_lines(source))
    if not intervals:
        raise DataError("the file holds no interval", where=str(source.path))
    with opened_genome(genome) as opened:
        sequences = [_cut(opened, interval, source) for interval in intervals]
        lengths, notices = opened.lengths, opened.notices
    if split := sum(bool(interval.blocks) for interval in intervals):
        notices += (f"{counted(split, 'interval')} of several blocks cut whole, introns included",)
    return Table(
        columns=_columns(intervals).assign(sequence=pd.Series(sequences, dtype=object)),
        where=lambda row: f"line {intervals[row].line}",
        places=[
            Place(chrom=f.chrom, start=f.start, end=f.end, reverse=f.strand == "-", chrom_length=lengths[f.chrom])
            for f in intervals
        ],
        notices=notices,
    )


def _columns(intervals: list[Interval]) -> pd.DataFrame:
    columns = pd.DataFrame([interval[: len(FIELDS) + 1] for interval in intervals], dtype=object)
    columns.columns = ["line", *FIELDS]
    columns["id"] = [
        f.name or f"{f.chrom}:{f.start}-{f.end}" + (f"({f.strand})" if f.strand in ("+", "-") else "")
        for f in intervals
    ]
    named = columns[["id", *(name for name in FIELDS if (columns[name] != "").any())]]
    more = pd.DataFrame([dict(interval.more) for interval in intervals], dtype=object).fillna("")
    joined: pd.DataFrame = pd.concat([named, more], axis=1)
    return joined


def _cut(genome: Genome, interval: Interval, source: Source) -> str:
    lengths = genome.lengths
    if interval.chrom not in lengths:
        some = ", ".join(list(lengths)[:8])
        raise DataError(
            "an interval lies on a sequence that the genome does not hold",
            expected=f"one of {some}" + (" ..." if len(lengths) > 8 else "") + f" ({genome.path})",
            found=repr(interval.chrom),
            where=f"{source.path}, line {interval.line}",
            fix="use the genome the file was made on; some call a chromosome chr1, others 1",
        )
    if interval.end > lengths[interval.chrom]:
        raise DataError(
            "an interval leaves its chromosome",
            expected=f"an end of at most {lengths[interval.chrom]}",
            found=f"{interval.chrom}:{interval.start}-{interval.end}",
            where=f"{source.path}, line {interval.line}",
            fix="use the genome the file was made on",
        )
    cut = genome.cut(interval.chrom, interval.start, interval.end)
    return str(reverse_complement(cut)) if interval.strand == "-" else cut
