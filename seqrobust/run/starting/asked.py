"""What a starter config is fitted to, as a user names it. Loads nothing heavy: options are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from seqrobust.errors import ConfigError
from seqrobust.options import DATA, Option, checked, names_of
from seqrobust.sequences.data_source import FileReading
from seqrobust.sequences.kinds import TASKS, Task


@dataclass(frozen=True, kw_only=True)
class StarterAsked(FileReading):
    """What a config is to be fitted to.

    Attributes:
        data: the file; None for a config to fill in.
        alphabet: of the records; guessed where it is None.
        task: what is predicted; guessed from the target where it is None.
        labels: class names in output order.
    """

    data: Annotated[
        Path | None, Option(help="A data file to fit it to: alphabet, target, splits, regions.", panel=DATA)
    ] = None
    alphabet: Annotated[str | None, Option(help="DNA, RNA or PROTEIN; else guessed.")] = None
    task: Annotated[Task | None, Option(help="binary, classification, multilabel, regression.")] = None
    labels: Annotated[
        tuple[str, ...],
        Option(help="Class names in order; of two the positive one last.", metavar="NAME,NAME", read=names_of),
    ] = ()

    def __post_init__(self) -> None:
        checked("--task", self.task, TASKS)
        if self.data is None and (self.columns != FileReading().columns or self.where or self.labels):
            raise ConfigError("columns of no file", expected="--data FILE", fix="name the file whose columns they are")
