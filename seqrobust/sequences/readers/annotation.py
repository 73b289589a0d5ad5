"""A second file's features put onto records as regions: GFF3 and GTF (1-based, closed) or BED (0-based, half-open).

A feature of a circular molecule may end beyond its length (GFF3: "Circular Genomes"): what lies beyond goes on at the
first letter, and becomes a second region of the same name. The blocks of a BED line are a region each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqrobust.errors import DataError
from seqrobust.sequences.readers.bed import bed_lines
from seqrobust.sequences.readers.gff import gff_lines
from seqrobust.sequences.readers.packing import without_packing
from seqrobust.sequences.readers.source import SUFFIXES, open_source
from seqrobust.sequences.readers.table import Place
from seqrobust.sequences.regions import Region
from seqrobust.sequences.wording import counted

_GFF_SUFFIXES = (".gff", ".gff3", ".gtf", ".gff2")


class _Feature(NamedTuple):
    line: int
    seqid: str
    region: Region


@dataclass(frozen=True, kw_only=True)
class _Annotation:
    """A file's features, and the lengths of those sequences that it calls circular."""

    path: Path
    features: list[_Feature]
    circles: Mapping[str, int]

    def placed(self, feature: _Feature, length: int) -> list[Region]:
        """The feature on a sequence of that length: one region, or two where it runs over a circle's origin.

        Raises DataError where it ends beyond a sequence that is no circle.
        """
        name, start, end = feature.region
        if end <= length:
            return [feature.region]
        circle = self.circles.get(feature.seqid)
        if circle == length and start < length and end - start <= length:
            return [Region(name, start, length), Region(name, 0, end - length)]
        raise DataError(
            "a feature leaves its record",
            expected=f"an end of at most {length}",
            found=f"{name}, {start + 1} to {end} (counted from 1)",
            where=f"{self.path}, line {feature.line}",
            fix=f"the annotation is of a circle of {circle} letters, the record has {length}: use the same sequence"
            if circle
            else "use the sequence the annotation was made on; a circle is said by Is_circular=true in GFF3",
        )


def annotated(
    path: Path, ids: Sequence[str], lengths: Sequence[int], places: Sequence[Place] | None
) -> tuple[list[list[Region]], tuple[str, ...]]:
    """The regions a GFF3, GTF or BED file gives to each record, and what there is to say about it.

    A feature belongs to the record whose id is its sequence id. Records cut from a genome (BED) also take, cut to their
    own ends and turned to their own strand, the features of their chromosome.

    Raises DataError for a line that cannot be read, a feature that leaves its record, or a file of which nothing fits.
    """
    annotation = _read(path)
    features = annotation.features
    regions = _by_id(annotation, ids, lengths) if places is None else _by_place(annotation, ids, places)
    known = set(ids) if places is None else {*ids, *(place.chrom for place in places)}
    strange = [feature for feature in features if feature.seqid not in known]
    if not any(regions):
        raise DataError(
            "no feature of the annotation lies on a record",
            expected=f"sequence ids such as {', '.join(map(repr, ids[:3]))}",
            found=", ".join(repr(name) for name in dict.fromkeys(feature.seqid for feature in features[:1000]))[:80],
            where=str(path),
            fix="use the annotation of the same sequences; some call a chromosome chr1, others 1",
        )
    return regions, (f"{counted(len(strange), 'feature')} of {path.name} on no record",) if strange else ()


def _by_id(annotation: _Annotation, ids: Sequence[str], lengths: Sequence[int]) -> list[list[Region]]:
    row_of = {name: row for row, name in enumerate(ids)}
    regions: list[list[Region]] = [[] for _ in ids]
    for feature in annotation.features:
        row = row_of.get(feature.seqid)
        if row is not None:
            regions[row] += annotation.placed(feature, lengths[row])
    return regions


def _by_place(annotation: _Annotation, ids: Sequence[str], places: Sequence[Place]) -> list[list[Region]]:
    length_of = {place.chrom: place.chrom_length for place in places}
    named: dict[str, list[Region]] = defaultdict(list)
    on: dict[str, list[Region]] = defaultdict(list)
    for feature in annotation.features:
        named[feature.seqid].append(feature.region)
        if feature.seqid in length_of:
            on[feature.seqid] += annotation.placed(feature, length_of[feature.seqid])
    ends = {seqid: np.array([(region.start, region.end) for region in regions]) for seqid, regions in on.items()}
    rows = []
    for name, place in zip(ids, places, strict=True):
        rows.append([] if name in length_of else list(named.get(name, [])))
        if place.chrom in on:
            meeting = (ends[place.chrom][:, 0] < place.end) & (ends[place.chrom][:, 1] > place.start)
            rows[-1] += [_moved(on[place.chrom][int(i)], place) for i in np.flatnonzero(meeting)]
    return rows


def _moved(region: Region, place: Place) -> Region:
    """A region of a chromosome in the coordinates of a piece of it."""
    start, end = max(region.start, place.start) - place.start, min(region.end, place.end) - place.start
    length = place.end - place.start
    return Region(region.name, length - end, length - start) if place.reverse else Region(region.name, start, end)


def _read(path: Path) -> _Annotation:
    suffix = without_packing(path).suffix.lower()
    if suffix in SUFFIXES["bed"]:
        return _Annotation(path=path, features=list(_bed_features(path)), circles={})
    if suffix not in _GFF_SUFFIXES:
        raise DataError(
            "unknown kind of annotation",
            expected=f"{', '.join((*_GFF_SUFFIXES, *SUFFIXES['bed']))}, each also packed",
            found=path.name,
            fix="give the file the suffix of its kind",
        )
    features, circles = [], {}
    for line in gff_lines(open_source(path, "tsv")):
        if line.attributes.get("Is_circular", "").lower() == "true":
            circles[line.seqid] = line.end
        features.append(_Feature(line.line, line.seqid, Region(_plain(line.name), line.start, line.end)))
    return _Annotation(path=path, features=features, circles=circles)


def _bed_features(path: Path) -> Iterator[_Feature]:
    for line in bed_lines(open_source(path, "bed")):
        name = _plain(line.name) or "interval"
        for start, end in line.blocks or ((line.start, line.end),):
            yield _Feature(line.line, line.chrom, Region(name, start, end))


def _plain(name: str) -> str:
    # ";" parts regions where they are written in one line.
    return name.replace(";", ",").strip()
