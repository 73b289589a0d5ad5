"""The page of an evaluation."""

from __future__ import annotations

from matplotlib.figure import Figure

from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.evaluate.findings import EvaluateFindings
from seqrobust.analysis.evaluate.sections import evaluation_sections, for_the_page
from seqrobust.analysis.outcomes import ReportInput, budget_curve, page_of
from seqrobust.report.sections import Page


def page(findings: EvaluateFindings) -> Page:
    """The worst case as an attack is shown, then methods, diagnosis and claims."""
    settings = findings.settings
    return page_of(
        ReportInput(
            title=f"Evaluation of {findings.name}",
            task=findings.metrics["task"],
            labels=findings.labels,
            data_summary=data_summary(findings.sequences),
            attack=for_the_page(findings.metrics),
            results=findings.results,
            sequences=findings.sequences,
            protect=settings.protect,
            only=settings.only,
            letter_rule=settings.allow,
            sections=evaluation_sections(findings.metrics),
        )
    )


def figure(findings: EvaluateFindings) -> Figure:
    """The budget curve of the worst case."""
    return budget_curve(for_the_page(findings.metrics))
