"""What abstaining on the least certain records is worth, on natural, randomly edited and attacked ones."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqrobust.analysis.uncertainty.attacking import Study
from seqrobust.analysis.uncertainty.materials import Materials
from seqrobust.analysis.uncertainty.measures import confidence_score, disagreement_score
from seqrobust.analysis.uncertainty.scoring import values_of
from seqrobust.analysis.uncertainty.selective import RiskCoverage, risk_coverage
from seqrobust.tasks import task_of


def selective(study: Study, has: Materials, risk: float | None) -> tuple[dict[str, Any], dict[str, RiskCoverage]]:
    """Risk against coverage of natural, randomly edited and attacked records, the least uncertain answered first."""
    panel = study.panel

    def curve(columns: Tensor) -> RiskCoverage:
        score = disagreement_score if task_of(study.task).measured else confidence_score
        return risk_coverage(values_of(lambda one: score(panel.each(one), panel.task), columns), study.loss(columns))

    curves = {"clean": curve(has.clean)}
    for level, budget in enumerate(study.budgets):
        curves[f"random edits, {budget}"] = curve(has.control[:, level])
        curves[f"attacked, {budget}"] = curve(has.attacked[:, level])
    entry = {
        name: {
            "area": one.area,
            "risk": float(one.risk[-1]),
            "coverage_at_risk": None if risk is None else one.coverage_at(risk),
        }
        for name, one in curves.items()
    }
    return {"stated_risk": risk, "curves": entry}, curves
