"""``seqrobust sweep``: search for hyper-parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqrobust_cli.options import Out, Overrides, Overwrite, Resume, command_line
from seqrobust_cli.run import Config, DryRun, plan, read

if TYPE_CHECKING:
    from seqrobust.run.sweep.sweep import Plan


def sweep(
    config: Config,
    trials: Annotated[int, typer.Option("--trials", min=1, help="How many, earlier ones on --resume included.")] = 20,
    sampler: Annotated[str, typer.Option("--sampler", help="tpe, or nsga2 for many trials of two objectives.")] = "tpe",
    out: Out = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Try values of what the config's sweep section varies; scores are of validation records, never of test records."""
    from seqrobust.run.config import find_config
    from seqrobust.run.sweep.sweep import SweepCommand, make_plan, run_sweep
    from seqrobust.yaml_file import read_text
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.tables import print_folder, print_sweep

    checked = read(config, overrides)
    folder = out or Path("runs") / f"{checked.name}-sweep"
    path = find_config(config)
    said: dict[str, Any] = {"trials": trials, "sampler": sampler, "resume": resume, "overwrite": overwrite}
    call = SweepCommand(
        text=read_text(path),
        where=str(path),
        overrides=tuple(overrides or ()),
        out=folder,
        command=command_line(),
        **said,
    )
    if dry_run:
        say_space(make_plan(call))
        plan(make_plan(call).config, folder)
        return
    with ConsoleProgress() as progress:
        outcome = run_sweep(call, progress)
    print_sweep(outcome)
    print_folder(folder)


def say_space(made: Plan) -> None:
    """What varies, and what counts."""
    from seqrobust_cli.console import out

    lines = [f"varies: {path}: {spec.describe()}" for path, spec in made.space.items()]
    out.print("\n".join([*lines, made.measured()]), markup=False)
