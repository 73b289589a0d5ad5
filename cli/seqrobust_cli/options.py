"""Options that commands of configs share; those of analyses are made from their settings, in ``generated``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seqrobust.sequences import Task

Out = Annotated[Path | None, typer.Option("--out", help="Output folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start anew in a folder that holds a run.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config, such as training.epochs=5."),
]


def checked_task(name: str | None) -> Task | None:
    """The task of that name. Raises ConfigError for another one."""
    from seqrobust.options import checked
    from seqrobust.sequences.kinds import TASKS

    task: Task | None = checked("--task", name, TASKS)
    return task


def command_line() -> str:
    """The command as it was typed, for the manifest."""
    import shlex
    import sys

    return shlex.join(["seqrobust", *sys.argv[1:]])
