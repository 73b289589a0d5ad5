"""The page of an attack."""

from __future__ import annotations

from matplotlib.figure import Figure

from seqrobust.analysis.attack.findings import AttackFindings
from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.outcomes import ReportInput, budget_curve, page_of
from seqrobust.report.sections import Page


def page(findings: AttackFindings) -> Page:
    """The answer, the curve, examples, where the adversary edits, the model and the data."""
    settings = findings.settings
    return page_of(
        ReportInput(
            title=f"Attack on {findings.name}",
            task=findings.metrics["task"],
            labels=findings.labels,
            data_summary=data_summary(findings.sequences),
            attack=findings.metrics,
            results=findings.results,
            sequences=findings.sequences,
            protect=settings.protect,
            only=settings.only,
            letter_rule=settings.allow,
        )
    )


def figure(findings: AttackFindings) -> Figure:
    """The budget curve."""
    return budget_curve(findings.metrics)
