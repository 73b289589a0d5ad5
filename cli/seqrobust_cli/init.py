"""``seqrobust init``: a commented config to start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from seqrobust.options import Option
from seqrobust.run.starting.asked import StarterAsked
from seqrobust_cli.generated import command


@dataclass(frozen=True, kw_only=True)
class Written:
    """Where a config goes, and what it is a copy of."""

    path: Annotated[Path, Option(flag="path", help="The config to write.", argument=True)] = Path("config.yaml")
    shipped: Annotated[
        str | None, Option(flag="--from", metavar="NAME", help="Copy a shipped config: quickstart, splice ...")
    ] = None
    overwrite: Annotated[bool, Option(help="Replace a file that is there.")] = False


def write_config(place: Written, asked: StarterAsked) -> None:
    """Write a config, and say what was guessed for it."""
    from seqrobust.errors import ConfigError
    from seqrobust.files import write_text
    from seqrobust.run.config import find_config
    from seqrobust.run.starting.cap import capped
    from seqrobust.run.starting.starter import Starter, starter
    from seqrobust.yaml_file import read_text
    from seqrobust_cli.console import out

    if place.path.exists() and not place.overwrite:
        raise ConfigError("the file is there already", where=str(place.path), fix="choose another name, or --overwrite")
    if place.shipped is not None and asked.data is not None:
        raise ConfigError("either a shipped config or one for your data", found="--from and --data")
    if place.shipped is not None:
        made = Starter(text=read_text(find_config(place.shipped)))
    else:
        made = starter(asked) if asked.data is None else capped(starter(asked))
    try:
        write_text(place.path, made.text)
    except OSError as error:
        raise ConfigError("the config cannot be written", found=error.strerror, where=str(place.path)) from None
    for notice in made.notices:
        out.print(f"note: {notice}", markup=False)
    out.print(f"wrote {place.path}; read it through, then: seqrobust run {place.path}", markup=False)


init = command("Write a commented starter config.", "", {"place": Written, "asked": StarterAsked}, write_config)
