"""Records written to a file that the readers take back: TSV, CSV, Parquet or FASTA, the text ones also gzipped.

A table has the columns ``id, split, <targets>, group, sequence, regions, coding_sequences`` (those there are); a FASTA
header carries the same as ``>id key=value`` (see :mod:`seqrobust.sequences.fasta_headers`). Files appear whole
or not at all, and equal records give equal bytes.
"""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path

import pandas as pd

from seqrobust.errors import DataError
from seqrobust.files import replacing
from seqrobust.sequences.fasta_headers import fasta_header, keys_of
from seqrobust.sequences.reading_text import COLUMN, readings_as_text
from seqrobust.sequences.regions import format_regions
from seqrobust.sequences.sequence_set import SequenceSet

WRITABLE = (".tsv", ".csv", ".parquet", ".fa", ".fasta", ".fna", ".faa")
"""Suffixes that can be written; each but ``.parquet`` also behind ``.gz``."""

_FASTA_WIDTH = 80
_FASTA_KEY = re.compile(r"[A-Za-z_][\w.-]*")


def write_sequences(sequences: SequenceSet, path: Path | str) -> None:
    """Write records, in the format of the path's suffix; missing folders are made.

    Raises DataError for an unknown suffix, a column or a value that the format cannot carry, or a place nothing can
    be written to.
    """
    path = Path(path)
    zipped = path.suffix.lower() == ".gz"
    suffix = path.with_suffix("").suffix.lower() if zipped else path.suffix.lower()
    if suffix not in WRITABLE or (zipped and suffix == ".parquet"):
        raise DataError(
            "records cannot be written in that format",
            expected=", ".join(WRITABLE) + "; text also with .gz",
            found=repr(path.name),
        )
    table = as_table(sequences)
    try:
        with replacing(path) as temporary:
            if suffix == ".parquet":
                table.to_parquet(temporary, index=False)
            else:
                data = _text(table, suffix).encode()
                # No time stamp: the same records give the same bytes.
                temporary.write_bytes(gzip.compress(data, mtime=0) if zipped else data)
    except OSError as error:
        raise DataError("the file cannot be written", found=str(error), where=str(path)) from None


def as_table(sequences: SequenceSet) -> pd.DataFrame:
    """One row per record: id, split, target columns, group, sequence, regions, coding sequences, those there are.

    Raises DataError for a target column with one of those names.
    """
    columns: dict[str, object] = {"id": list(sequences.ids)}
    if sequences.splits is not None:
        columns["split"] = sequences.splits.tolist()
    if sequences.targets is not None:
        own = {"id", "split", "group", "sequence", "regions", COLUMN}
        own |= set() if sequences.clusters is None else {"cluster"}
        taken = own & set(map(str, sequences.targets.columns))
        if taken:
            raise DataError("a target column has a reserved name", found=", ".join(sorted(taken)), fix="rename it")
        columns |= {str(name): sequences.targets[name].to_numpy() for name in sequences.targets.columns}
    if sequences.groups is not None:
        columns["group"] = sequences.groups.tolist()
    if sequences.clusters is not None:
        columns["cluster"] = sequences.clusters.tolist()
    columns["sequence"] = sequences.texts
    if len(sequences.regions):
        columns["regions"] = [format_regions(sequences.regions.of(record)) for record in range(len(sequences))]
    if sequences.readings is not None:
        columns[COLUMN] = [readings_as_text(sequences.readings, record) for record in range(len(sequences))]
    table: pd.DataFrame = pd.DataFrame(columns)
    return table


def _text(table: pd.DataFrame, suffix: str) -> str:
    if suffix in (".tsv", ".csv"):
        _check_lines(table, suffix)
        return table.to_csv(index=False, sep="\t" if suffix == ".tsv" else ",", lineterminator="\n")
    keys = [str(name) for name in table.columns if name not in ("id", "sequence")]
    if wrong := [key for key in keys if not _FASTA_KEY.fullmatch(key)]:
        raise DataError(
            "a column's name cannot stand in a FASTA header",
            expected="letters, digits, _ . and -",
            found=", ".join(map(repr, wrong)),
            fix="rename it, or write a table (.tsv, .csv, .parquet)",
        )
    written = io.StringIO()
    for row in table.to_dict("records"):
        said = {key: str(row[key]) for key in keys if str(row[key]) != "" and not pd.isna(row[key])}
        title = fasta_header(str(row["id"]), said)
        _check_header(title, said, str(row["id"]))
        written.write(f">{title}\n")
        sequence = str(row["sequence"])
        written.writelines(
            sequence[start : start + _FASTA_WIDTH] + "\n" for start in range(0, len(sequence), _FASTA_WIDTH)
        )
    return written.getvalue()


def _check_lines(table: pd.DataFrame, suffix: str) -> None:
    """A row is a line: no field may hold a line break, nor, in TSV, a tab."""
    breaking = re.compile(r"[\n\r\t]" if suffix == ".tsv" else r"[\n\r]")
    for name in table:
        for row, value in enumerate(table[name]):
            if isinstance(value, str) and breaking.search(value):
                raise DataError(
                    "a field holds a line break" + (" or a tab" if suffix == ".tsv" else ""),
                    found=f"column {str(name)!r}: {value[:60]!r}",
                    where=f"record {table['id'].iloc[row]!r}",
                    fix="write .parquet, or change the field",
                )


def _check_header(title: str, said: dict[str, str], name: str) -> None:
    """What a header says must be read back as it was."""
    read = keys_of(title)
    for key, value in said.items():
        if read.get(key) != value:
            raise DataError(
                "a value cannot stand in a FASTA header",
                expected="one line, without spaces at its ends, and no further key= in it",
                found=f"{key}: {value[:60]!r}",
                where=f"record {name!r}",
                fix="write a table (.tsv, .csv, .parquet)",
            )
