"""``seqrobust attribute``: which letters a prediction rests on, and whether they are where function is annotated."""

from __future__ import annotations

from typing import Annotated

import typer

from seqrobust_cli import options as take
from seqrobust_cli.grouped import grouped
from seqrobust_cli.groups import ColumnOptions, ReadingOptions, RunOptions, SampleOptions, stem
from seqrobust_cli.options import choice
from seqrobust_cli.texts import names_of

_METHODS, _TRUTH, _PICTURE = "Methods", "Truth", "Picture"


@grouped
def attribute(
    *,
    model: take.ModelName,
    data: take.Data,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAME,...",
            help="saliency, input_x_gradient, either with _corrected, smoothgrad, integrated_gradients, deeplift, "
            "occlusion, ism; or all. Else the corrected gradients, integrated gradients, DeepLIFT and ISM.",
            rich_help_panel=_METHODS,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", help="The output explained; else what is predicted.", rich_help_panel=_METHODS),
    ] = None,
    baseline: Annotated[
        str,
        typer.Option("--baseline", help="What is compared with: uniform, zeros or shuffled.", rich_help_panel=_METHODS),
    ] = "uniform",
    shuffles: Annotated[
        int, typer.Option("--shuffles", min=1, help="Dinucleotide shuffles a record.", rich_help_panel=_METHODS)
    ] = 10,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Points of integrated gradients.", rich_help_panel=_METHODS)
    ] = 50,
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="Noisy copies for SmoothGrad.", rich_help_panel=_METHODS)
    ] = 25,
    noise: Annotated[float, typer.Option("--noise", help="Their standard deviation.", rich_help_panel=_METHODS)] = 0.15,
    window: Annotated[
        int, typer.Option("--window", min=1, help="Positions occluded together.", rich_help_panel=_METHODS)
    ] = 1,
    regions: Annotated[
        list[str] | None,
        typer.Option(
            "--regions",
            "--only",
            metavar="NAME[,NAME]",
            help="Functional regions; else all there are.",
            rich_help_panel=_TRUTH,
        ),
    ] = None,
    protect: Annotated[
        list[str] | None,
        typer.Option(
            "--protect", metavar="NAME[,NAME]", help="Regions left out of the comparison.", rich_help_panel=_TRUTH
        ),
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            "--pattern",
            metavar="NAME=PATTERN",
            help="Make a region of every match, such as zinc=H-E-x(2)-H.",
            rich_help_panel=_TRUTH,
        ),
    ] = None,
    picture: Annotated[
        list[str] | None,
        typer.Option(
            "--picture", metavar="ID[,ID]", help="Records drawn; else the first four.", rich_help_panel=_PICTURE
        ),
    ] = None,
    no_picture: Annotated[
        bool, typer.Option("--no-picture", help="Do not draw attribute.png.", rich_help_panel=_PICTURE)
    ] = False,
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    sample: SampleOptions,
    save: Annotated[
        str, typer.Option("--save", help="Attributions as npz, parquet or both.", rich_help_panel=take.RUN)
    ] = "npz",
    seed: take.Seed = 0,
    run: RunOptions,
) -> None:
    """Attribute predictions to letters by several methods, and compare them with annotated regions."""
    from seqrobust.analysis.attribution import USUAL, AttributionSettings
    from seqrobust.errors import ConfigError
    from seqrobust.pipeline.attribute_command import AttributeCommand, attribute_command
    from seqrobust_cli.attribution_tables import print_attributions
    from seqrobust_cli.console import ConsoleProgress

    if no_picture and picture is not None:
        raise ConfigError("--picture and --no-picture exclude each other", fix="leave one of them out")
    call = AttributeCommand(
        model=reading.source(model, weights, seed=seed),
        data=columns.source(data, format, pattern, sample.split, sample.max_length),
        methods=USUAL if methods is None else names_of(methods),
        settings=AttributionSettings(
            output=output,
            baseline=choice("--baseline", baseline, ("uniform", "zeros", "shuffled")),
            shuffles=shuffles,
            steps=steps,
            draws=draws,
            noise=noise,
            window=window,
            seed=seed,
        ),
        regions=tuple(regions or ()),
        protect=tuple(protect or ()),
        max_records=sample.max_records,
        save=choice("--save", save, ("npz", "parquet", "both")),
        draw=not no_picture,
        picture=tuple(picture or ()),
        **run.call(f"attribute-{stem(model)}", data),
    )
    with ConsoleProgress() as progress:
        metrics = attribute_command(call, progress)
    print_attributions(metrics, call.out)
