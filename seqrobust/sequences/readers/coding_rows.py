"""Coding sequences of an annotation beside its sequences: the CDS rows of GFF3 and GTF, joined to readings.

A CDS of several exons is several rows: of one ``ID`` in GFF3 (or of one transcript, where every row has an ID of its
own), of one ``transcript_id`` in GTF. The first row, as the ribosome meets them, says the frame; a later one that
disagrees makes the reading unclear. A GTF leaves the stop codon out of the CDS.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from seqrobust.sequences.readers.bed import bed_lines
from seqrobust.sequences.readers.coding_features import UNREADABLE_FLAGS, exception_problem, exceptional_codons
from seqrobust.sequences.readers.source import Source, open_source
from seqrobust.sequences.readers.table import Place
from seqrobust.sequences.readings import Part, Reading, Readings
from seqrobust.sequences.wording import is_whole

GTF_SUFFIXES = (".gtf",)
_TRANSCRIPTS = ("mrna", "transcript", "primary_transcript")
_PART = re.compile(r"(\d+)(?:/\d+)?$")
_GTF_PAIR = re.compile(r'\s*(\w+)\s+(?:"([^"]*)"|([^\s;]+))\s*(?:;|$)')


class Row(NamedTuple):
    """A CDS row; ``start`` counts from 0."""

    seqid: str
    start: int
    end: int
    strand: str
    phase: str
    attributes: dict[str, str]


def annotated_readings(
    path: Path, ids: Sequence[str], lengths: Sequence[int], places: Sequence[Place] | None
) -> Readings:
    """The coding sequences that a GFF3, GTF or BED file gives to each record, and the names of its features.

    Args:
        path: the file. BED knows of no frame and gives none.
        ids, lengths: of the records.
        places: where records were cut from; they take the coding sequences of their chromosome, turned and cut.

    Raises DataError for a file that cannot be read.
    """
    by_seqid: dict[str, list[Reading]] = defaultdict(list)
    kind = annotation_kind(path)
    for seqid, reading in [] if kind == "bed" else readings_of_rows(open_source(path, "tsv"), gtf=kind == "gtf"):
        by_seqid[seqid].append(reading)
    found: list[list[Reading]] = []
    for row, name in enumerate(ids):
        found.append([_on_record(one, lengths[row]) for one in by_seqid.get(name, [])])
        if places is not None and (place := places[row]).chrom in by_seqid:
            meeting = [one for one in by_seqid[place.chrom] if one.meets(place.start, place.end)]
            found[-1] += [one.moved(place.start, place.end, reverse=place.reverse) for one in meeting]
    return Readings.of(found, _turned(path) if kind == "bed" else [])


def annotation_kind(path: Path) -> str:
    """``gff3``, ``gtf`` or ``bed`` by the suffix, with or without ``.gz`` behind it."""
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    return "bed" if suffix == ".bed" else "gtf" if suffix in GTF_SUFFIXES else "gff3"


def readings_of_rows(source: Source, *, gtf: bool) -> list[tuple[str, Reading]]:
    """The sequence id and the reading of every CDS of a GFF3 or GTF file."""
    rows, parents = _rows(source, gtf=gtf)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for number, row in enumerate(rows):
        one = row.attributes.get("transcript_id" if gtf else "ID", "")
        # Without an id a row belongs to each of its transcripts.
        for name in [one] if one else (f"\0{parent}" for parent in _parents(row) or [str(number)]):
            groups[row.seqid, name].append(row)
    if not gtf:
        groups = _of_transcripts(_by_parent(groups), parents)
    return [(seqid, _reading(group, gtf=gtf)) for (seqid, _), group in groups.items()]


def _rows(source: Source, *, gtf: bool) -> tuple[list[Row], dict[str, str]]:
    """The CDS rows, and the kind of every feature that has an id."""
    rows, kinds = [], {}
    for line in source.text.split("\n"):
        if line.startswith("##FASTA"):
            break
        fields = line.split("\t")
        if line.startswith("#") or len(fields) != 9:
            continue
        attributes = _gtf_attributes(fields[8]) if gtf else _attributes(fields[8])
        kinds[attributes.get("ID", "")] = fields[2].lower()
        if fields[2] == "CDS":
            start, end = int(fields[3]) - 1, int(fields[4])
            rows.append(Row(unquote(fields[0]), start, end, fields[6], fields[7], attributes))
    return rows, kinds


def _attributes(text: str) -> dict[str, str]:
    pairs = (item.strip().partition("=") for item in text.split(";"))
    return {key.strip(): unquote(value.strip()) for key, sign, value in pairs if sign}


def _gtf_attributes(text: str) -> dict[str, str]:
    """The attributes of a GTF line; those that repeat (``tag``) joined by commas."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, quoted, plain in _GTF_PAIR.findall(text):
        found[key].append(quoted or plain)
    return {key: ",".join(values) for key, values in found.items()}


def _parents(row: Row) -> list[str]:
    return [one.strip() for one in row.attributes.get("Parent", "").split(",") if one.strip()]


def _by_parent(groups: dict[tuple[str, str], list[Row]]) -> dict[tuple[str, str], list[Row]]:
    """Rows of one id whose transcripts differ are as many coding sequences as there are transcripts."""
    found: dict[tuple[str, str], list[Row]] = {}
    for (seqid, name), rows in groups.items():
        if name.startswith("\0") or len({tuple(_parents(row)) for row in rows}) == 1:
            found[seqid, name] = rows
            continue
        for parent in dict.fromkeys(one for row in rows for one in _parents(row)):
            found[seqid, f"{name}\0{parent}"] = [row for row in rows if parent in _parents(row)]
    return found


def _of_transcripts(
    groups: dict[tuple[str, str], list[Row]], kinds: dict[str, str]
) -> dict[tuple[str, str], list[Row]]:
    """Rows with an id each, of one transcript, are its exons: joined where they follow one another in frame.

    An operon's transcript has several proteins: rows that are named differently are not joined.
    """
    single: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for key, rows in groups.items():
        for parent in _parents(rows[0]) if len(rows) == 1 else []:
            if kinds.get(parent, "") in _TRANSCRIPTS:
                single[key[0], parent].append(key)
    joined, alone = dict(groups), {key for keys in single.values() for key in keys if len(keys) == 1}
    for (seqid, parent), keys in single.items():
        rows = [groups[key][0] for key in keys]
        if len(rows) > 1 and len({_names(row) for row in rows}) == 1 and not _rows_problem(_in_order(rows)):
            joined[seqid, f"\0{parent}"] = rows
        else:
            alone.update(keys)
    apart = {key for keys in single.values() for key in keys} - alone
    return {key: rows for key, rows in joined.items() if key not in apart}


def _names(row: Row) -> tuple[str, ...]:
    return tuple(row.attributes.get(key, "") for key in ("Name", "gene", "protein_id", "product", "locus_tag"))


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """In the order they are read: as NCBI numbers them (``part=1/2``), else backwards on the minus strand."""
    numbers = [int(found[1]) for row in rows if (found := _PART.match(row.attributes.get("part", "")))]
    if len(set(numbers)) == len(rows):
        return [row for _, row in sorted(zip(numbers, rows, strict=True), key=lambda pair: pair[0])]
    return sorted(rows, key=lambda row: row.start, reverse=rows[0].strand == "-")


def _rows_problem(rows: Sequence[Row]) -> str:
    """Why rows, in the order they are read, are no reading; empty where they are."""
    strands = {row.strand for row in rows}
    if len(strands) > 1:
        return "its rows lie on both strands"
    if not strands <= {"+", "-"}:
        return f"its strand is {rows[0].strand!r}"
    if any(row.phase not in ("0", "1", "2") for row in rows):
        return "column 8 gives no phase"
    read = -int(rows[0].phase)
    for row in rows:
        if (wanted := -read % 3) != int(row.phase):
            return f"its rows disagree on the frame (phase {row.phase} at {row.start + 1}, {wanted} by the rows before)"
        read += row.end - row.start
    return ""


def _reading(rows: Sequence[Row], *, gtf: bool) -> Reading:
    rows = _in_order(rows)
    first = rows[0]
    said = {key: value for row in reversed(rows) for key, value in row.attributes.items()}
    start, end = _partial(rows, said)
    name = "" if gtf else said.get("Name", "").replace(";", ",").strip()
    table = said.get("transl_table", "")
    exceptions, misread = exceptional_codons([said["transl_except"]] if "transl_except" in said else [])
    flagged = next((why for key, why in UNREADABLE_FLAGS.items() if said.get(key, "false").lower() != "false"), "")
    problem = (
        _rows_problem(rows)
        or flagged
        or exception_problem(said.get("exception", ""))
        or (f"a transl_except that cannot be read: {misread}" if misread else "")
        or ("" if not table or is_whole(table) else f"transl_table={table}")
    )
    return Reading(
        name=f"CDS[{name}]" if name else "CDS",
        parts=tuple(Part(row.start, row.end, -1 if row.strand == "-" else 1) for row in rows),
        phase=int(first.phase) if first.phase in ("0", "1", "2") else 0,
        table=int(table) if is_whole(table) else None,
        gene=said.get("gene_name", said.get("gene_id", "")) if gtf else said.get("gene", ""),
        locus_tag=said.get("locus_tag", ""),
        protein_id=said.get("protein_id", ""),
        product=said.get("product", ""),
        partial_start=start,
        partial_end=end,
        exceptions=exceptions,
        unclear=problem,
    )


def _partial(rows: Sequence[Row], said: dict[str, str]) -> tuple[bool, bool]:
    """Whether it begins, and whether it ends, beyond its rows: as NCBI (``start_range``) or Ensembl (a tag) says."""
    low, high = (any(key in row.attributes for row in rows) for key in ("start_range", "end_range"))
    start, end = (high, low) if rows[0].strand == "-" else (low, high)
    if said.get("partial", "").lower() == "true" and not (low or high):
        start = end = True
    tags = said.get("tag", "")
    return start or "cds_start_NF" in tags or rows[0].phase in ("1", "2"), end or "cds_end_NF" in tags


def _on_record(reading: Reading, length: int) -> Reading:
    """A reading of a whole record; one that goes on behind a circular record's end goes on at its beginning."""
    if all(part.end <= length for part in reading.parts):
        return reading
    parts: list[Part] = []
    for part in reading.parts:
        pieces = [(part.start, min(part.end, length)), (max(part.start, length) - length, part.end - length)]
        kept = [Part(start, end, part.strand) for start, end in pieces if start < end]
        parts += kept if part.strand > 0 else kept[::-1]
    return replace(reading, parts=tuple(parts))


def _turned(path: Path) -> list[str]:
    """Names of BED lines on the minus strand or of several blocks, which a region alone does not tell."""
    source = open_source(path, "bed")
    blocks = {number for number, line in enumerate(source.text.split("\n"), start=1) if len(line.split("\t")) >= 12}
    lines = (line for line in bed_lines(source) if line.strand == "-" or line.line in blocks)
    return [line.name.replace(";", ",").strip() or "interval" for line in lines]
