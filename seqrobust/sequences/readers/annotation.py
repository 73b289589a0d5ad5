"""A second file's features put onto records as regions: GFF3 or GTF (1-based, closed) or BED (0-based, half-open)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from seqrobust.errors import DataError
from seqrobust.sequences.readers.coding_rows import GTF_SUFFIXES
from seqrobust.sequences.readers.intervals import bed_lines
from seqrobust.sequences.readers.source import Source, open_source
from seqrobust.sequences.readers.table import Place
from seqrobust.sequences.regions import Region
from seqrobust.sequences.wording import counted

_GFF_SUFFIXES = (".gff", ".gff3", *GTF_SUFFIXES)


class _Feature(NamedTuple):
    line: int
    seqid: str
    region: Region


def annotated(
    path: Path, ids: Sequence[str], lengths: Sequence[int], places: Sequence[Place] | None
) -> tuple[list[list[Region]], tuple[str, ...]]:
    """The regions a GFF3 or BED file gives to each record, and what there is to say about it.

    A feature belongs to the record whose id is its sequence id. Records cut from a genome (BED) also take, cut to their
    own ends and turned to their own strand, the features of their chromosome.

    Raises DataError for a line that cannot be read, a feature that leaves its record, or a file of which nothing fits.
    """
    features = list(_features(path))
    regions = _by_id(path, features, ids, lengths) if places is None else _by_place(features, ids, places)
    known = set(ids) if places is None else {*ids, *(place.chrom for place in places)}
    strange = [feature for feature in features if feature.seqid not in known]
    if not any(regions):
        raise DataError(
            "no feature of the annotation lies on a record",
            expected=f"sequence ids such as {', '.join(map(repr, ids[:3]))}",
            found=", ".join(repr(name) for name in dict.fromkeys(feature.seqid for feature in features[:1000]))[:80],
            where=str(path),
        )
    return regions, (f"{counted(len(strange), 'feature')} of {path.name} on no record",) if strange else ()


def _by_id(path: Path, features: list[_Feature], ids: Sequence[str], lengths: Sequence[int]) -> list[list[Region]]:
    row_of = {name: row for row, name in enumerate(ids)}
    regions: list[list[Region]] = [[] for _ in ids]
    for feature in features:
        row = row_of.get(feature.seqid)
        if row is None:
            continue
        if feature.region.end > lengths[row]:
            raise DataError(
                "a feature leaves its record",
                expected=f"an end of at most {lengths[row]}",
                found=f"{feature.region.name}, {feature.region.start + 1} to {feature.region.end} (counted from 1)",
                where=f"{path}, line {feature.line}",
            )
        regions[row].append(feature.region)
    return regions


def _by_place(features: list[_Feature], ids: Sequence[str], places: Sequence[Place]) -> list[list[Region]]:
    on: dict[str, list[Region]] = defaultdict(list)
    for feature in features:
        on[feature.seqid].append(feature.region)
    ends = {seqid: np.array([(region.start, region.end) for region in regions]) for seqid, regions in on.items()}
    rows = []
    for name, place in zip(ids, places, strict=True):
        rows.append(list(on.get(name, [])))
        if place.chrom in on:
            meeting = (ends[place.chrom][:, 0] < place.end) & (ends[place.chrom][:, 1] > place.start)
            rows[-1] += [_moved(on[place.chrom][int(i)], place) for i in np.flatnonzero(meeting)]
    return rows


def _moved(region: Region, place: Place) -> Region:
    """A region of a chromosome in the coordinates of a piece of it."""
    start, end = max(region.start, place.start) - place.start, min(region.end, place.end) - place.start
    length = place.end - place.start
    return Region(region.name, length - end, length - start) if place.reverse else Region(region.name, start, end)


def _features(path: Path) -> Iterator[_Feature]:
    stem = path.with_suffix("") if path.suffix == ".gz" else path
    if stem.suffix.lower() not in (*_GFF_SUFFIXES, ".bed"):
        raise DataError(
            "unknown kind of annotation", expected=".gff3, .gff, .gtf or .bed, each also .gz", found=path.name
        )
    if stem.suffix.lower() == ".bed":
        for line in bed_lines(open_source(path, "bed")):
            yield _Feature(line.line, line.chrom, Region(_plain(line.name) or "interval", line.start, line.end))
        return
    yield from _gff_features(open_source(path, "tsv"))


def _gff_features(source: Source) -> Iterator[_Feature]:
    for number, line in enumerate(source.text.split("\n"), start=1):
        if line.startswith("##FASTA"):
            return
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if (
            len(fields) != 9
            or not (fields[3].isdecimal() and fields[4].isdecimal())
            or not (1 <= int(fields[3]) <= int(fields[4]))
        ):
            raise DataError(
                "a GFF3 line cannot be read",
                expected="nine fields parted by tabs, with 1 <= start <= end",
                found=repr(line[:80]),
                where=f"{source.path}, line {number}",
            )
        name = _gff_name(fields[2], fields[8])
        yield _Feature(number, unquote(fields[0]), Region(name, int(fields[3]) - 1, int(fields[4])))


def _gff_name(kind: str, attributes: str) -> str:
    pairs = dict(item.strip().partition("=")[::2] for item in attributes.split(";"))
    name = _plain(unquote(pairs.get("Name", "")))
    return f"{_plain(unquote(kind))}[{name}]" if name else _plain(unquote(kind))


def _plain(name: str) -> str:
    # ";" parts regions where they are written in one line.
    return name.replace(";", ",").strip()
