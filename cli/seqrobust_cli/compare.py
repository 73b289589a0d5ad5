"""``seqrobust compare``: one attack on each of several models, and which sequences fool which."""

from __future__ import annotations

from typing import Annotated

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
)
from seqrobust_cli.texts import named_models


@grouped
def compare(
    *,
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            metavar="[NAME=]MODEL",
            help="Repeat: a checkpoint, package.module:factory or file.py:factory.",
            rich_help_panel=take.MODEL,
        ),
    ],
    data: take.Data,
    attacks: Annotated[
        str | None,
        typer.Option("--attack", metavar="NAME[,NAME]", help="Searches, tried in order.", rich_help_panel=take.GOAL),
    ] = None,
    threat: ThreatOptions,
    goal: GoalOptions,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights", metavar="NAME=FILE", help="Weights for a factory's module.", rich_help_panel=take.MODEL
        ),
    ] = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    sample: SampleOptions,
    seed: take.Seed = 0,
    run: RunOptions,
    report: take.Report = True,
) -> None:
    """Compare models: whose adversarial sequences fool whom, on records that both read correctly."""
    from seqrobust.pipeline.compare_command import CompareCommand, compare_command
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.tables import print_comparison, print_folder

    models = named_models(model, weights or [], reading.said(seed=seed))
    attack = attack_call(
        f"compare-{'-'.join(name for name, _ in models)}",
        models[0][1],
        columns.source(data, format, threat.pattern, sample.split, sample.max_length),
        attack_settings(threat, goal, sample, attacks),
        run,
        seed=seed,
        report=report,
    )
    with ConsoleProgress() as progress:
        metrics = compare_command(CompareCommand(models=models, attack=attack), progress)
    print_comparison(metrics)
    print_folder(attack.out)
