"""The lines of BED and its kin: narrowPeak, broadPeak, gappedPeak, bedGraph, and BED with blocks (exons)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from seqrobust.errors import DataError
from seqrobust.sequences.readers.packing import without_packing
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.wording import is_whole

FIELDS = ("chrom", "start", "end", "name", "score", "strand")
_PEAKS = ("signalValue", "pValue", "qValue")
_BLOCKS = ("thickStart", "thickEnd", "itemRgb", "blockCount", "blockSizes", "blockStarts")
_MORE: Mapping[str, tuple[str, ...]] = {
    ".narrowpeak": (*_PEAKS, "peak"),
    ".broadpeak": _PEAKS,
    ".gappedpeak": (*_BLOCKS, *_PEAKS),
}
"""Suffix to the fields behind the strand (UCSC Genome Browser, data file formats)."""
_BEDGRAPH = (".bedgraph", ".bdg")
_HEADINGS = frozenset({"start", "chromstart", "chrom_start", "start_position", "begin"})


class Interval(NamedTuple):
    """A line of a BED file; a field that is not there is empty.

    ``blocks`` are the ``[start, end)`` on the chromosome of which the interval is made, where the line lists any;
    ``more`` holds the further fields that the file's kind names, such as ``signalValue``.
    """

    line: int
    chrom: str
    start: int
    end: int
    name: str
    score: str
    strand: str
    blocks: tuple[tuple[int, int], ...]
    more: Mapping[str, str]


def bed_lines(source: Source) -> Iterator[Interval]:
    """The intervals of a BED file of three columns or more; a line of headings is passed over.

    Raises DataError that names the line for too few fields, ends that are no interval, or blocks outside of it.
    """
    suffix = without_packing(source.path).suffix.lower()
    graph, first = suffix in _BEDGRAPH, True
    for number, line in enumerate(source.text.split("\n"), start=1):
        if not line.strip() or line.startswith("#") or line.split(None, 1)[0] in ("track", "browser"):
            graph = graph or (line.startswith("track") and "bedgraph" in line.lower())
            continue
        fields = line.rstrip().split("\t") if "\t" in line else line.split()
        if first and len(fields) > 2 and fields[1].strip().lower() in _HEADINGS:
            first = False
            continue
        first = False
        yield _interval(source, number, line, fields, graph, _MORE.get(suffix, ()))


def _interval(
    source: Source, number: int, line: str, fields: list[str], graph: bool, names: tuple[str, ...]
) -> Interval:
    chrom, start, end, name, score, strand = (*fields, "", "", "", "", "", "")[:6]
    more = {"value": name} if graph else dict(zip(names, fields[6:], strict=False))
    if graph:
        name = score = strand = ""
    if not (is_whole(start) and is_whole(end) and int(start) < int(end) and strand in ("", ".", "*", "+", "-")):
        raise DataError(
            "a BED line cannot be read",
            expected="chrom, start < end (whole numbers, 0-based, half-open), and perhaps name, score, strand + or -",
            found=repr(line[:80]),
            where=f"{source.path}, line {number}",
        )
    blocks = () if graph else _blocks(source, number, fields, int(start), int(end))
    strand = "." if strand == "*" else strand
    return Interval(number, chrom, int(start), int(end), "" if name == "." else name, score, strand, blocks, more)


def _blocks(source: Source, number: int, fields: list[str], start: int, end: int) -> tuple[tuple[int, int], ...]:
    """The blocks of a line of twelve fields or more; none where the interval is one block."""
    if len(fields) < 12:
        return ()
    try:
        sizes, offsets = ([int(value) for value in fields[at].strip(",").split(",")] for at in (10, 11))
        blocks = tuple((start + offset, start + offset + size) for offset, size in zip(offsets, sizes, strict=True))
        fits = len(blocks) == int(fields[9]) and all(start <= low < high <= end for low, high in blocks)
    except ValueError:
        fits = False
    if not fits:
        raise DataError(
            "the blocks of a BED line do not fit into its interval",
            expected="blockCount, and as many blockSizes and blockStarts, the starts counted from the interval's",
            found=", ".join(map(repr, fields[9:12]))[:80],
            where=f"{source.path}, line {number}",
            fix="correct the line, or keep its first six fields only",
        )
    return () if blocks == ((start, end),) else blocks
