"""The page of a comparison."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup
from matplotlib.figure import Figure

from seqrobust.analysis.compare.findings import CompareFindings
from seqrobust.analysis.compare.picture import Metrics, shown_budgets, transfer_picture, transfer_table
from seqrobust.analysis.confinement import of_editable
from seqrobust.analysis.outcomes.class_tables import balanced_tables, share
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section, Table
from seqrobust.report.words import one_line, plural, unit_of


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
    each = Section(title="Each model by itself", items=tuple(_cautions(metrics)), tables=tuple(_balanced(metrics)))
    sections = (matrix, signs, each) if each.items or each.tables else (matrix, signs)
    return Page(title=f"Comparison of {', '.join(metrics['names'])}", subtitle=metrics["task"], sections=sections)


def _cautions(metrics: Metrics) -> Iterator[tuple[str, str]]:
    for name, one in metrics["models"].items():
        if said := one.get("cautions"):
            yield one_line(name), "; ".join(said) + ". That it is hard to fool then is no robustness."


def _balanced(metrics: Metrics) -> Iterator[Table]:
    """Accuracy and what uneven classes do not flatter, at the largest budget; nothing where the truth is not known."""
    models = {name: of_editable(one) for name, one in metrics["models"].items()}
    if all(one.get("clean_balanced_accuracy") is None for one in models.values()):
        return
    last = next(iter(models.values()))["budgets"][-1]["budget"]
    rows = tuple(
        (one_line(name), share(one, "clean_accuracy"), share(one["budgets"][-1], "robust_accuracy"))
        for name, one in models.items()
    )
    some = any(one.get("nothing_editable") for one in models.values())
    caption = "Accuracy on records that may be edited" if some else "Accuracy"
    yield Table(caption=caption, columns=("model", "clean", f"own attack, budget {last}"), rows=rows)
    yield from balanced_tables([(name, one, one["budgets"][-1]) for name, one in models.items()], last)


def figure(findings: CompareFindings) -> Figure:
    """The matrix of transfer."""
    return transfer_picture(findings.metrics)


def _drawn(metrics: Metrics) -> Markup:
    return svg_markup(transfer_picture(metrics), "transfer", "Share of each model fooled by each model's sequences")
