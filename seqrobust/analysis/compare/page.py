"""The page of a comparison."""

from __future__ import annotations

from markupsafe import Markup
from matplotlib.figure import Figure

from seqrobust.analysis.compare.findings import CompareFindings
from seqrobust.analysis.compare.picture import Metrics, shown_budgets, transfer_picture, transfer_table
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section
from seqrobust.report.words import plural, unit_of


def page(findings: CompareFindings) -> Page:
    """The matrix of transfer, and what it says of each model's gradients."""
    metrics = findings.metrics
    matrix = Section(
        title="Whose sequences fool whom",
        lead=f"{plural(metrics['n'], 'sequence')}; goal: {metrics['goal']}; threat: {metrics['threat']}.",
        pictures=(
            Picture(
                svg=lambda: _drawn(metrics),
                caption="Framed: a model shown the sequences found against itself. Counted are the records that both "
                "classify correctly.",
            ),
        ),
        tables=tuple(transfer_table(budget, unit_of(metrics)) for budget in shown_budgets(metrics)),
    )
    signs = Section(
        title="Does transfer beat a model's own attack?",
        lead="Where it does, gradients of the model that is shown the sequences mislead.",
        items=tuple((f"{name}: {sign['verdict']}", sign["explanation"]) for name, sign in metrics["masking"].items()),
    )
    return Page(
        title=f"Comparison of {', '.join(metrics['names'])}", subtitle=metrics["task"], sections=(matrix, signs)
    )


def figure(findings: CompareFindings) -> Figure:
    """The matrix of transfer."""
    return transfer_picture(findings.metrics)


def _drawn(metrics: Metrics) -> Markup:
    return svg_markup(transfer_picture(metrics), "transfer", "Share of each model fooled by each model's sequences")
