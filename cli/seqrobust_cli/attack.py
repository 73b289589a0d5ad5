"""``seqrobust attack``: attack a model on a file of sequences under a threat."""

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
    names_of,
    patterns_of,
)

_GOAL, _MODEL, _RUN = "Goal and search", "Model", "Run"


def attack(
    model: Annotated[
        str,
        typer.Option(
            "--model", help="A checkpoint, or package.module:factory or file.py:factory.", rich_help_panel=_MODEL
        ),
    ],
    data: Data,
    budget: BudgetOption = "1..5",
    protect: Protect = None,
    only: Only = None,
    pattern: PatternOption = None,
    allow: Allow = "any",
    constraint: ConstraintOption = None,
    attacks: Annotated[
        str | None,
        typer.Option(
            "--attack",
            metavar="NAME[,NAME]",
            help="quick, standard (the default), thorough, or searches in order.",
            rich_help_panel=_GOAL,
        ),
    ] = None,
    goal: GoalOption = "auto",
    target_label: TargetLabel = None,
    delta: Delta = None,
    output: OutputName = None,
    random_draws: RandomDraws = 10,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Weights for a factory's module.", rich_help_panel=_MODEL)
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
    """Attack a model: the fewest letters that change its mind, inside a stated threat."""
    from seqrobust.pipeline.attack_command import AttackCommand, DataSource, attack_command
    from seqrobust.pipeline.attack_stage import AttackSettings
    from seqrobust.pipeline.memory import parse_memory
    from seqrobust.pipeline.model_stage import ModelSource
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.data import parse_where
    from seqrobust_cli.tables import print_attack, print_folder

    named: dict[str, Any] = {} if attacks is None else {"attacks": names_of(attacks)}
    call = AttackCommand(
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
            seed=seed,
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
        out=out or Path("runs") / f"attack-{Path(model.rpartition(':')[2] or model).stem}-{data.name.split('.')[0]}",
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
        outcome = attack_command(call, progress)
    print_attack(outcome.metrics)
    print_folder(call.out)
