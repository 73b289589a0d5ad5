"""From a file to a :class:`SequenceSet`: find columns, settle the alphabet, place regions, and say what was changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from seqrobust.alphabet import PROTEIN, RNA, Alphabet
from seqrobust.errors import DataError
from seqrobust.sequences.doubts import doubts
from seqrobust.sequences.paired_columns import nearly
from seqrobust.sequences.readers.annotation import annotated
from seqrobust.sequences.readers.coding_rows import annotated_readings, annotation_kind
from seqrobust.sequences.readers.columnar import read_parquet
from seqrobust.sequences.readers.fasta import read_fasta
from seqrobust.sequences.readers.fastq import read_fastq
from seqrobust.sequences.readers.flatfile import read_flatfile
from seqrobust.sequences.readers.intervals import read_bed
from seqrobust.sequences.readers.letters import guess_alphabet, has_lower_case
from seqrobust.sequences.readers.source import Source, open_source
from seqrobust.sequences.readers.table import Columns, Table, Where
from seqrobust.sequences.readers.tabular import read_delimited
from seqrobust.sequences.readers.variants import read_vcf, require_targets_of_alleles
from seqrobust.sequences.reading_text import COLUMN, parse_readings
from seqrobust.sequences.readings import Readings
from seqrobust.sequences.regions import Region, parse_regions
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.spreadsheet import changed_names
from seqrobust.sequences.targets import MISSING_WORDS
from seqrobust.sequences.wording import counted

_READERS: dict[str, Callable[[Source], Table]] = {
    "fasta": read_fasta,
    "fastq": read_fastq,
    "csv": read_delimited,
    "tsv": read_delimited,
    "parquet": read_parquet,
    "genbank": read_flatfile,
    "embl": read_flatfile,
    "swissprot": read_flatfile,
    "uniprot-xml": read_flatfile,
}
_NO_TABLE = Table(columns=pd.DataFrame(), where=str)
"""What stands for the rows of a format whose records are cut from another file."""
_LIKE_A_SEQUENCE = re.compile(r"[ACGTUN]{8,}|[A-Z]{15,}")
_URACIL = str.maketrans("Tt", "Uu")
_INTEGER = re.compile(r"0|-?[1-9]\d*")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Records and what there is to say about how they were read.

    Attributes:
        sequences: the records.
        notices: one sentence each: what was guessed, changed or left out.
    """

    sequences: SequenceSet
    notices: tuple[str, ...]


def read_sequences(
    path: Path | str,
    *,
    alphabet: Alphabet | None = None,
    format: str | None = None,
    columns: Columns | None = None,
    genome: Path | str | None = None,
    annotation: Path | str | None = None,
    where: Where | None = None,
    max_length: int | None = None,
    variants: str | None = None,
    known_targets: Sequence[Sequence[str]] = (),
) -> Loaded:
    """Records of a FASTA, FASTQ, CSV, TSV, Parquet, GenBank, EMBL, GenPept, Swiss-Prot, UniProt XML, BED or VCF file.

    Args:
        path: the file; its suffix tells the format.
        alphabet: what the letters mean; None takes what the file says or guesses from the letters, with a notice.
        format: a format to force.
        columns: which column holds what; None looks for the usual names.
        genome: FASTA that a BED file's intervals are cut from, or a VCF file's variants are put into.
        annotation: GFF3, GTF or BED file whose features become regions beside the file's own.
        where: keep only rows with these column values.
        max_length: keep only so many letters of a record, with the regions on them.
        variants: windows around a VCF file's variants; see :func:`~seqrobust.sequences.readers.variants.read_vcf`.
        known_targets: what target columns may be called, beside the usual names: where none is named, the first of
            these that a table has all columns of is taken, with a notice.

    Raises DataError that names the file and the line or record of whatever cannot be used.
    """
    source = open_source(Path(path), format)
    genome, annotation = (None if file is None else Path(file) for file in (genome, annotation))
    try:
        table = _read(source, genome, variants)
        rows, chosen = table.filtered(where or {}), columns or Columns()
        return _assembled(source, rows, chosen, alphabet, annotation, max_length, known_targets)
    except DataError as error:
        if any(str(file) in (error.where or "") for file in (path, genome, annotation) if file is not None):
            raise
        raise error.at(str(path)) from None


def read_table(path: Path | str, *, format: str | None = None, where: Where | None = None) -> Table:
    """The rows of a file before they are made records, to look at its columns. Raises DataError as above."""
    source = open_source(Path(path), format)
    try:
        return _READERS[source.format](source).filtered(where or {}) if source.format in _READERS else _NO_TABLE
    except DataError as error:
        raise error.at(str(path)) from None


def _read(source: Source, genome: Path | None, variants: str | None) -> Table:
    if source.format == "vcf":
        return read_vcf(source, genome, variants)
    if variants is not None:
        raise DataError("windows around variants are for VCF files", expected="a .vcf file", found=source.format)
    return read_bed(source, genome) if source.format == "bed" else _READERS[source.format](source)


def _assembled(
    source: Source,
    table: Table,
    columns: Columns,
    alphabet: Alphabet | None,
    annotation: Path | None,
    max_length: int | None,
    known_targets: Sequence[Sequence[str]],
) -> Loaded:
    notices = [*source.notices, *table.notices]
    if columns.drop_missing:
        table, dropped = _complete(table, columns, known_targets)
        notices += dropped
    texts = _sequences(table, columns)
    alphabet, said = _alphabet(alphabet, table, texts)
    texts, repaired = _repaired(texts, alphabet, table)
    ids, renamed = _ids(table, columns)
    splits = _optional(table, "split", columns.split)
    groups, ungrouped = _named_groups(table, "group", columns.group, ids)
    clusters, unclustered = _named_groups(table, "cluster", columns.cluster, ids) if columns.cluster else (None, [])
    regions, readings = _regions(table, columns, source), _readings(table, source)
    notices += [*said, *repaired, *renamed, *ungrouped, *unclustered]
    if annotation is not None:
        added, unplaced = annotated(annotation, ids, [len(text) for text in texts], table.places)
        regions = added if regions is None else [[*own, *more] for own, more in zip(regions, added, strict=True)]
        notices += unplaced
        coding = annotated_readings(annotation, ids, [len(text) for text in texts], table.places)
        if annotation_kind(annotation) != "bed":
            coding = replace(coding, features=frozenset(region.name for row in added for region in row))
        readings = coding if readings is None else readings.beside(coding)
    targets, chosen = _targets(table, columns, known_targets)
    if source.format == "vcf" and targets is not None:
        require_targets_of_alleles(table, list(map(str, targets)))
    sequences = SequenceSet.from_texts(
        texts,
        alphabet,
        ids=ids,
        targets=targets,
        groups=groups,
        splits=splits,
        regions=regions,
        readings=readings,
        clusters=clusters,
    )
    sequences, cut = _cropped(sequences, max_length)
    return Loaded(sequences=sequences, notices=(*notices, *chosen, *cut))


def _complete(table: Table, columns: Columns, known: Sequence[Sequence[str]]) -> tuple[Table, list[str]]:
    """The rows with a value in every target column, and how many have none. Raises DataError where none is left."""
    names = _target_names(table, columns, known)
    missing = {name: [_is_missing(text) for text in table.texts(name)] for name in names}
    kept = np.flatnonzero([not any(row) for row in zip(*missing.values(), strict=True)] or np.ones(len(table), bool))
    if not len(kept):
        raise DataError("no record has a value in every target column", found=", ".join(names), fix="choose others")
    lacking = [f"{sum(one)} without {name}" for name, one in missing.items() if any(one)]
    left = len(table) - len(kept)
    said = [f"{left} of {counted(len(table), 'record')} left out for want of a target ({', '.join(lacking)})"]
    return table.take(kept), said if left else []


def _is_missing(text: str) -> bool:
    return not text.strip() or text.strip().lower() in MISSING_WORDS


def _sequences(table: Table, columns: Columns) -> list[str]:
    name = table.column("sequence", columns.sequence)
    if name is None:
        raise DataError(
            "no column holds sequences",
            expected="a column called sequence or seq",
            found=", ".join(map(str, table.columns.columns)),
            fix="the first line looks like a record: put a line with the columns' names above it"
            if any(_LIKE_A_SEQUENCE.fullmatch(str(column)) for column in table.columns.columns)
            else "name it with --sequence-column",
        )
    texts = [text.strip() for text in table.texts(name)]
    if not texts:
        raise DataError("the file holds no record", found="a header and nothing below it")
    if "" in texts:
        raise DataError("a sequence is empty", where=table.where(texts.index("")), fix="drop the record")
    return texts


def _alphabet(given: Alphabet | None, table: Table, texts: list[str]) -> tuple[Alphabet, list[str]]:
    if given is not None:
        _check_one_sugar(given, texts, table)
        return given, []
    if table.alphabet is not None:
        return table.alphabet, []
    guessed = guess_alphabet(texts)
    _check_one_sugar(guessed, texts, table)
    return guessed, [f"alphabet {guessed.name}, guessed from the letters"]


def _check_one_sugar(alphabet: Alphabet, texts: list[str], table: Table) -> None:
    """Neither alphabet reads a file with both T and U: the records of the rarer kind are to be named."""
    if alphabet.name == PROTEIN.name:
        return
    thymine, uracil = (
        [row for row, text in enumerate(texts) if upper in text or lower in text] for upper, lower in ("Tt", "Uu")
    )
    if not thymine or not uracil:
        return
    rare, letter = (thymine, "T") if len(thymine) < len(uracil) else (uracil, "U")
    raise DataError(
        "the file holds both T and U: DNA and RNA together",
        expected="T in every record (DNA), or U in every record (RNA)",
        found=f"T in {counted(len(thymine), 'record')}, U in {counted(len(uracil), 'record')}",
        where=f"{table.where(rare[0])} is the first with {letter}",
        fix="write U as T everywhere (or T as U); no --alphabet reads both",
    )


def _repaired(texts: list[str], alphabet: Alphabet, table: Table) -> tuple[list[str], list[str]]:
    notices = []
    if alphabet.name == PROTEIN.name and (stops := sum(text.endswith("*") for text in texts)):
        texts = [text.removesuffix("*") for text in texts]
        notices.append(f"a trailing * removed from {counted(stops, 'record')}")
    if alphabet.name == RNA.name and table.qualifiers and any("T" in text.upper() for text in texts):
        # Flat files write RNA, too, with T.
        texts = [text.translate(_URACIL) for text in texts]
        notices.append("T read as U")
    if has_lower_case(texts):
        lower = sum(not text.isupper() for text in texts)
        notices.append(f"lower-case letters in {counted(lower, 'record')} read as upper case")
    return texts, notices


def _ids(table: Table, columns: Columns) -> tuple[list[str], list[str]]:
    given = _optional(table, "id", columns.id)
    if given is None:
        return [f"seq{row + 1}" for row in range(len(table))], ["no id column: records are called seq1, seq2 ..."]
    notices = []
    if empty := given.count(""):
        given = [name or f"seq{row + 1}" for row, name in enumerate(given)]
        notices.append(f"{counted(empty, 'record')} without an id called seq and the row number")
    if repeats := len(given) - len(set(given)):
        notices.append(f"{counted(repeats, 'repeated id')}: later ones got #2, #3 ... behind them")
    if changed := changed_names(given):
        some = ", ".join(changed[:3])
        notices.append(f"{counted(len(changed), 'id')} that a spreadsheet may have made of another name ({some})")
    return given, notices


def _optional(table: Table, role: str, name: str | None) -> list[str] | None:
    column = table.column(role, name)
    return None if column is None else [value.strip() for value in table.texts(column)]


def _named_groups(
    table: Table, role: str, column: str | None, ids: Sequence[str]
) -> tuple[list[str] | None, list[str]]:
    groups = _optional(table, role, column)
    if groups is None or not (empty := groups.count("")):
        return groups, []
    # One empty name would bind unrelated records into one group.
    alone = [group or f"only {name}" for group, name in zip(groups, ids, strict=True)]
    return alone, [f"{counted(empty, 'record')} without a {role}, each now a {role} of its own"]


def _regions(table: Table, columns: Columns, source: Source) -> list[list[Region]] | None:
    given = _optional(table, "regions", columns.regions)
    if given is None:
        return table.regions
    parse = lru_cache(maxsize=None)(parse_regions)
    own = table.regions or [[]] * len(given)
    return [[*own[row], *_parsed(parse, text, source, table, row)] for row, text in enumerate(given)]


def _readings(table: Table, source: Source) -> Readings | None:
    if table.readings is not None or COLUMN not in table.columns or table.qualifiers:
        return table.readings
    found = []
    for row, text in enumerate(table.texts(COLUMN)):
        try:
            found.append(parse_readings(text))
        except DataError as error:
            raise error.at(f"{source.path}, {table.where(row)}") from None
    return Readings.of([own for own, _ in found], [name for _, names in found for name in names])


def _parsed(parse: Callable[[str], list[Region]], text: str, source: Source, table: Table, row: int) -> list[Region]:
    try:
        return parse(text)
    except DataError as error:
        raise error.at(f"{source.path}, {table.where(row)}") from None


def _targets(table: Table, columns: Columns, known: Sequence[Sequence[str]]) -> tuple[pd.DataFrame | None, list[str]]:
    if columns.unlabelled:
        return None, []
    names = _target_names(table, columns, known)
    if not names:
        return None, _overlooked(table, known)
    values = pd.DataFrame({name: _typed(table, name) for name in names})
    many = "column" if len(names) == 1 else "columns"
    said = [] if columns.targets else [f"targets from {many} {', '.join(map(repr, names))}"]
    return values, [*said, *(doubt.text for name in values for doubt in doubts(values[name], "classification"))]


def _target_names(table: Table, columns: Columns, known: Sequence[Sequence[str]]) -> list[str]:
    """The target columns that are named, else those that are found."""
    if columns.unlabelled:
        return []
    return [str(table.column("target", name)) for name in columns.targets] or _unnamed_targets(table, known)


def _unnamed_targets(table: Table, known: Sequence[Sequence[str]]) -> list[str]:
    """The first of some known sets of columns that the table has, else the usual one; none where it has neither."""
    present = set() if table.qualifiers else set(map(str, table.columns.columns))
    for names in known:
        if names and present.issuperset(names):
            return list(names)
    usual = table.column("targets", None)
    return [usual] if usual else []


def _overlooked(table: Table, known: Sequence[Sequence[str]]) -> list[str]:
    """Columns that hardly miss the names that targets may have: they would be taken if they were written otherwise."""
    present = [] if table.qualifiers else list(map(str, table.columns.columns))
    for names in known:
        there = [name for name in names if name in present]
        alike = [(near, name) for name in names if name not in there for near in nearly(name, present)]
        if there or alike:
            said = [f"there is {name!r}" for name in there] + [f"{near!r} is not {name!r}" for near, name in alike]
            return [
                f"the columns {', '.join(map(repr, names))} would be the targets, but some are missing: "
                f"{'; '.join(said[:6])}"
            ]
    return []


def _typed(table: Table, name: str) -> pd.Series:
    """Whole numbers as numbers, other text as it stands: the class 1.10 is not the class 1.1, nor 007 the class 7."""
    column = table.columns[name]
    if (listed := _listed(column)) is not None:
        return listed
    if not pd.api.types.is_object_dtype(column) and not pd.api.types.is_string_dtype(column):
        return column
    texts = [text.strip() for text in table.texts(name)]
    if all(_INTEGER.fullmatch(text) and len(text) < 18 for text in texts):
        return pd.Series(np.array(texts, np.int64) if texts else [], name=name)
    return pd.Series(texts, name=name, dtype=object)


def _listed(column: pd.Series) -> pd.Series | None:
    """Cells that hold several names, or several 0 and 1, as text; None for a column of other cells."""
    rows = [value.tolist() if isinstance(value, np.ndarray) else value for value in column]
    if not rows or not all(isinstance(row, list | tuple) for row in rows):
        return None
    items = [item for row in rows for item in row]
    if all(isinstance(item, str) for item in items):
        return pd.Series([json.dumps(list(row)) for row in rows], name=column.name, dtype=object)
    if all(item in (0, 1) for item in items):
        return pd.Series([json.dumps([int(item) for item in row]) for row in rows], name=column.name, dtype=object)
    return None


def _cropped(sequences: SequenceSet, max_length: int | None) -> tuple[SequenceSet, list[str]]:
    if max_length is None:
        return sequences, []
    if max_length < 1:
        raise DataError(
            "a record keeps at least one letter", expected="a max length of 1 or more", found=str(max_length)
        )
    longer = int((sequences.lengths > max_length).sum())
    return sequences.cropped(max_length), [f"{counted(longer, 'record')} cut to {max_length} letters"] if longer else []
