"""``seqrobust inspect``: what adversarial edits do inside the network, layer by layer and gate by gate."""

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

_INSIDE = "Inspection"


@grouped
def inspect_model(
    *,
    model: take.ModelName,
    data: take.Data,
    attack: Annotated[
        Path | None,
        typer.Option(
            "--attack", metavar="FOLDER", help="Take this attack's sequences; else attack now.", rich_help_panel=_INSIDE
        ),
    ] = None,
    ways: Annotated[
        int,
        typer.Option("--ways", min=0, help="Records followed to their adversarial sequence.", rich_help_panel=_INSIDE),
    ] = 16,
    picture: Annotated[
        list[str] | None,
        typer.Option(
            "--picture", metavar="ID[,ID]", help="Records drawn; else the first two.", rich_help_panel=_INSIDE
        ),
    ] = None,
    no_picture: Annotated[
        bool, typer.Option("--no-picture", help="Do not draw inspect.png.", rich_help_panel=_INSIDE)
    ] = False,
    threat: ThreatOptions,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            metavar="NAME[,NAME]",
            help="Of an attack made now: quick, standard (the default), thorough, or searches in order.",
            rich_help_panel=take.GOAL,
        ),
    ] = None,
    goal: GoalOptions,
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    sample: SampleOptions,
    seed: take.Seed = 0,
    run: RunOptions,
) -> None:
    """Look inside: gates, layers and linearity on the way to adversarial sequences."""
    from seqrobust.errors import ConfigError
    from seqrobust.pipeline.inspect_command import InspectCommand, inspect_command
    from seqrobust_cli.console import ConsoleProgress

    if attack is not None and search is not None:
        raise ConfigError("--attack and --search exclude each other", fix="leave one of them out")
    made = attack_call(
        f"inspect-{stem(model)}",
        reading.source(model, weights, seed=seed),
        columns.source(data, format, threat.pattern, sample.split, sample.max_length),
        attack_settings(threat, goal, sample, search),
        run,
        seed=seed,
        report=False,
    )
    call = InspectCommand(attack=made, folder=attack, ways=ways, draw=not no_picture, picture=tuple(picture or ()))
    with ConsoleProgress() as progress:
        metrics = inspect_command(call, progress)
    _print(metrics, made.out)


def _print(metrics: Mapping[str, Any], folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from seqrobust_cli.console import out

    flips = metrics["flips"]
    said = f"{metrics['n']:,} records, {metrics['mean_edits']:.2f} edits on average"
    if metrics["task"] != "regression":
        said += (
            f"; they change {_percent(flips['adversarial'])} of predictions, random edits {_percent(flips['random'])}"
        )
    out.print(said, markup=False)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", no_wrap=True)
    table.add_column("kind")
    for name in ("adversarial", "random", "ratio [95 %]"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in metrics["layers"]:
        ratio = "" if row.get("ratio") is None else f"{row['ratio']:.2f} {_interval(row['ratio_ci'])}"
        shown = [_number(row[f"{kind}_relative_difference"]) for kind in ("adversarial", "random")]
        table.add_row(escape(row["name"]), row["kind"], *shown, ratio)
    out.print(table)
    out.print(
        "adversarial, random: |a' - a| / |a| of the layer's output; ratio: of the two amplifications", markup=False
    )
    for name, found in metrics["recurrent"].items():
        out.print(f"{name}: {'; '.join(_memory(kind, found[kind]) for kind in found)}", markup=False)
    for kind, found in (metrics["linearity"] or {}).items():
        out.print(f"linearity, {kind}: {_linearity(found)}", markup=False)
    names = ("metrics.json", "inspect.parquet", "inspect.png")
    out.print(f"in {folder}: {', '.join(name for name in names if (folder / name).exists())}", markup=False)


def _memory(kind: str, found: Mapping[str, Any]) -> str:
    half = found["half_life_median"]
    steps = "longer than the records go on" if half is None else f"{half:g} steps"
    return f"{kind} half-life {steps} (median), {_percent(found['kept'])} left at the end"


def _linearity(found: Mapping[str, Any]) -> str:
    said = f"first order foresees {_percent(found['predicted_share_median'])} of the change (median)"
    said += f", its sign in {_percent(found['sign_agreement'])}"
    if found["regions"]:
        said += f"; {found['regions'][1]:g} linear regions"
    if found["radius_edits"] and found["radius_edits"][1] is not None:
        said += f", the first ends after {found['radius_edits'][1]:.3g} edits"
    return said + f"; good to 5 % for {_percent(found['good_until'][1])} of the way"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(ends: list[float] | None) -> str:
    return "" if ends is None else f"[{ends[0]:.2f}, {ends[1]:.2f}]"
