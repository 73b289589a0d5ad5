"""Which coding sequences are meant: ``CDS``, ``CDS[gene=S]``, ``CDS[YP_009724390.1]``, or regions of that name.

A file that knows of strands and frames gives readings, and only those are read in codons; an interval that a user gives
is read from its own first letter along the record. Coding sequences that were not chosen are not edited, but kept too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seqrobust.errors import ThreatError
from seqrobust.sequences.assumed_code import code_doubts, code_is_assumed
from seqrobust.sequences.genetic_code import STANDARD
from seqrobust.sequences.reading_codons import ReadingCodons, codons_of
from seqrobust.sequences.readings import Part, Reading
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.translation import reading_problem

_BY_NAME = re.compile(r"(?P<kind>[^\[]+)\[(?P<key>gene|locus_tag|protein_id|product)=(?P<value>.*)\]")
_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A reading of a record as codon moves see it.

    Attributes:
        codons: of the reading.
        edited: it is one of those that were named.
        problem: why it is left as it is; empty where it is not.
    """

    codons: ReadingCodons
    edited: bool
    problem: str


def chosen_readings(sequences: SequenceSet, name: str | None, table: int | None) -> list[list[Chosen]]:
    """The readings of each record, those that were named first.

    Args:
        sequences: the records.
        name: what was named; None for whole records.
        table: genetic code that was named, or None for what each reading says, the standard code where it says nothing.

    Raises ThreatError where nothing of that name can be read in codons, a record's genetic code is another than the one
    named, or every coding sequence has a problem.
    """
    edited = _named(sequences, name)
    found = []
    doubts = code_doubts(sequences) if table is None else [""] * len(sequences)
    for record in range(len(sequences)):
        known = () if sequences.readings is None else sequences.readings.of_record[record]
        others = [reading for reading in known if not any(reading is one for one in edited[record])]
        rows = [(reading, True) for reading in edited[record]] + [(reading, False) for reading in others]
        found.append([_chosen(sequences, record, reading, table, named, doubts[record]) for reading, named in rows])
    problems = [(one.codons.reading, one.problem) for row in found for one in row if one.edited]
    if problems and all(problem for _, problem in problems):
        raise ThreatError(
            "no coding sequence can be edited without changing its protein unseen",
            found="; ".join(f"{reading.called}: {problem}" for reading, problem in problems[:_LISTED]),
            fix="mend the annotation, or give the right genetic code (codons:CDS:11)",
        )
    return found


def _chosen(
    sequences: SequenceSet, record: int, reading: Reading, table: int | None, edited: bool, doubt: str
) -> Chosen:
    if edited and table is not None and reading.table not in (None, table):
        raise ThreatError(
            "the record's genetic code is another than the one that was named",
            expected=f"{reading.table}, as {reading.called} says (transl_table)",
            found=str(table),
            where=f"record {sequences.ids[record]!r}",
            fix="leave the number out: the code is then taken from each record",
        )
    code = next(one for one in (reading.table, table, STANDARD) if one is not None)
    text = sequences.texts[record]
    problem = reading_problem(reading, text, code)
    if doubt and code_is_assumed(reading) and not reading.unclear:
        problem = doubt
    tokens = sequences.tokens[record, : len(text)]
    # The letters of a reading whose code does not exist are kept whatever they mean.
    code = STANDARD if problem.startswith("unknown genetic code") else code
    return Chosen(codons=codons_of(reading, tokens, sequences.alphabet, code, problem), edited=edited, problem=problem)


def _named(sequences: SequenceSet, name: str | None) -> list[list[Reading]]:
    """The readings of that name, record by record."""
    readings = sequences.readings
    if name is None:
        if readings is not None and any(readings.of_record):
            raise ThreatError(
                "the file says where coding sequences lie, so records are not read in codons from end to end",
                expected="codons:CDS, or codons:CDS[gene=NAME]",
                found="codons",
            )
        return [[_interval("record", 0, int(length))] for length in sequences.lengths]
    if readings is not None:
        wanted = [[one for one in row if _is_meant(one, name)] for row in readings.of_record]
        if any(wanted):
            return wanted
        _no_reading(sequences, name)
    return list(_intervals(sequences, name))


def _is_meant(reading: Reading, name: str) -> bool:
    if match := _BY_NAME.fullmatch(name):
        return reading.kind == match["kind"] and getattr(reading, match["key"]) == match["value"]
    return name in (reading.kind, reading.name)


def _no_reading(sequences: SequenceSet, name: str) -> None:
    """Raise ThreatError unless the name can be that of an interval which a user gave."""
    assert sequences.readings is not None
    all_readings = [one for row in sequences.readings.of_record for one in row]
    called = list(dict.fromkeys(f"{one.kind}[gene={one.gene}]" if one.gene else one.called for one in all_readings))
    if _BY_NAME.fullmatch(name) or name == "CDS" or set(_matching(sequences, name)) & sequences.readings.features:
        raise ThreatError(
            "no coding sequence has that name",
            expected=", ".join(called[:_LISTED]) + (" ..." if len(called) > _LISTED else "") or "a CDS in the file",
            found=repr(name),
            fix="codons are read in CDS features only, which have a strand and a frame; --only confines the edits",
        )


def _matching(sequences: SequenceSet, name: str) -> list[str]:
    try:
        return sequences.regions.named(name)
    except ThreatError:
        return []


def _intervals(sequences: SequenceSet, name: str) -> Iterator[list[Reading]]:
    """Regions that a user gave: each read from its own first letter along the record."""
    regions = sequences.regions
    names = set(regions.named(name))
    for record in range(len(sequences)):
        yield [_interval(one.name, one.start, one.end) for one in regions.of(record) if one.name in names]


def _interval(name: str, start: int, end: int) -> Reading:
    return Reading(name=name, parts=(Part(start, end, 1),), partial_end=True, whole=False)
