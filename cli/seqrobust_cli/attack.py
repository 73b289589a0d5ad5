"""``seqrobust attack``: attack a model on a file of sequences under a threat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seqrobust_cli.options import (
    AlphabetName,
    Annotation,
    AverageStrands,
    Backward,
    BatchSize,
    ConstraintOption,
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
    Seed,
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

_THREAT, _GOAL, _MODEL, _DATA, _RUN = "Threat", "Goal and search", "Model", "Data", "Run"


def attack(
    model: Annotated[
        str,
        typer.Option(
            "--model", help="A checkpoint, or package.module:factory or file.py:factory.", rich_help_panel=_MODEL
        ),
    ],
    data: Annotated[
        Path, typer.Option("--data", help="FASTA, CSV, TSV, Parquet, GenBank ..., also .gz.", rich_help_panel=_DATA)
    ],
    budget: Annotated[
        str, typer.Option("--budget", help="Substitutions: 3, 1..5, or 2% of the editable.", rich_help_panel=_THREAT)
    ] = "1..5",
    protect: Annotated[
        list[str] | None,
        typer.Option("--protect", metavar="NAME[,NAME]", help="Regions that may not change.", rich_help_panel=_THREAT),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME[,NAME]", help="Regions that alone may change.", rich_help_panel=_THREAT),
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            "--pattern",
            metavar="NAME=PATTERN",
            help="Make a region of every match, such as zinc=H-E-x(2)-H.",
            rich_help_panel=_THREAT,
        ),
    ] = None,
    allow: Annotated[
        str, typer.Option("--allow", help="any, transitions, blosum62:0, or a table.", rich_help_panel=_THREAT)
    ] = "any",
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
    goal: Annotated[
        str, typer.Option("--goal", help="auto, untargeted, targeted, up or down.", rich_help_panel=_GOAL)
    ] = "auto",
    target_label: Annotated[
        str | None, typer.Option("--target-label", help="The class a targeted attack wants.", rich_help_panel=_GOAL)
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option("--delta", help="Shift of a regression that counts as success.", rich_help_panel=_GOAL),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", help="Which regression value is shifted.", rich_help_panel=_GOAL)
    ] = None,
    random_draws: Annotated[
        int, typer.Option("--random-draws", min=1, help="Random controls per budget.", rich_help_panel=_GOAL)
    ] = 10,
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
        str | None, typer.Option("--split", help="Attack only this split of the file.", rich_help_panel=_DATA)
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="Cut records to this length.", rich_help_panel=_DATA)
    ] = None,
    max_records: Annotated[
        int | None, typer.Option("--max-records", min=1, help="A random sample of records.", rich_help_panel=_DATA)
    ] = None,
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
