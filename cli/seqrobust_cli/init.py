"""``seqrobust init``: a commented config to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    path: Annotated[Path, typer.Argument(help="The config to write.")] = Path("config.yaml"),
    data: Annotated[
        Path | None, typer.Option("--data", help="A data file to fit it to: alphabet, targets, regions.")
    ] = None,
    shipped: Annotated[
        str | None, typer.Option("--from", metavar="NAME", help="Copy a shipped config: quickstart, splice ...")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="binary, classification, multilabel, regression.")] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target-column", help="Repeat for several; else label, class, target, or columns of 0 and 1."),
    ] = None,
    sequence: Annotated[
        str | None, typer.Option("--sequence-column", help="The column of sequences; else sequence or seq.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented starter config."""
    from seqrobust.errors import ConfigError
    from seqrobust.files import write_text
    from seqrobust.run.config import find_config
    from seqrobust.run.starter import starter_config
    from seqrobust.sequences.data_source import Columns
    from seqrobust.yaml_file import read_text
    from seqrobust_cli.console import out
    from seqrobust_cli.options import checked_task

    if path.exists() and not overwrite:
        raise ConfigError("the file is there already", where=str(path), fix="choose another name, or --overwrite")
    if shipped is not None and data is not None:
        raise ConfigError("either a shipped config or one for your data", found="--from and --data")
    columns = Columns(targets=tuple(target or ()), sequence=sequence)
    text = read_text(find_config(shipped)) if shipped is not None else starter_config(data, checked_task(task), columns)
    try:
        write_text(path, text)
    except OSError as error:
        raise ConfigError("the config cannot be written", found=error.strerror, where=str(path)) from None
    out.print(f"wrote {path}; read it through, then: seqrobust run {path}", markup=False)
