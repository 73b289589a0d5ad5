"""BED: intervals on a genome, cut out of its FASTA file; and the lines of a BED file for whoever needs them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyfaidx
from Bio.Seq import reverse_complement

from seqrobust.errors import DataError
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import Place, Table

_FIELDS = ("chrom", "start", "end", "name", "score", "strand")


class Interval(NamedTuple):
    """A line of a BED file; a field that is not there is empty."""

    line: int
    chrom: str
    start: int
    end: int
    name: str
    score: str
    strand: str


def bed_lines(source: Source) -> Iterator[Interval]:
    """The intervals of a BED file of three to six columns (further ones are left alone).

    Raises DataError that names the line for too few fields, or ends that are no interval.
    """
    for number, line in enumerate(source.text.split("\n"), start=1):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        fields = line.rstrip().split("\t") if "\t" in line else line.split()
        chrom, start, end, name, score, strand = (*fields, "", "", "", "", "", "")[:6]
        if not (start.isdecimal() and end.isdecimal() and int(start) < int(end) and strand in ("", ".", "+", "-")):
            raise DataError(
                "a BED line cannot be read",
                expected="chrom, start < end (0-based, half-open), and perhaps name, score, strand + or -",
                found=repr(line[:80]),
                where=f"{source.path}, line {number}",
            )
        yield Interval(number, chrom, int(start), int(end), "" if name == "." else name, score, strand)


def read_bed(source: Source, genome: Path | None) -> Table:
    """Rows of a BED file with the sequences of its intervals, the other strand's for ``-``.

    Columns: ``id`` (the name, or ``chrom:start-end(strand)``), ``sequence`` and the six of BED.

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
    with tempfile.TemporaryDirectory() as scratch, _open_genome(genome, Path(scratch)) as fasta:
        lengths = {name: len(fasta[name]) for name in fasta.keys()}  # noqa: SIM118 (iterating gives records)
        sequences = [_cut(fasta, lengths, interval, source, genome) for interval in intervals]
    columns = pd.DataFrame(intervals, dtype=object)
    columns["id"] = [
        f.name or f"{f.chrom}:{f.start}-{f.end}" + (f"({f.strand})" if f.strand in ("+", "-") else "")
        for f in intervals
    ]
    columns = columns[["id", *(name for name in _FIELDS if (columns[name] != "").any())]]
    return Table(
        columns=columns.assign(sequence=pd.Series(sequences, dtype=object)),
        where=lambda row: f"line {intervals[row].line}",
        places=[Place(chrom=f.chrom, start=f.start, end=f.end, reverse=f.strand == "-") for f in intervals],
    )


def _open_genome(genome: Path, scratch: Path) -> Any:
    """The genome by random access; its index lies beside it, or in ``scratch`` where nothing may be written."""
    if not genome.is_file():
        raise DataError("there is no such genome file", where=str(genome))
    try:
        try:
            return pyfaidx.Fasta(str(genome), as_raw=True)
        except OSError:
            return pyfaidx.Fasta(str(genome), as_raw=True, indexname=str(scratch / "genome.fai"))
    except (
        pyfaidx.FastaIndexingError,
        pyfaidx.UnsupportedCompressionFormat,
        OSError,
        ImportError,
        ValueError,
    ) as error:
        raise DataError(
            "the genome cannot be read by random access",
            expected="FASTA with lines of one length, plain or packed with bgzip",
            found=str(error)[:200],
            where=str(genome),
            fix="unpack it with gunzip, or write its lines at one length",
        ) from None


def _cut(fasta: Any, lengths: dict[str, int], interval: Interval, source: Source, genome: Path) -> str:
    if interval.chrom not in lengths:
        some = ", ".join(list(lengths)[:8])
        raise DataError(
            "an interval lies on a sequence that the genome does not hold",
            expected=f"one of {some}" + (" ..." if len(lengths) > 8 else "") + f" ({genome})",
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
    cut: str = fasta[interval.chrom][interval.start : interval.end]
    return str(reverse_complement(cut)) if interval.strand == "-" else cut
