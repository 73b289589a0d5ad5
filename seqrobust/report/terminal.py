"""A page on a terminal: the same sections, their texts and tables; pictures stay on the page."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from seqrobust.report.printable import printable
from seqrobust.report.sections import Page, Section, Table

_LONGEST = 40
"""Rows of a table that a terminal shows."""


def show(page: Page, console: Console) -> None:
    """Print what of a page is for a terminal: titles, sentences, numbers and tables."""
    for section in page.sections:
        if section.for_terminal:
            _show_section(section, console)


def _show_section(section: Section, console: Console) -> None:
    if section.title:
        console.print(f"[bold]{escape(printable(section.title))}[/bold]")
    for text in (*section.answer, section.lead):
        if text:
            console.print(printable(text), markup=False)
    for tile in section.tiles:
        note = f" ({tile.note})" if tile.note else ""
        console.print(printable(f"  {tile.name}: {tile.value}{note}"), markup=False)
    for name, text in section.items:
        console.print(printable(f"  {name}: {text}"), markup=False)
    for table in (*(part for part in section.aside if isinstance(part, Table)), *section.tables):
        _show_table(table, console)


def _show_table(table: Table, console: Console) -> None:
    if table.caption:
        console.print(printable(table.caption), markup=False)
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(table.columns))
    for number, name in enumerate(table.columns):
        drawn.add_column(_cell(name), justify="right" if number else "left", no_wrap=True)
    for row in table.rows[:_LONGEST]:
        drawn.add_row(*map(_cell, row))
    console.print(drawn)
    if len(table.rows) > _LONGEST:
        console.print(f"... and {len(table.rows) - _LONGEST} rows more in the report", markup=False)


def _cell(text: str) -> str:
    return escape(printable(text).replace("\n", "\\n"))
