"""GenBank, EMBL, GenPept, Swiss-Prot and UniProt XML: records with features, read by Biopython."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable
from typing import Any

import pandas as pd
from Bio import BiopythonWarning, SeqIO
from Bio.Seq import UndefinedSequenceError
from Bio.SeqRecord import SeqRecord

from seqrobust.alphabet import PROTEIN
from seqrobust.errors import DataError
from seqrobust.sequences.readers.coding_features import reading_of
from seqrobust.sequences.readers.feature_headings import with_feature_headings
from seqrobust.sequences.readers.features import is_unplaced, regions_of
from seqrobust.sequences.readers.locus import mend_locus_lines
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import Table
from seqrobust.sequences.readings import Readings
from seqrobust.sequences.wording import counted

_PARSERS = {"genbank": "genbank", "embl": "embl", "swissprot": "swiss", "uniprot-xml": "uniprot-xml"}
_SPOILED = re.compile("premature end|expected sequence length|truncated", re.IGNORECASE)
_DESCRIBING = ("source", "Protein", "CDS", "gene")
_TOO_LONG = ("translation", "transl_table", "codon_start")
_EC = re.compile(r"\bEC[ =]((?:\d+|-)(?:\.(?:[nB]?\d+|-)){1,3})")


def read_flatfile(source: Source) -> Table:
    """Rows of an annotated flat file.

    Columns: ``id`` (with its version), ``name``, ``description``, ``organism``, ``sequence``, ``EC_number`` and every
    qualifier of the record's source, protein, coding sequence and gene; several values are joined by ``;``.

    Raises DataError for a damaged file, or a record without its sequence.
    """
    records, mended = _parse(source)
    if (none := next((record for record in records if record.seq is None), None)) is not None:
        raise _without_sequence(source, none)
    columns = pd.DataFrame([_row(source, record) for record in records], dtype=object).fillna("")
    unplaced = sum(is_unplaced(feature) for record in records for feature in record.features)
    notices = (f"no region for {counted(unplaced, 'feature')} with an unknown end",) if unplaced else ()
    protein = all(record.annotations.get("molecule_type") == "protein" for record in records)
    return Table(
        columns=columns,
        where=lambda row: f"record {row + 1}",
        regions=[[region for feature in record.features for region in regions_of(feature)] for record in records],
        alphabet=PROTEIN if protein else None,
        readings=None if protein else _readings(records),
        qualifiers=True,
        notices=(*mended, *notices),
    )


def _readings(records: list[SeqRecord]) -> Readings:
    """The coding sequences of records, and the names of all their features."""
    found = [[reading_of(feature, len(record.seq)) for feature in record.features] for record in records]
    named = {region.name for record in records for feature in record.features for region in regions_of(feature)}
    return Readings.of([[one for one in row if one is not None] for row in found], named)


def _parse(source: Source) -> tuple[list[SeqRecord], tuple[str, ...]]:
    """The records, and notices of what was mended to read them."""
    handle, mended = _opened(source)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            records = list(SeqIO.parse(handle, _PARSERS[source.format]))
        except Exception as error:  # Biopython's parsers raise whatever their input makes them stumble on
            raise _damaged(source, f"{type(error).__name__}: {error}") from None
    for warning in caught:
        # Biopython only warns of a sequence that breaks off; half a sequence must not pass for a whole one.
        if issubclass(warning.category, BiopythonWarning) and _SPOILED.search(str(warning.message)):
            raise _damaged(source, str(warning.message))
    if not records:
        raise DataError("the file holds no record", expected=source.format, where=str(source.path))
    return records, mended


def _opened(source: Source) -> tuple[Any, tuple[str, ...]]:
    if source.format == "uniprot-xml":
        return io.BytesIO(source.data), ()
    text = with_feature_headings(source.text, source.format)
    text, mended = mend_locus_lines(text) if source.format == "genbank" else (text, ())
    return io.StringIO(text), mended


def _damaged(source: Source, found: str) -> DataError:
    if locus := re.search(r"LOCUS line layout:\s*(LOCUS.*)", found):
        lines = enumerate(source.text.split("\n"), start=1)
        number = next((number for number, line in lines if line.strip() == locus[1].strip()), "?")
        return DataError(
            "a LOCUS line cannot be taken apart",
            expected="LOCUS, a name without spaces, a space, the length, bp",
            found=repr(locus[1][:90]),
            where=f"{source.path}, line {number}",
            fix="a name that runs into the length or holds spaces is read where the length is the count of the "
            "letters, which this is not: see that the file is whole; then put a space on each side of the length",
        )
    return DataError(
        f"the file cannot be read as {source.format}",
        found=found[:200],
        where=str(source.path),
        fix="check that it is whole; download it again",
    )


def _row(source: Source, record: SeqRecord) -> dict[str, str]:
    try:
        sequence = str(record.seq)
    except UndefinedSequenceError:
        raise _without_sequence(source, record) from None
    organism = str(record.annotations.get("organism", "")).strip(".")
    row = {"id": record.id, "name": record.name, "description": record.description, "organism": organism}
    values: dict[str, list[str]] = {}
    for feature in record.features:
        if feature.type in _DESCRIBING:
            for key, given in feature.qualifiers.items():
                if key not in _TOO_LONG and key not in row:
                    values.setdefault(key, []).extend(map(str, given if isinstance(given, list) else [given]))
    if "EC_number" not in values and (numbers := _EC.findall(record.description)):
        values["EC_number"] = numbers
    return {**row, **{key: _joined(given) for key, given in values.items()}, "sequence": sequence}


def _without_sequence(source: Source, record: SeqRecord) -> DataError:
    return DataError(
        "a record has no sequence",
        where=f"{source.path}, record {record.id!r}",
        fix="download the record with its sequence (NCBI calls this GenBank (full), or gbwithparts)",
    )


def _joined(values: Iterable[str]) -> str:
    return ";".join(dict.fromkeys(values))
