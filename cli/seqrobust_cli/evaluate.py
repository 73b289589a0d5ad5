"""``seqrobust evaluate``: many attacks, the worst case, and whether to believe it."""

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
from seqrobust_cli.texts import named_models, names_of


@grouped
def evaluate(
    *,
    model: take.ModelName,
    data: take.Data,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAME[,NAME]",
            help="Attacks or presets, each tried alone on all records; a+b runs b where a fails, mine=a+b names that.",
            rich_help_panel=take.GOAL,
        ),
    ] = None,
    threat: ThreatOptions,
    goal: GoalOptions,
    probe_records: Annotated[
        int,
        typer.Option("--probe-records", min=1, help="Records asked about masked gradients.", rich_help_panel=take.GOAL),
    ] = 128,
    transfer_from: Annotated[
        list[str] | None,
        typer.Option(
            "--transfer-from",
            metavar="[NAME=]MODEL",
            help="Another model whose adversarial sequences are shown to this one; repeat for more.",
            rich_help_panel=take.GOAL,
        ),
    ] = None,
    surrogates: Annotated[
        int,
        typer.Option(
            "--surrogates",
            min=0,
            help="Models trained on this one's answers, whose adversarial sequences are shown to it too.",
            rich_help_panel=take.GOAL,
        ),
    ] = 0,
    surrogate_split: Annotated[
        str,
        typer.Option(
            "--surrogate-split",
            help="The split they are trained on; the records attacked where there is no split.",
            rich_help_panel=take.GOAL,
        ),
    ] = "train",
    weights: take.Weights = None,
    reading: ReadingOptions,
    format: take.Format = None,
    columns: ColumnOptions,
    sample: SampleOptions,
    seed: take.Seed = 0,
    run: RunOptions,
    report: take.Report = True,
) -> None:
    """Evaluate a model: the worst case over many attacks, what each found, and whether gradients hide something."""
    from seqrobust.pipeline.evaluate_command import EvaluateCommand, evaluate_command
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.tables import print_evaluation, print_folder

    attack = attack_call(
        f"evaluate-{stem(model)}",
        reading.source(model, weights, seed=seed),
        columns.source(data, format, threat.pattern, sample.split, sample.max_length),
        attack_settings(threat, goal, sample),
        run,
        seed=seed,
        report=report,
    )
    said = {"alphabet": attack.model.alphabet, "task": attack.model.task, "labels": attack.model.labels}
    call = EvaluateCommand(
        attack=attack,
        methods=names_of(methods or ""),
        probe_records=probe_records,
        transfer_from=named_models(transfer_from or [], [], said),
        surrogates=surrogates,
        surrogate_split=surrogate_split,
    )
    with ConsoleProgress() as progress:
        outcome = evaluate_command(call, progress)
    print_evaluation(outcome.metrics)
    print_folder(attack.out)
