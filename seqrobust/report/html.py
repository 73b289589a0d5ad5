"""A page as one HTML file that needs nothing else: style and pictures inside, no script, no address outside."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqrobust.files import write_text
from seqrobust.report.sections import Page
from seqrobust.report.words import one_line

_HERE = Path(__file__).parent
_SHOWN_ELSEWHERE = ("command", "config", "fingerprint", "audit")


def write_page(page: Page, path: Path, manifest: Mapping[str, Any] | None = None) -> None:
    """Write the page; it appears whole or not at all. The same input gives the same bytes."""
    write_text(path, render(page, manifest))


def render(page: Page, manifest: Mapping[str, Any] | None = None) -> str:
    """The page as text. Everything that came from a file is escaped by the template.

    Args:
        page: what to show.
        manifest: ``manifest.json`` of the run: its command and config are shown as they are, the rest as a table.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("page.html.j2").render(
        page=page, style=Markup((_HERE / "style.css").read_text(encoding="utf-8")), run=_run(manifest or {})
    )
    # A file name may hold half a character (a lone surrogate), which no encoding can write.
    return text.encode("utf-8", "replace").decode()


def _run(manifest: Mapping[str, Any]) -> dict[str, Any]:
    command, config = manifest.get("command"), manifest.get("config")
    if isinstance(command, list | tuple):
        command = shlex.join(map(str, command))
    if config is not None and not isinstance(config, str):
        config = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    return {"command": command, "config": config, "rows": manifest_rows(manifest)}


def manifest_rows(manifest: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The manifest as (name, value), nested names joined by a dot, less what is shown elsewhere."""
    return tuple(_flat({key: value for key, value in manifest.items() if key not in _SHOWN_ELSEWHERE}, ""))


def _flat(value: Any, name: str) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{one_line(key, 200)}" if name else one_line(key, 200))
    elif isinstance(value, list | tuple):
        for number_, inner in enumerate(value, 1):
            yield from _flat(inner, f"{name} {number_}")
    else:
        yield name, one_line(value, 300)
