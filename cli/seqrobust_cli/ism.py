"""``seqrobust ism``: the model's score of every single substitution at every position."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqrobust_cli import options as take
from seqrobust_cli.grouped import grouped
from seqrobust_cli.groups import ColumnOptions, ReadingOptions, RunOptions, stem
from seqrobust_cli.options import choice

_SCAN, _PICTURE = "Scan", "Picture"


@grouped
def ism(
    *,
    model: take.ModelName,
    data: take.Data,
    protect: Annotated[
        list[str] | None,
        typer.Option("--protect", metavar="NAME[,NAME]", help="Regions that are left out.", rich_help_panel=_SCAN),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME[,NAME]", help="Regions that alone are scanned.", rich_help_panel=_SCAN),
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            "--pattern",
            metavar="NAME=PATTERN",
            help="Make a region of every match, such as zinc=H-E-x(2)-H.",
            rich_help_panel=_SCAN,
        ),
    ] = None,
    unknown_too: Annotated[
        bool, typer.Option("--unknown-too", help="Put each letter where N or X stands.", rich_help_panel=_SCAN)
    ] = False,
    picture: Annotated[
        list[str] | None,
        typer.Option(
            "--picture", metavar="ID[,ID]", help="Records drawn; else the first four.", rich_help_panel=_PICTURE
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", help="The output drawn; else what is predicted.", rich_help_panel=_PICTURE),
    ] = None,
    no_picture: Annotated[
        bool, typer.Option("--no-picture", help="Do not draw ism.png.", rich_help_panel=_PICTURE)
    ] = False,
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    split: Annotated[
        str | None, typer.Option("--split", help="Scan only this split of the file.", rich_help_panel=take.DATA)
    ] = None,
    max_length: take.MaxLength = None,
    save: Annotated[
        str, typer.Option("--save", help="The map as npz, parquet or both.", rich_help_panel=take.RUN)
    ] = "npz",
    run: RunOptions,
) -> None:
    """Score every single substitution: a saturation mutagenesis map of each record."""
    from seqrobust.analysis.saturation import Scan
    from seqrobust.pipeline.ism_command import IsmCommand, ism_command
    from seqrobust_cli.console import ConsoleProgress

    _fits_together(no_picture, picture, output)
    call = IsmCommand(
        model=reading.source(model, weights),
        data=columns.source(data, format, pattern, split, max_length),
        scan=Scan(protect=tuple(protect or ()), only=tuple(only or ()), unknown_too=unknown_too),
        save=choice("--save", save, ("npz", "parquet", "both")),
        draw=not no_picture,
        picture=tuple(picture or ()),
        output=output,
        **run.call(f"ism-{stem(model)}", data),
    )
    with ConsoleProgress() as progress:
        metrics = ism_command(call, progress)
    _print(metrics, call.out)


def _fits_together(no_picture: bool, picture: list[str] | None, output: str | None) -> None:
    from seqrobust.errors import ConfigError

    for option, value in (("--picture", picture), ("--output", output)):
        if no_picture and value is not None:
            raise ConfigError(f"{option} and --no-picture exclude each other", fix="leave one of them out")


def _print(metrics: Mapping[str, Any], folder: Path) -> None:
    """A few lines about the map, and where it is."""
    from seqrobust_cli.console import out

    said = f"{metrics['n']:,} records, {metrics['positions']:,} positions, {metrics['candidates']:,} substitutions"
    if metrics["candidates_per_second"]:
        said += f" scored in {metrics['seconds']:.2f} s ({metrics['candidates_per_second']:,.0f} a second)"
    out.print(said, markup=False)
    for name, found in list(metrics["outputs"].items())[:8]:
        ends = [found[key] for key in ("largest_decrease", "largest_increase")]
        edits = ", ".join(f"{end['delta']:+.3g} at {end['id']} {end['edit']}" for end in ends)
        out.print(f"{name}: mean |delta| {found['mean_abs_delta']:.3g}; {edits}", markup=False)
    if "flips" in metrics:
        flips = metrics["flips"]
        out.print(
            f"{flips['substitutions']:,} substitutions ({100 * flips['share_of_substitutions']:.2f} %) change the "
            f"prediction, in {flips['records']:,} records",
            markup=False,
        )
    names = ("ism.npz", "ism.parquet", "ism.png", "metrics.json")
    out.print(f"in {folder}: {', '.join(name for name in names if (folder / name).exists())}", markup=False)
