"""``seqrobust subgroups``: whether a model is as robust for one group of records as for another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqrobust_cli import options as take
from seqrobust_cli.grouped import grouped
from seqrobust_cli.groups import ColumnOptions

_GROUPS = "Groups"


@grouped
def subgroups(
    *,
    folder: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders of attacks, such as seeds.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="The attacked file, for its columns.", rich_help_panel=take.DATA),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN[,COLUMN]",
            help="Columns whose values are groups; else the file's group column. The class is always looked at.",
            rich_help_panel=_GROUPS,
        ),
    ] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option(
            "--cut",
            metavar="COLUMN[,COLUMN]",
            help="Of those, whole numbers to cut into four groups; fractions always are.",
            rich_help_panel=_GROUPS,
        ),
    ] = None,
    within_class: Annotated[
        bool,
        typer.Option(
            "--within-class", help="Compare groups among records of one class alone.", rich_help_panel=_GROUPS
        ),
    ] = False,
    min_records: Annotated[
        int, typer.Option("--min-records", min=2, help="A smaller group is pooled.", rich_help_panel=_GROUPS)
    ] = 10,
    small: Annotated[
        str, typer.Option("--small", help="Small groups: pool or leave-out.", rich_help_panel=_GROUPS)
    ] = "pool",
    against: Annotated[
        str, typer.Option("--against", help="Compare pairs, or each with the rest.", rich_help_panel=_GROUPS)
    ] = "auto",
    draws: Annotated[
        int, typer.Option("--draws", min=99, help="Draws of a permutation test.", rich_help_panel=_GROUPS)
    ] = 9999,
    format: take.Format = None,
    columns: ColumnOptions,
    seed: take.Seed = 0,
    out: take.Out = None,
    resume: take.Resume = False,
    overwrite: take.Overwrite = False,
) -> None:
    """Compare robustness between groups of records: species, families, chromosomes, classes."""
    from seqrobust.analysis.subgroup_differences import TestSettings
    from seqrobust.pipeline.subgroups_command import SubgroupsCommand, subgroups_command
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.texts import names_of

    place = out or Path("runs") / f"subgroups-{folder[0].resolve().name}"
    call = SubgroupsCommand(
        results=tuple(folder),
        data=None if data is None else columns.source(data, format, None, None, None),
        by=tuple(name for text in by or () for name in names_of(text)),
        cut=tuple(name for text in cut or () for name in names_of(text)),
        out=place,
        smallest=min_records,
        pool=take.choice("--small", small, ("pool", "leave-out")) == "pool",
        tests=TestSettings(
            within_class=within_class,
            against=take.choice("--against", against, ("auto", "pairs", "rest")),
            draws=draws,
            seed=seed,
        ),
        seed=seed,
        resume=resume,
        overwrite=overwrite,
        command=take.command_line(),
    )
    with ConsoleProgress() as progress:
        metrics = subgroups_command(call, progress)
    _print(metrics, place)


def _print(metrics: Mapping[str, Any], folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from seqrobust_cli.console import out

    regression = metrics["task"] == "regression"
    key = "mean_abs_shift" if regression else "robust_accuracy"
    budgets = [row["budget"] for row in metrics["all"]["budgets"]]
    shown = sorted({0, len(budgets) // 2, len(budgets) - 1})
    for by, found in metrics["by"].items():
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        what = "shift" if regression else "robust, %"
        heads = [
            "n",
            "error" if regression else "clean, %",
            *(f"{what}, k={budgets[i]}" for i in shown),
            "median edits",
        ]
        table.add_column(escape(by), no_wrap=True)
        for name in heads:
            table.add_column(name, justify="right", no_wrap=True)
        ordered = sorted(
            found["groups"], key=lambda one: (1 - 2 * regression) * one["budgets"][shown[1 % len(shown)]][key]
        )
        for row in [*ordered, metrics["all"]]:
            clean = "clean_error" if regression else "clean_accuracy"
            cells = [_cell(row, clean, regression), *(_cell(row["budgets"][i], key, regression) for i in shown)]
            edits = row["minimal_edits"]["median"]
            table.add_row(
                escape(row["group"]), f"{row['n']:,}", *cells, f">{budgets[-1]}" if edits is None else f"{edits:g}"
            )
        out.print(table)
    for found in metrics["by"].values():
        out.print(found["verdict"], markup=False)
    out.print(
        "[95 %]: Wilson of shares, bootstrap of means; p by permutation over all budgets together, Holm-corrected",
        markup=False,
    )
    names = ("metrics.json", "subgroups.parquet", "subgroups.png")
    out.print(f"in {folder}: {', '.join(name for name in names if (folder / name).exists())}", markup=False)


def _cell(row: Mapping[str, Any], key: str, regression: bool) -> str:
    if row.get(key) is None:
        return "-"
    scale, digits = (1, 3) if regression else (100, 1)
    ends = row[f"{key}_ci"]
    interval = rf" \[{scale * ends[0]:.{digits}f}, {scale * ends[1]:.{digits}f}]" if ends else ""
    return f"{scale * row[key]:.{digits}f}{interval}"
