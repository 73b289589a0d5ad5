"""The page: sections of sentences, pictures and tables, written into one HTML file that needs nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqrobust.files import write_text
from seqrobust.pipeline.report.attack_sections import examples, how, tiles, where_pictures
from seqrobust.pipeline.report.budget_curve import budget_curve, curve_caption
from seqrobust.pipeline.report.look import svg_markup
from seqrobust.pipeline.report.model_section import test_section, training_section
from seqrobust.pipeline.report.report_input import ReportInput
from seqrobust.pipeline.report.sentences import answer, budgets_of
from seqrobust.pipeline.report.tables import budget_table, data_tables, manifest_rows
from seqrobust.pipeline.report.words import one_line, plural

_HERE = Path(__file__).parent


def write_report(report: ReportInput, path: Path) -> None:
    """Write the page; it appears whole or not at all. The same input gives the same bytes."""
    write_text(path, render_report(report))


def render_report(report: ReportInput) -> str:
    """The page as text. Everything that came from a file is escaped by the template."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("template.html.j2").render(
        title=one_line(report.title, 200),
        subtitle=_subtitle(report),
        style=Markup((_HERE / "style.css").read_text(encoding="utf-8")),
        answer=_answer(report),
        tiles=tiles(report.attack) if report.attack else [],
        curve=_curve(report),
        curve_caption=curve_caption(report.attack) if report.attack and budgets_of(report.attack) else "",
        budgets=budget_table(report.attack) if report.attack and budgets_of(report.attack) else None,
        sections=report.sections,
        examples=examples(report),
        where=where_pictures(report),
        training=training_section(report),
        test=test_section(report),
        data=data_tables(report.data_summary) if report.data_summary else [],
        how=how(report),
        manifest=_manifest(report.manifest or {}),
    )
    # A file name may hold half a character (a lone surrogate), which no encoding can write.
    return page.encode("utf-8", "replace").decode()


def _subtitle(report: ReportInput) -> str:
    parts = [report.task or (report.attack or {}).get("task")]
    if report.sequences is not None:
        parts += [plural(len(report.sequences), "sequence") + " attacked", report.sequences.alphabet.name]
    parts.append((report.manifest or {}).get("started"))
    return " · ".join(one_line(part) for part in parts if part)


def _answer(report: ReportInput) -> list[str]:
    if not report.attack:
        return []
    return answer(report.attack, protect=report.protect, only=report.only, labels=report.labels)


def _curve(report: ReportInput) -> Markup | None:
    if not report.attack or not budgets_of(report.attack):
        return None
    return svg_markup(budget_curve(report.attack), "curve", "Accuracy or shift against the number of changed letters")


def _manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    command, config = manifest.get("command"), manifest.get("config")
    if isinstance(command, list | tuple):
        command = shlex.join(map(str, command))
    if config is not None and not isinstance(config, str):
        config = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    return {"command": command, "config": config, "rows": manifest_rows(manifest)}
