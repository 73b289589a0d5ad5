"""A data file as the user names it: where it is, which column holds what, which rows are kept. Read elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated

from seqrobust.errors import ConfigError
from seqrobust.files import is_read
from seqrobust.options import DATA, Option, pairs_of, patterns_of


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column holds what; None looks for the usual names, and an empty ``targets`` for one usual name.

    Attributes:
        id, sequence, group, split, regions: column names.
        cluster: column of which records of one value are not independent; None for the group column.
        targets: target columns, in order.
        unlabelled: no target is looked for.
        drop_missing: records that lack a value in a target column are left out, and counted.
    """

    id: Annotated[str | None, Option(flag="--id-column", help="Else id or name.")] = None
    sequence: Annotated[str | None, Option(flag="--sequence-column", help="Else sequence or seq.")] = None
    targets: Annotated[
        tuple[str, ...],
        Option(
            flag="--target-column", help="Repeat for several; else label, class or target (of a table).", repeat=True
        ),
    ] = ()
    group: Annotated[str | None, Option(flag="--group-column", help="Else group or cluster.")] = None
    cluster: Annotated[
        str | None,
        Option(
            flag="--cluster",
            help="Records of one value (gene, family) are not independent; else the group column.",
            metavar="COLUMN",
        ),
    ] = None
    split: Annotated[str | None, Option(flag="--split-column", help="Else split.")] = None
    regions: Annotated[str | None, Option(flag="--regions-column", help="name:start-end;... Else regions.")] = None
    unlabelled: Annotated[
        bool, Option(flag="--no-targets", help="Take no column for a target, whatever it is called.")
    ] = False
    drop_missing: Annotated[
        bool, Option(help="Leave out records without a value in a target column (empty, NA, NaN ...).")
    ] = False

    def __post_init__(self) -> None:
        if self.unlabelled and self.targets:
            raise ConfigError(
                "targets are both named and not wanted",
                found=", ".join(self.targets),
                fix="leave out --target-column or --no-targets",
            )


@dataclass(frozen=True, kw_only=True)
class FileReading:
    """How data files are read, the same for every one of several; see :class:`DataSource`."""

    format: Annotated[str | None, Option(help="Format to force; else told by the suffix.")] = None
    columns: Columns = field(default_factory=Columns)
    genome: Annotated[Path | None, Option(help="FASTA of a BED file's intervals or a VCF file's variants.")] = None
    variants: Annotated[
        str | None,
        Option(help="Window around each variant of a VCF: 1000, or 1000:pairs (the reference too).", metavar="LENGTH"),
    ] = None
    annotation: Annotated[Path | None, Option(help="GFF3, GTF or BED whose features become regions.")] = None
    where: Annotated[
        dict[str, list[str]],
        Option(
            help="Keep these rows; one column repeated: any of its values.",
            metavar="COLUMN=VALUE",
            repeat=True,
            read=pairs_of,
        ),
    ] = field(default_factory=dict)

    def source(self, path: Path, *, split: str | None = None, max_length: int | None = None) -> DataSource:
        """A file that is read so."""
        said = {one.name: getattr(self, one.name) for one in fields(FileReading)}
        return DataSource(path=path, split=split, max_length=max_length, **said)


@dataclass(frozen=True, kw_only=True)
class DataSource(FileReading):
    """A data file and how to read it; see :func:`seqrobust.sequences.readers.read_sequences`."""

    path: Annotated[Path, Option(flag="--data", help="FASTA, CSV, TSV, Parquet, GenBank ..., also .gz.", panel=DATA)]
    patterns: Annotated[
        dict[str, str],
        Option(
            flag="--pattern",
            help="Make a region of every match, such as zinc=H-E-x(2)-H.",
            panel=DATA,
            metavar="NAME=PATTERN",
            repeat=True,
            read=patterns_of,
        ),
    ] = field(default_factory=dict)
    max_length: Annotated[int | None, Option(help="Cut records to this length.", panel=DATA, least=1)] = None
    split: Annotated[str | None, Option(help="Use only this split of the file.", panel=DATA)] = None

    @property
    def files(self) -> list[Path]:
        """Files that are read."""
        return [path for path in (self.path, self.genome, self.annotation) if path is not None and is_read(path)]


def split_names(values: tuple[str, ...], known: set[str]) -> tuple[str, ...]:
    """Names from comma-separated values; a value that is a known name as it stands is left whole.

    Raises ConfigError for a value without a name: an empty ``--only`` would quietly free the whole sequence.

    >>> split_names(("GT,AG", "BINDING[Fe, heme]"), {"GT", "AG", "BINDING[Fe, heme]"})
    ('GT', 'AG', 'BINDING[Fe, heme]')
    """
    names: list[str] = []
    for value in values:
        parts = [value] if value in known else [part.strip() for part in value.split(",") if part.strip()]
        if not parts:
            raise ConfigError("an option names no region", found=repr(value), fix="name one, or leave the option out")
        names += parts
    return tuple(dict.fromkeys(names))
