"""``seqrobust evaluate``: many attacks, the worst case, and whether to believe it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


def evaluate(
    model: Annotated[
        str,
        typer.Option(
            "--model", help="A checkpoint, or package.module:factory or file.py:factory.", rich_help_panel=_MODEL
        ),
    ],
    data: Data,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            metavar="NAME[,NAME]",
            help="Attacks or presets, each tried alone on all records; a+b runs b where a fails, mine=a+b names that.",
            rich_help_panel=_SEARCH,
        ),
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
    probe_records: Annotated[
        int,
        typer.Option("--probe-records", min=1, help="Records asked about masked gradients.", rich_help_panel=_SEARCH),
    ] = 128,
    transfer_from: Annotated[
        list[str] | None,
        typer.Option(
            "--transfer-from",
            metavar="[NAME=]MODEL",
            help="Another model whose adversarial sequences are shown to this one; repeat for more.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
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
    """Evaluate a model: the worst case over many attacks, what each found, and whether gradients hide something."""
    from seqrobust.pipeline.attack_command import AttackCommand, DataSource
    from seqrobust.pipeline.attack_stage import AttackSettings
    from seqrobust.pipeline.evaluate_command import EvaluateCommand, evaluate_command
    from seqrobust.pipeline.memory import parse_memory
    from seqrobust.pipeline.model_stage import ModelSource
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.data import parse_where
    from seqrobust_cli.tables import print_evaluation, print_folder

    attack = AttackCommand(
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
        ),
        out=out or Path("runs") / f"evaluate-{Path(model.rpartition(':')[2] or model).stem}-{data.name.split('.')[0]}",
        seed=seed,
        device=device,
        batch_size=batch_size,
        memory=None if memory is None else parse_memory(memory),
        resume=resume,
        overwrite=overwrite,
        report=report,
        command=command_line(),
    )
    said = {"alphabet": alphabet, "task": attack.model.task, "labels": attack.model.labels}
    call = EvaluateCommand(
        attack=attack,
        methods=names_of(methods or ""),
        probe_records=probe_records,
        transfer_from=named_models(transfer_from or [], [], said),
    )
    with ConsoleProgress() as progress:
        outcome = evaluate_command(call, progress)
    print_evaluation(outcome.metrics)
    print_folder(attack.out)
