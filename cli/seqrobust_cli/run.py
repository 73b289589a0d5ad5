"""``seqrobust run``: the whole pipeline of a config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqrobust_cli.options import Out, Overrides, Overwrite, Resume, command_line

if TYPE_CHECKING:
    from seqrobust.run.config import RunConfig

Config = Annotated[str, typer.Argument(help="A YAML config, or the name of a shipped one (quickstart).")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check config and data, say what would be done, and stop.")]


def run(
    config: Config,
    out: Out = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Train, attack and report, as a config says; once for each of its seeds, if it names several."""
    from seqrobust.run.pipeline import RunCommand, run_pipeline
    from seqrobust.run.repeats import run_repeats
    from seqrobust_cli.console import ConsoleProgress
    from seqrobust_cli.tables import print_attack, print_folder, print_repeats, print_training

    checked = read(config, overrides)
    folder = out or Path("runs") / checked.name
    if dry_run:
        plan(checked, folder)
        return
    call = RunCommand(out=folder, resume=resume, overwrite=overwrite, command=command_line())
    if checked.seeds is not None:
        with ConsoleProgress() as progress:
            repeats = run_repeats(checked, call, progress)
        print_repeats(repeats)
        print_folder(folder)
        return
    with ConsoleProgress() as progress:
        trained, attacked = run_pipeline(checked, call, progress)
    print_training(trained.metrics)
    if attacked is not None:
        print_attack(attacked.metrics)
    print_folder(folder)


def read(config: str, overrides: list[str] | None) -> RunConfig:
    """The checked config of a path or a shipped name."""
    from seqrobust.run.config import find_config, read_config

    return read_config(find_config(config), tuple(overrides or ()))


def plan(config: RunConfig, folder: Path) -> None:
    """Read the data, and say what the run would do."""
    from seqrobust.run.pipeline import prepared_data
    from seqrobust.run.plan import planned
    from seqrobust_cli.console import ConsoleProgress, out

    seeds = config.seeds
    config = config if seeds is None else config.with_seed(seeds[0])
    lines = [*planned(config, prepared_data(config, ConsoleProgress()))]
    if seeds is not None:
        lines.append(f"seeds: {', '.join(map(str, seeds))}, a run for each in seed-{seeds[0]} ... of the folder")
    out.print("\n".join([*lines, f"into: {folder}", "nothing was written (--dry-run)"]), markup=False)
