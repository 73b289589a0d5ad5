"""``seqrobust compare``: one attack on each of several models, and which sequences fool which."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seqrobust_cli.options import (
    Allow,
    AlphabetName,
    Annotation,
    AverageStrands,
    Backward,
    BatchSize,
    BudgetOption,
    ConstraintOption,
    Data,
    Delta,
    Device,
    Format,
    Genome,
    GoalOption,
    GroupColumn,
    IdColumn,
    InputLength,
    Labels,
    MaxLength,
    MaxRecords,
    Memory,
    Only,
    Out,
    OutputName,
    Outputs,
    Overwrite,
    PatternOption,
    Preprocess,
    Protect,
    RandomDraws,
    RegionsColumn,
    Resume,
    Samples,
    Seed,
    SequenceColumn,
    Split,
    SplitColumn,
    TargetColumn,
    TargetLabel,
    TaskName,
    UnknownOption,
    WhereOption,
    checked_task,
    choice,
    columns_of,
    command_line,
    named_models,
    names_of,
    patterns_of,
)

_SEARCH, _MODEL, _RUN = "Goal and search", "Model", "Run"


def compare(
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            metavar="[NAME=]MODEL",
            help="Repeat: a checkpoint, package.module:factory or file.py:factory.",
            rich_help_panel=_MODEL,
        ),
    ],
    data: Data,
    attacks: Annotated[
        str | None,
        typer.Option("--attack", metavar="NAME[,NAME]", help="Searches, tried in order.", rich_help_panel=_SEARCH),
    ] = None,
    budget: BudgetOption = "1..5",
    protect: Protect = None,
    only: Only = None,
    pattern: PatternOption = None,
    allow: Allow = "any",
    constraint: ConstraintOption = None,
    goal: GoalOption = "auto",
    target_label: TargetLabel = None,
    delta: Delta = None,
    output: OutputName = None,
    random_draws: RandomDraws = 10,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="NAME=FILE", help="Weights for a factory's module.", rich_help_panel=_MODEL),
    ] = None,
    task: TaskName = None,
    alphabet: AlphabetName = None,
    labels: Labels = None,
    outputs: Outputs = "auto",
    unknown: UnknownOption = None,
    input_length: InputLength = None,
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
    split: Split = None,
    max_length: MaxLength = None,
    max_records: MaxRecords = None,
    seed: Seed = 0,
    device: Device = "auto",
    batch_size: BatchSize = None,
    memory: Memory = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    report: Annotated[bool, typer.Option(help="Write report.html.", rich_help_panel=_RUN)] = True,
) -> None:
    """Compare models: whose adversarial sequences fool whom, on records that both read correctly."""
    from seqrobust.pipeline.attack_command import AttackCommand, DataSource
    from seqrobust.pipeline.attack_stage import AttackSettings
    from seqrobust.pipeline.compare_command import CompareCommand, compare_command
    from seqrobust.pipeline.memory import parse_memory
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.data import parse_where
    from seqrobust_cli.tables import print_comparison, print_folder

    named: dict[str, Any] = {} if attacks is None else {"attacks": names_of(attacks)}
    said = {
        "alphabet": alphabet,
        "task": checked_task(task),
        "labels": names_of(labels) if labels else None,
        "unknown": choice("--unknown", unknown, ("zeros", "uniform")),
        "input_length": input_length,
        "outputs": choice("--outputs", outputs, ("auto", "logits", "probabilities")),
        "samples": samples,
        "seed": seed,
        "average_strands": average_strands,
        "preprocess": preprocess,
        "backward": backward,
    }
    models = named_models(model, weights or [], said)
    attack = AttackCommand(
        model=models[0][1],
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
        settings=AttackSettings(
            budget=budget,
            protect=tuple(protect or ()),
            only=tuple(only or ()),
            allow=allow,
            constraints=tuple(constraint or ()),
            goal=choice("--goal", goal, ("auto", "untargeted", "targeted", "up", "down")),
            target_label=target_label,
            delta=delta,
            output=output,
            max_records=max_records,
            random_draws=random_draws,
            **named,
        ),
        out=out or Path("runs") / f"compare-{'-'.join(name for name, _ in models)}-{data.name.split('.')[0]}",
        seed=seed,
        device=device,
        batch_size=batch_size,
        memory=None if memory is None else parse_memory(memory),
        resume=resume,
        overwrite=overwrite,
        report=report,
        command=command_line(),
    )
    with ConsoleProgress() as progress:
        metrics = compare_command(CompareCommand(models=models, attack=attack), progress)
    print_comparison(metrics)
    print_folder(attack.out)
