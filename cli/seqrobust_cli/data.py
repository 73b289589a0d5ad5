"""``seqrobust data describe`` and ``seqrobust data check``: look at records, and find what would spoil a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqrobust.options import Option
from seqrobust.sequences.data_source import FileReading
from seqrobust_cli.generated import command
from seqrobust_cli.options import checked_task

if TYPE_CHECKING:
    from rich.console import Console

    from seqrobust.sequences.checks import Problem
    from seqrobust.sequences.readers import Loaded
    from seqrobust.sequences.summary import Summary

app = typer.Typer(help="Look at sequence data and check it.", no_args_is_help=True)

_MOST_ROWS = 30


@dataclass(frozen=True, kw_only=True)
class LookedAt(FileReading):
    """A file to be looked at, and how it is read."""

    file: Annotated[
        Path,
        Option(
            flag="file",
            help="FASTA, FASTQ, CSV, TSV, Parquet, GenBank, EMBL, Swiss-Prot, UniProt XML, BED or VCF; also packed.",
            argument=True,
        ),
    ]
    alphabet: Annotated[str | None, Option(help="DNA, RNA or PROTEIN; else guessed.")] = None
    as_json: Annotated[bool, Option(flag="--json", help="Print JSON instead of tables.")] = False

    def load(self) -> Loaded:
        """Its records."""
        from seqrobust.alphabet import alphabet_named
        from seqrobust.sequences.readers import read_sequences

        return read_sequences(
            self.file,
            format=self.format,
            alphabet=alphabet_named(self.alphabet) if self.alphabet else None,
            columns=self.columns,
            genome=self.genome,
            variants=self.variants,
            annotation=self.annotation,
            where=self.where,
        )


@dataclass(frozen=True, kw_only=True)
class Checked(LookedAt):
    """A file to be checked."""

    task: Annotated[str | None, Option(help="binary, classification, multilabel or regression.")] = None


def describe_file(asked: LookedAt) -> None:
    from seqrobust.sequences.summary import describe

    loaded = asked.load()
    summary = describe(loaded.sequences)
    if asked.as_json:
        print(json.dumps({"file": str(asked.file), "notices": loaded.notices, **asdict(summary)}, indent=2))
        return
    from seqrobust_cli.console import out as console

    _print_notices(console, loaded.notices)
    _print_summary(console, asked.file, summary)


def check_file(asked: Checked) -> None:
    from seqrobust.sequences.checks import check

    loaded = asked.load()
    problems = check(loaded.sequences, checked_task(asked.task))
    errors = sum(problem.severity == "error" for problem in problems)
    if asked.as_json:
        found = [asdict(problem) for problem in problems]
        told = {"file": str(asked.file), "notices": loaded.notices, "errors": errors, "problems": found}
        print(json.dumps(told, indent=2))
    else:
        _print_problems(loaded, asked.file, problems)
    if errors:
        raise typer.Exit(2)


app.command("describe")(
    command(
        "Print what is in a file: lengths, letters, classes per split, copies, groups and regions.",
        "",
        {"asked": LookedAt},
        describe_file,
    )
)
app.command("check")(
    command(
        "Find what would spoil a run. Exit code 2 if there is an error, 0 if there are warnings at most.",
        "",
        {"asked": Checked},
        check_file,
    )
)


def _print_notices(console: Console, notices: Sequence[str]) -> None:
    for notice in notices:
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
    from seqrobust_cli.console import out as console

    told = {problem.text for problem in problems}
    _print_notices(console, [notice for notice in loaded.notices if notice not in told])
    for problem in problems:
        style = "bold red" if problem.severity == "error" else "yellow"
        console.print(problem.severity, style=style, end=": ")
        console.print(problem.text, markup=False, highlight=False)
        console.print(f"  what to do: {problem.fix}", markup=False, highlight=False)
    errors = sum(problem.severity == "error" for problem in problems)
    said = f"{counted(errors, 'error')}, {counted(len(problems) - errors, 'warning')}"
    counts = said if problems else "nothing found"
    console.print(f"{file}: {counted(len(loaded.sequences), 'record')}, {counts}", markup=False, highlight=False)
