"""``seqrobust data describe`` and ``seqrobust data check``: look at records, and find what would spoil a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from seqrobust.sequences.checks import Problem
    from seqrobust.sequences.readers import Loaded
    from seqrobust.sequences.summary import Summary
    from seqrobust.sequences.targets import Task

app = typer.Typer(help="Look at sequence data and check it.", no_args_is_help=True)

_MOST_ROWS = 30

File = Annotated[
    Path, typer.Argument(help="FASTA, CSV, TSV, Parquet, GenBank, Swiss-Prot, UniProt XML or BED; also .gz.")
]
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
TaskName = Annotated[
    str | None,
    typer.Option("--task", help="binary, classification, multilabel or regression: check the targets for it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command("describe")
def describe_file(
    file: File,
    format: Format = None,
    alphabet: AlphabetName = None,
    id_column: IdColumn = None,
    sequence_column: SequenceColumn = None,
    target_column: TargetColumn = None,
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    regions_column: RegionsColumn = None,
    genome: Genome = None,
    annotation: Annotation = None,
    where: WhereOption = None,
    as_json: AsJson = False,
) -> None:
    """Print what is in a file: lengths, letters, classes per split, copies, groups and regions."""
    from seqrobust.sequences.summary import describe

    loaded = _load(
        file,
        {
            "id": id_column,
            "sequence": sequence_column,
            "targets": tuple(target_column or ()),
            "group": group_column,
            "split": split_column,
            "regions": regions_column,
        },
        format=format,
        alphabet=alphabet,
        genome=genome,
        annotation=annotation,
        where=where,
    )
    summary = describe(loaded.sequences)
    if as_json:
        print(json.dumps({"file": str(file), "notices": loaded.notices, **asdict(summary)}, indent=2))
        return
    console = _console()
    _print_notices(console, loaded)
    _print_summary(console, file, summary)


@app.command("check")
def check_file(
    file: File,
    format: Format = None,
    alphabet: AlphabetName = None,
    id_column: IdColumn = None,
    sequence_column: SequenceColumn = None,
    target_column: TargetColumn = None,
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    regions_column: RegionsColumn = None,
    genome: Genome = None,
    annotation: Annotation = None,
    where: WhereOption = None,
    task: TaskName = None,
    as_json: AsJson = False,
) -> None:
    """Find what would spoil a run. Exit code 2 if there is an error, 0 if there are warnings at most."""
    from seqrobust.sequences.checks import check

    loaded = _load(
        file,
        {
            "id": id_column,
            "sequence": sequence_column,
            "targets": tuple(target_column or ()),
            "group": group_column,
            "split": split_column,
            "regions": regions_column,
        },
        format=format,
        alphabet=alphabet,
        genome=genome,
        annotation=annotation,
        where=where,
    )
    problems = check(loaded.sequences, _task(task))
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        found = [asdict(problem) for problem in problems]
        print(json.dumps({"file": str(file), "notices": loaded.notices, "errors": errors, "problems": found}, indent=2))
    else:
        _print_problems(loaded, file, problems)
    if errors:
        raise typer.Exit(2)


def _load(
    file: Path,
    columns: dict[str, Any],
    *,
    format: str | None,
    alphabet: str | None,
    genome: Path | None,
    annotation: Path | None,
    where: list[str] | None,
) -> Loaded:
    from seqrobust.alphabet import alphabet_named
    from seqrobust.sequences.readers import Columns, read_sequences

    return read_sequences(
        file,
        format=format,
        alphabet=alphabet_named(alphabet) if alphabet else None,
        columns=Columns(**columns),
        genome=genome,
        annotation=annotation,
        where=parse_where(where or []),
    )


def parse_where(options: list[str]) -> dict[str, list[str]]:
    """Column to accepted values from ``column=value`` options. Raises ConfigError for one without ``=``.

    >>> parse_where(["split=train", "kind=designed", "split=valid"])
    {'split': ['train', 'valid'], 'kind': ['designed']}
    """
    from seqrobust.errors import ConfigError

    wanted: dict[str, list[str]] = {}
    for option in options:
        column, equals, value = option.partition("=")
        if not equals or not column:
            raise ConfigError("a filter cannot be read", expected="--where column=value", found=repr(option))
        wanted.setdefault(column, []).append(value)
    return wanted


def _task(name: str | None) -> Task | None:
    from seqrobust.errors import ConfigError
    from seqrobust.sequences.targets import TASKS

    for task in TASKS:
        if task == name:
            return task
    if name is not None:
        raise ConfigError("unknown task", expected=", ".join(TASKS), found=repr(name), where="--task")
    return None


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # Into a pipe rich would fold at 80 columns; names must stay whole for whoever greps them.
    return console if console.is_terminal else Console(width=160, soft_wrap=True)


def _print_notices(console: Console, loaded: Loaded) -> None:
    for notice in loaded.notices:
        console.print(f"note: {notice}", markup=False, highlight=False)


def _print_table(console: Console, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", title_style="bold")
    for place, name in enumerate(header):
        table.add_column(escape(name), justify="left" if place == 0 else "right", overflow="fold")
    for row in rows[:_MOST_ROWS]:
        table.add_row(*map(escape, row))
    console.print(table)
    if len(rows) > _MOST_ROWS:
        console.print(f"... and {len(rows) - _MOST_ROWS} more (all of them with --json)", highlight=False)


def _print_summary(console: Console, file: Path, summary: Summary) -> None:
    _print_table(console, str(file), ["", "value"], _overview(summary))
    for column, classes in summary.classes.items():
        splits = list(summary.splits)
        rows = [
            [name or "(missing)", *(str(counts.get(split, 0)) for split in splits), str(sum(counts.values()))]
            for name, counts in classes.items()
        ]
        _print_table(console, f"classes of {column}", ["class", *splits, "total"], rows)
    ranges = [[name, *(f"{x:g}" for x in (r.min, r.median, r.max))] for name, r in summary.ranges.items()]
    if ranges:
        _print_table(console, "numeric targets", ["target", "min", "median", "max"], ranges)
    regions = [[r.name, str(r.count), str(r.records), f"{r.median_length:g}"] for r in summary.regions]
    if regions:
        _print_table(console, "regions", ["region", "count", "records", "median length"], regions)


def _overview(summary: Summary) -> list[list[str]]:
    copies, lengths = summary.copies, summary.lengths
    rows = {
        "records": str(summary.records),
        "alphabet": summary.alphabet,
        "lengths (min, median, max)": f"{lengths.min:g}, {lengths.median:g}, {lengths.max:g}",
        "composition": " ".join(f"{letter} {share:.1%}" for letter, share in summary.composition.items()),
        "GC": "" if summary.gc is None else f"{summary.gc:.1%}",
        "ambiguous letters": ", ".join(f"{code} {count}" for code, count in summary.ambiguous.items()) or "none",
        "splits": ", ".join(f"{name or '(none)'} {count}" for name, count in summary.splits.items()),
        "distinct sequences": str(copies.distinct),
        "copies within a split": str(copies.within),
        "sequences in two splits": _pairs(copies.across),
        "sequences with two labels": str(copies.conflicting),
        "reverse complements": "" if summary.gc is None else str(copies.other_strand),
        "reverse complements in two splits": _pairs(copies.other_strand_across),
        "groups": "" if summary.groups is None else str(summary.groups),
        "groups in two splits": "" if summary.groups is None else str(len(summary.groups_across)),
        "missing targets": _pairs({name: count for name, count in summary.missing.items() if count}),
    }
    return [[name, value] for name, value in rows.items() if value]


def _pairs(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def _print_problems(loaded: Loaded, file: Path, problems: list[Problem]) -> None:
    from seqrobust.sequences.wording import counted

    console = _console()
    _print_notices(console, loaded)
    for problem in problems:
        style = "bold red" if problem.severity == "error" else "yellow"
        console.print(problem.severity, style=style, end=": ")
        console.print(problem.text, markup=False, highlight=False)
        console.print(f"  what to do: {problem.fix}", markup=False, highlight=False)
    errors = sum(problem.severity == "error" for problem in problems)
    said = f"{counted(errors, 'error')}, {counted(len(problems) - errors, 'warning')}"
    counts = said if problems else "nothing found"
    console.print(f"{file}: {counted(len(loaded.sequences), 'record')}, {counts}", markup=False, highlight=False)
