"""The commands of all analyses, made from the registry: one function answers them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seqrobust.run.registry import ANALYSES, Row
from seqrobust.run.settings import RunSettings
from seqrobust_cli.generated import command
from seqrobust_cli.options import command_line


def commands() -> dict[str, Callable[..., None]]:
    """A function for Typer for each analysis, by the name of its command."""
    return {name: _command(row) for name, row in ANALYSES.items()}


def _command(row: Row) -> Callable[..., None]:
    kinds = {"asked": row.load("asked"), "settings": row.load("settings"), "run": RunSettings}
    return command(row.question, row.panel, kinds, partial(_answer, row), hidden=row.hidden)


def _answer(row: Row, *, asked: Any, settings: Any, run: RunSettings) -> None:
    from seqrobust.report.terminal import show
    from seqrobust.run.answer import answer
    from seqrobust_cli.console import ConsoleProgress, out

    with ConsoleProgress() as progress:
        found = answer(row.load("room"), asked, settings, replace(run, command=command_line()), progress)
    show(found.page, out)
    print_folder(found.folder)


def print_folder(folder: Path) -> None:
    """Where to look."""
    from seqrobust_cli.console import out

    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    out.print(f"in {folder}: {', '.join(names)}", markup=False)
    for page in (name for name in names if name.endswith(".html")):
        out.print(f"open {folder / page}", markup=False)
