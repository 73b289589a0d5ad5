"""A section of the page that any command may add: a title, sentences, pictures, tables."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from seqrobust.pipeline.report.tables import Table


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An inline ``<svg>`` of :func:`seqrobust.pipeline.report.look.svg_markup`, and what to say about it."""

    svg: Markup
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Shown in this order: a lead, named items, pictures, tables."""

    title: str
    lead: str = ""
    items: tuple[tuple[str, str], ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
