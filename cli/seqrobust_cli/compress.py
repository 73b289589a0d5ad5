"""``seqrobust compress``: accuracy and robustness of a model before and after it is made smaller."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqrobust_cli import options as take
from seqrobust_cli.grouped import grouped
from seqrobust_cli.groups import (
    ColumnOptions,
    GoalOptions,
    ReadingOptions,
    RunOptions,
    SampleOptions,
    ThreatOptions,
    attack_call,
    attack_settings,
    stem,
)

_COMPRESSION = "Compression"


@grouped
def compress(
    *,
    model: take.ModelName,
    data: take.Data,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="NAME[,NAME]",
            help="int8-dynamic, int8-static, weights-BITS, prune-PERCENT, prune-layer-PERCENT; else fifteen of them.",
            rich_help_panel=_COMPRESSION,
        ),
    ] = None,
    by_layer: Annotated[
        str,
        typer.Option(
            "--by-layer",
            metavar="NAME[,NAME]",
            help="Tried on each layer alone; none for none.",
            rich_help_panel=_COMPRESSION,
        ),
    ] = "weights-3,prune-layer-70",
    student: Annotated[
        list[Path] | None,
        typer.Option(
            "--student", help="A smaller model's checkpoint to set beside them.", rich_help_panel=_COMPRESSION
        ),
    ] = None,
    no_save: Annotated[
        bool, typer.Option("--no-save", help="Do not save compressed models.", rich_help_panel=_COMPRESSION)
    ] = False,
    no_picture: Annotated[
        bool, typer.Option("--no-picture", help="Do not draw compress.png.", rich_help_panel=_COMPRESSION)
    ] = False,
    threat: ThreatOptions,
    attacks: Annotated[
        str,
        typer.Option(
            "--attack",
            metavar="NAME[,NAME]",
            help="quick (the default), standard, thorough, or searches in order.",
            rich_help_panel=take.GOAL,
        ),
    ] = "quick",
    goal: GoalOptions,
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    sample: SampleOptions,
    seed: take.Seed = 0,
    run: RunOptions,
) -> None:
    """Compress a model, and compare accuracy and robustness before and after."""
    from seqrobust.analysis.compression import DEFAULT_METHODS
    from seqrobust.pipeline.compress_command import CompressCommand, compress_command
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.texts import names_of

    made = attack_call(
        f"compress-{stem(model)}",
        reading.source(model, weights, seed=seed),
        columns.source(data, format, threat.pattern, sample.split, sample.max_length),
        attack_settings(threat, goal, sample, attacks),
        run,
        seed=seed,
        report=False,
    )
    call = CompressCommand(
        attack=made,
        methods=DEFAULT_METHODS if method is None else tuple(names_of(method)),
        by_layer=() if by_layer.strip() == "none" else tuple(names_of(by_layer)),
        students=tuple(student or ()),
        save=not no_save,
        draw=not no_picture,
    )
    with ConsoleProgress() as progress:
        metrics = compress_command(call, progress)
    _print(metrics, made.out)


def _print(metrics: Mapping[str, Any], folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from seqrobust.pipeline.compress_picture import clean, shown_budget, standing, worst
    from seqrobust_cli.console import out

    level = shown_budget(metrics["original"])
    budget = metrics["original"]["budgets"][level]["budget"]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", no_wrap=True)
    first = "R2" if metrics["task"] == "regression" else "clean, %"
    for name in ("bits", first, f"own attack, k = {budget}, %", "and original's, %", "transfer, %"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in [metrics["original"], *metrics["variants"]]:
        found = row["budgets"][level]
        to = found.get("transfer_to") or {"rate": None, "rate_ci": None}
        known = clean(row, metrics["task"])
        table.add_row(
            escape(row["name"]),
            f"{row.get('bits_per_weight', 32):.1f}",
            f"{known[0]:.3f}" if metrics["task"] == "regression" and known[0] is not None else _share(*known),
            _share(*standing(found)),
            _share(*worst(found)),
            _share(to["rate"], to["rate_ci"]),
        )
    out.print(table)
    out.print(
        "bits: of a weight of the original, zeros counted as none; own attack: robust accuracy (regression: not "
        "shifted); and original's: where the original's adversarial sequences are shown too; transfer: the share of "
        "those that still work; [95 % Wilson interval]",
        markup=False,
    )
    names = ("metrics.json", "compress.parquet", "compress.png", "models")
    out.print(f"in {folder}: {', '.join(name for name in names if (folder / name).exists())}", markup=False)


def _share(value: float | None, ends: list[float] | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f}" + ("" if ends is None else f" [{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]")
