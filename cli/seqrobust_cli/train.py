"""``seqrobust train``: train the model of a config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqrobust_cli.options import Out, Overrides, Overwrite, Resume, command_line
from seqrobust_cli.run import Config, DryRun, plan, read


def train(
    config: Config,
    out: Out = None,
    overrides: Overrides = None,
    devices: Annotated[str | None, typer.Option("--devices", help="How many devices: 1, 2, auto.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", help="32-true, bf16-mixed, 16-mixed ...")] = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a model, and write a checkpoint that describes itself."""
    from seqrobust.errors import ConfigError
    from seqrobust.run.pipeline import RunCommand, train_only
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.tables import print_folder, print_training

    given = {"training.devices": devices, "training.precision": precision}
    more = [f"{key}={value}" for key, value in given.items() if value is not None]
    checked = read(config, [*(overrides or []), *more])
    if checked.seeds is not None:
        raise ConfigError(
            "seqrobust train trains one model",
            found=f"seeds: {list(checked.seeds)}",
            where="seeds",
            fix=f"use seqrobust run, or train one: --set seeds=null --set seed={checked.seeds[0]}",
        )
    folder = out or Path("runs") / f"{checked.name}-train"
    if dry_run:
        plan(checked, folder)
        return
    call = RunCommand(out=folder, resume=resume, overwrite=overwrite, command=command_line())
    with ConsoleProgress() as progress:
        trained = train_only(checked, call, progress)
    print_training(trained.metrics)
    print_folder(folder)
