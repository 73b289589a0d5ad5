"""``seqrobust ism``: the model's score of every single substitution at every position."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqrobust_cli.options import (
    AlphabetName,
    Annotation,
    AverageStrands,
    Backward,
    BatchSize,
    Device,
    Format,
    Genome,
    GroupColumn,
    IdColumn,
    Memory,
    Out,
    Overwrite,
    Preprocess,
    RegionsColumn,
    Resume,
    Samples,
    SequenceColumn,
    SplitColumn,
    TargetColumn,
    TaskName,
    WhereOption,
    checked_task,
    choice,
    columns_of,
    command_line,
    names_of,
    patterns_of,
)

_SCAN, _PICTURE, _MODEL, _DATA, _RUN = "Scan", "Picture", "Model", "Data", "Run"


def ism(
    model: Annotated[
        str,
        typer.Option(
            "--model", help="A checkpoint, or package.module:factory or file.py:factory.", rich_help_panel=_MODEL
        ),
    ],
    data: Annotated[
        Path, typer.Option("--data", help="FASTA, CSV, TSV, Parquet, GenBank ..., also .gz.", rich_help_panel=_DATA)
    ],
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
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights for a factory's module.", rich_help_panel=_MODEL)
    ] = None,
    task: TaskName = None,
    alphabet: AlphabetName = None,
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="NAME,...", help="Names of the outputs.", rich_help_panel=_MODEL)
    ] = None,
    outputs: Annotated[
        str, typer.Option("--outputs", help="auto, logits or probabilities.", rich_help_panel=_MODEL)
    ] = "auto",
    unknown: Annotated[
        str | None, typer.Option("--unknown", help="Unknown letters as zeros or uniform.", rich_help_panel=_MODEL)
    ] = None,
    input_length: Annotated[
        int | None, typer.Option("--input-length", min=1, help="Pad records to this length.", rich_help_panel=_MODEL)
    ] = None,
    samples: Samples = 10,
    average_strands: AverageStrands = False,
    preprocess: Preprocess = None,
    backward: Backward = None,
    format: Format = None,
    id_column: IdColumn = None,
    sequence_column: SequenceColumn = None,
    target_column: TargetColumn = None,
    group_column: GroupColumn = None,
    split_column: SplitColumn = None,
    regions_column: RegionsColumn = None,
    genome: Genome = None,
    annotation: Annotation = None,
    where: WhereOption = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Scan only this split of the file.", rich_help_panel=_DATA)
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="Cut records to this length.", rich_help_panel=_DATA)
    ] = None,
    device: Device = "auto",
    batch_size: BatchSize = None,
    memory: Memory = None,
    save: Annotated[str, typer.Option("--save", help="The map as npz, parquet or both.", rich_help_panel=_RUN)] = "npz",
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Score every single substitution: a saturation mutagenesis map of each record."""
    from seqrobust.analysis.saturation import Scan
    from seqrobust.pipeline.inputs import DataSource
    from seqrobust.pipeline.ism_command import IsmCommand, ism_command
    from seqrobust.pipeline.memory import parse_memory
    from seqrobust.pipeline.model_stage import ModelSource
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.data import parse_where

    _fits_together(no_picture, picture, output)
    call = IsmCommand(
        model=ModelSource(
            model=model,
            weights=weights,
            alphabet=alphabet,
            task=checked_task(task),
            labels=names_of(labels) if labels else None,
            unknown=choice("--unknown", unknown, ("zeros", "uniform")),
            input_length=input_length,
            outputs=choice("--outputs", outputs, ("auto", "logits", "probabilities")),
            samples=samples,
            average_strands=average_strands,
            preprocess=preprocess,
            backward=backward,
        ),
        data=DataSource(
            path=data,
            format=format,
            columns=columns_of(id_column, sequence_column, target_column, group_column, split_column, regions_column),
            genome=genome,
            annotation=annotation,
            where=parse_where(where or []),
            patterns=patterns_of(pattern or []),
            max_length=max_length,
            split=split,
        ),
        scan=Scan(protect=tuple(protect or ()), only=tuple(only or ()), unknown_too=unknown_too),
        save=choice("--save", save, ("npz", "parquet", "both")),
        draw=not no_picture,
        picture=tuple(picture or ()),
        output=output,
        memory=None if memory is None else parse_memory(memory),
        out=out or Path("runs") / f"ism-{Path(model.rpartition(':')[2] or model).stem}-{data.name.split('.')[0]}",
        device=device,
        batch_size=batch_size,
        resume=resume,
        overwrite=overwrite,
        command=command_line(),
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
