"""Options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from seqrobust.sequences import Task
    from seqrobust.sequences.readers import Columns

Format = Annotated[str | None, typer.Option("--format", help="Format to force; else told by the suffix.")]
AlphabetName = Annotated[str | None, typer.Option("--alphabet", help="DNA, RNA or PROTEIN; else guessed.")]
IdColumn = Annotated[str | None, typer.Option("--id-column", help="Else id or name.")]
SequenceColumn = Annotated[str | None, typer.Option("--sequence-column", help="Else sequence or seq.")]
TargetColumn = Annotated[
    list[str] | None, typer.Option("--target-column", help="Repeat for several; else label, class or target.")
]
GroupColumn = Annotated[str | None, typer.Option("--group-column", help="Else group or cluster.")]
SplitColumn = Annotated[str | None, typer.Option("--split-column", help="Else split.")]
RegionsColumn = Annotated[str | None, typer.Option("--regions-column", help="name:start-end;... Else regions.")]
Genome = Annotated[Path | None, typer.Option("--genome", help="FASTA a BED file's intervals are cut from.")]
Annotation = Annotated[Path | None, typer.Option("--annotation", help="GFF3 or BED whose features become regions.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="Keep these rows; one column repeated: any of its values."),
]
TaskName = Annotated[str | None, typer.Option("--task", help="binary, classification, multilabel or regression.")]
Out = Annotated[Path | None, typer.Option("--out", help="Output folder.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random choice.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Sequences per forward pass; else what suits the device.")
]
Memory = Annotated[
    str | None, typer.Option("--memory", metavar="SIZE", help="Scoring neighbours may take so much: 500MB, 2GB.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start anew in a folder that holds a run.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config, such as training.epochs=5."),
]


def columns_of(
    id_column: str | None,
    sequence_column: str | None,
    target_column: list[str] | None,
    group_column: str | None,
    split_column: str | None,
    regions_column: str | None,
) -> Columns:
    """Which column holds what, from the options above."""
    from seqrobust.sequences.readers import Columns

    return Columns(
        id=id_column,
        sequence=sequence_column,
        targets=tuple(target_column or ()),
        group=group_column,
        split=split_column,
        regions=regions_column,
    )


def choice(option: str, value: Any, known: tuple[str, ...]) -> Any:
    """The value, if it is one of those known. Raises ConfigError otherwise."""
    from seqrobust.errors import ConfigError

    if value is not None and value not in known:
        raise ConfigError("unknown value", expected=", ".join(known), found=repr(value), where=option)
    return value


def checked_task(name: str | None) -> Task | None:
    """The task of that name. Raises ConfigError for another one."""
    from seqrobust.sequences.targets import TASKS

    task: Task | None = choice("--task", name, TASKS)
    return task


def command_line() -> str:
    """The command as it was typed, for the manifest."""
    import shlex
    import sys

    return shlex.join(["seqrobust", *sys.argv[1:]])


def patterns_of(options: list[str]) -> dict[str, str]:
    from seqrobust.errors import ConfigError

    pairs = [option.partition("=") for option in options]
    if wrong := [option for option, (name, _, text) in zip(options, pairs, strict=True) if not (name and text)]:
        raise ConfigError("a pattern cannot be read", expected="--pattern NAME=PATTERN", found=repr(wrong[0]))
    return {name: text for name, _, text in pairs}


def names_of(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
