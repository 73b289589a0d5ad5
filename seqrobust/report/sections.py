"""What a page is made of: sections of sentences, big numbers, pictures and tables.

They are values that know nothing of any analysis, and are drawn by :mod:`~seqrobust.report.html` and
:mod:`~seqrobust.report.terminal` alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Table:
    """Text in rows; the first column is a heading."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def is_long(self) -> bool:
        """Whether it is better folded away on a page."""
        return len(self.rows) > 15


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An inline ``<svg>`` of :func:`seqrobust.report.look.svg_markup`, and what to say about it.

    Attributes:
        svg: the drawing, or what draws it: where a page is only shown on a terminal, nothing is drawn.
        caption: said beneath it; above it where there is a ``heading``.
        heading: begins the caption, in bold.
    """

    svg: Markup | Callable[[], Markup]
    caption: str = ""
    heading: str = ""

    @property
    def markup(self) -> Markup:
        """The drawing."""
        return self.svg() if callable(self.svg) else self.svg


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One big number."""

    value: str
    name: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Details:
    """Explanations that a page folds away under a title: named texts, or one verbatim text."""

    title: str
    items: tuple[tuple[str, str], ...] = ()
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Shown in this order: title, answer, tiles, lead, items, pictures, what stands side by side, tables, details.

    Attributes:
        title: heading; empty for the answer of a page, which needs none.
        name: anchor on the page.
        answer: the sentence to remember, then further ones.
        tiles: big numbers.
        lead: what the section is about.
        items: named texts.
        pictures, tables: one beneath the other.
        aside: pictures and tables that stand side by side where there is room.
        details: explanations, folded away.
        for_terminal: whether a terminal shows the section too; one that a reader of the page alone needs is left out.
    """

    title: str = ""
    name: str = ""
    answer: tuple[str, ...] = ()
    tiles: tuple[Tile, ...] = ()
    lead: str = ""
    items: tuple[tuple[str, str], ...] = ()
    pictures: tuple[Picture, ...] = ()
    aside: tuple[Picture | Table, ...] = ()
    tables: tuple[Table, ...] = ()
    details: tuple[Details, ...] = ()
    for_terminal: bool = True


@dataclass(frozen=True, kw_only=True)
class Page:
    """Sections under a title."""

    title: str
    sections: tuple[Section, ...]
    subtitle: str = ""
