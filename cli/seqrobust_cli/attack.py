"""``seqrobust attack``: attack a model on a file of sequences under a threat."""

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
    stem,
)


@grouped
def attack(
    *,
    model: take.ModelName,
    data: take.Data,
    threat: ThreatOptions,
    attacks: Annotated[
        str | None,
        typer.Option(
            "--attack",
            metavar="NAME[,NAME]",
            help="quick, standard (the default), thorough, or searches in order.",
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
    report: take.Report = True,
) -> None:
    """Attack a model: the fewest letters that change its mind, inside a stated threat."""
    from seqrobust.pipeline.attack_command import attack_command
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.tables import print_attack, print_folder

    call = attack_call(
        f"attack-{stem(model)}",
        reading.source(model, weights, seed=seed),
        columns.source(data, format, threat.pattern, sample.split, sample.max_length),
        attack_settings(threat, goal, sample, attacks),
        run,
        seed=seed,
        report=report,
    )
    with ConsoleProgress() as progress:
        outcome = attack_command(call, progress)
    print_attack(outcome.metrics)
    print_folder(call.out)
