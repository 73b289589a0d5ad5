"""Options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from seqrobust.sequences import Task

Format = Annotated[str | None, typer.Option("--format", help="Format to force; else told by the suffix.")]
AlphabetName = Annotated[str | None, typer.Option("--alphabet", help="DNA, RNA or PROTEIN; else guessed.")]
IdColumn = Annotated[str | None, typer.Option("--id-column", help="Else id or name.")]
SequenceColumn = Annotated[str | None, typer.Option("--sequence-column", help="Else sequence or seq.")]
NoTargets = Annotated[bool, typer.Option("--no-targets", help="Take no column for a target, whatever it is called.")]
TargetColumn = Annotated[
    list[str] | None,
    typer.Option("--target-column", help="Repeat for several; else label, class or target (of a table)."),
]
GroupColumn = Annotated[str | None, typer.Option("--group-column", help="Else group or cluster.")]
SplitColumn = Annotated[str | None, typer.Option("--split-column", help="Else split.")]
RegionsColumn = Annotated[str | None, typer.Option("--regions-column", help="name:start-end;... Else regions.")]
Genome = Annotated[Path | None, typer.Option("--genome", help="FASTA a BED file's intervals are cut from.")]
Annotation = Annotated[
    Path | None, typer.Option("--annotation", help="GFF3, GTF or BED whose features become regions.")
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="Keep these rows; one column repeated: any of its values."),
]
TaskName = Annotated[str | None, typer.Option("--task", help="binary, classification, multilabel or regression.")]
Out = Annotated[Path | None, typer.Option("--out", help="Output folder.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random choice.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Sequences per forward pass; else what suits the device.")
]
Memory = Annotated[
    str | None, typer.Option("--memory", metavar="SIZE", help="Scoring neighbours may take so much: 500MB, 2GB.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start anew in a folder that holds a run.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config, such as training.epochs=5."),
]

THREAT, GOAL, MODEL, DATA, RUN = "Threat", "Goal and search", "Model", "Data", "Run"
"""Panels of the help."""

ModelName = Annotated[
    str,
    typer.Option("--model", help="A checkpoint, or package.module:factory or file.py:factory.", rich_help_panel=MODEL),
]
Weights = Annotated[
    Path | None, typer.Option("--weights", help="Weights for a factory's module.", rich_help_panel=MODEL)
]
WeightsPrefix = Annotated[
    str | None,
    typer.Option(
        "--weights-prefix",
        metavar="PREFIX",
        help="Which of several copies in the weights' file, such as ema.",
        rich_help_panel=MODEL,
    ),
]

Data = Annotated[
    Path, typer.Option("--data", help="FASTA, CSV, TSV, Parquet, GenBank ..., also .gz.", rich_help_panel=DATA)
]
BudgetOption = Annotated[
    str, typer.Option("--budget", help="Substitutions: 3, 1..5, or 2% of the editable.", rich_help_panel=THREAT)
]
Protect = Annotated[
    list[str] | None,
    typer.Option("--protect", metavar="NAME[,NAME]", help="Regions that may not change.", rich_help_panel=THREAT),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME[,NAME]", help="Regions that alone may change.", rich_help_panel=THREAT),
]
PatternOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pattern",
        metavar="NAME=PATTERN",
        help="Make a region of every match, such as zinc=H-E-x(2)-H.",
        rich_help_panel=THREAT,
    ),
]
Allow = Annotated[
    str, typer.Option("--allow", help="any, transitions, blosum62:0, or a table.", rich_help_panel=THREAT)
]
Moves = Annotated[
    str,
    typer.Option(
        "--moves",
        help="What one edit is: substitutions, codons:CDS[:TABLE] or codons:CDS[gene=NAME] (synonymous; "
        "all proteins stay), "
        "indels[:left|right|free] (also insertions and deletions).",
        rich_help_panel=THREAT,
    ),
]
ConstraintOption = Annotated[
    list[str] | None,
    typer.Option(
        "--constraint",
        metavar="KIND:RULE",
        help="Edited sequences keep to gc:+-0.05, homopolymer:5, no-gain:TATAAT ...",
        rich_help_panel=THREAT,
    ),
]
GoalOption = Annotated[
    str, typer.Option("--goal", help="auto, untargeted, targeted, up or down.", rich_help_panel=GOAL)
]
TargetLabel = Annotated[
    str | None,
    typer.Option(
        "--target-label",
        help="The class a targeted attack wants; of several labels the one it sets, or takes away (-NAME).",
        rich_help_panel=GOAL,
    ),
]
Delta = Annotated[
    float | None, typer.Option("--delta", help="Shift of a regression that counts as success.", rich_help_panel=GOAL)
]
OutputName = Annotated[
    str | None, typer.Option("--output", help="Which regression value is shifted.", rich_help_panel=GOAL)
]
RandomDraws = Annotated[
    int, typer.Option("--random-draws", min=1, help="Random controls per budget.", rich_help_panel=GOAL)
]
Labels = Annotated[
    str | None, typer.Option("--labels", metavar="NAME,...", help="Names of the outputs.", rich_help_panel=MODEL)
]
Outputs = Annotated[str, typer.Option("--outputs", help="auto, logits or probabilities.", rich_help_panel=MODEL)]
UnknownOption = Annotated[
    str | None, typer.Option("--unknown", help="Unknown letters as zeros or uniform.", rich_help_panel=MODEL)
]
InputLength = Annotated[
    int | None, typer.Option("--input-length", min=1, help="Pad records to this length.", rich_help_panel=MODEL)
]
Samples = Annotated[
    int,
    typer.Option("--samples", min=1, help="Draws averaged over, should the model be random.", rich_help_panel=MODEL),
]
OneByOne = Annotated[
    bool,
    typer.Option("--one-by-one", help="Records by themselves: no batch shared with others.", rich_help_panel=MODEL),
]
AverageStrands = Annotated[
    bool,
    typer.Option(
        "--average-strands", help="Mean logits of each record and its reverse complement.", rich_help_panel=MODEL
    ),
]
Preprocess = Annotated[
    str | None,
    typer.Option("--preprocess", metavar="FILE.PY:FUNCTION", help="A step before the model.", rich_help_panel=MODEL),
]
Backward = Annotated[
    str | None,
    typer.Option(
        "--backward",
        metavar="FILE.PY:FUNCTION",
        help="Its derivative stands for that step's (BPDA); else the identity's.",
        rich_help_panel=MODEL,
    ),
]
Split = Annotated[str | None, typer.Option("--split", help="Use only this split of the file.", rich_help_panel=DATA)]
MaxLength = Annotated[
    int | None, typer.Option("--max-length", min=1, help="Cut records to this length.", rich_help_panel=DATA)
]
MaxRecords = Annotated[
    int | None, typer.Option("--max-records", min=1, help="A random sample of records.", rich_help_panel=DATA)
]
Report = Annotated[bool, typer.Option(help="Write report.html.", rich_help_panel=RUN)]


def choice(option: str, value: Any, known: tuple[str, ...]) -> Any:
    """The value, if it is one of those known. Raises ConfigError otherwise."""
    from seqrobust.errors import ConfigError

    if value is not None and value not in known:
        raise ConfigError("unknown value", expected=", ".join(known), found=repr(value), where=option)
    return value


def checked_task(name: str | None) -> Task | None:
    """The task of that name. Raises ConfigError for another one."""
    from seqrobust.sequences.targets import TASKS

    task: Task | None = choice("--task", name, TASKS)
    return task


def command_line() -> str:
    """The command as it was typed, for the manifest."""
    import shlex
    import sys

    return shlex.join(["seqrobust", *sys.argv[1:]])
