"""How far an adversary can raise what members disagree about."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.uncertainty.attacking import Advance, Study, find, random_edits
from seqrobust.analysis.uncertainty.detection import threshold
from seqrobust.analysis.uncertainty.goals import Disagreement
from seqrobust.analysis.uncertainty.materials import Materials, budget_value
from seqrobust.analysis.uncertainty.measures import disagreement_score
from seqrobust.analysis.uncertainty.scoring import values_of
from seqrobust.statistics import mean_interval, proportion, share_interval
from seqrobust.tasks import task_of


def epistemic(study: Study, has: Materials, flagged: float, advance: Advance) -> tuple[dict[str, Any], Tensor]:
    """How far an adversary can raise what members disagree about, and (n, B, columns) of what it found.

    Of the sequences found for that and those found to be wrong, whichever is the better counts: an adversary has both.
    """
    panel = study.panel

    def score(columns: Tensor) -> NDArray[np.float64]:
        flat = values_of(lambda one: disagreement_score(panel.each(one), panel.task), columns.flatten(0, -2))
        return flat.reshape(columns.shape[:-1])

    cut = threshold(score(has.calibration), flagged)
    found = find(study, study.columns, Disagreement(panel=panel, threshold=cut), advance, name="disagreement")
    n, levels, _ = found.tokens.shape
    columns = study.panel_columns(found.tokens.flatten(0, 1)).reshape(n, levels, -1)
    control = study.panel_columns(random_edits(study, found.tokens).flatten(0, 1)).reshape(n, levels, -1)
    better = torch.tensor(score(has.attacked) > score(columns), device=columns.device)
    columns = torch.where(better[:, :, None], has.attacked, columns)
    raised, random, clean = np.exp(score(columns)), np.exp(score(control)), np.exp(score(has.clean))
    right, rows = study.right(has.clean), []
    for level, budget in enumerate(study.budgets):
        above, still = raised[:, level] > np.exp(cut), study.right(columns[:, level])
        rows.append(
            {
                "budget": budget_value(budget),
                "mean": float(raised[:, level].mean()),
                "mean_ci": mean_interval(raised[:, level], study.sequences.units),
                "random_edits_mean": float(random[:, level].mean()),
                "raised_above_threshold": proportion(int(above.sum()), n),
                "raised_above_threshold_ci": share_interval(above, study.sequences.units),
                "random_above_threshold": proportion(int((random[:, level] > np.exp(cut)).sum()), n),
                "still_right": proportion(int((right & still).sum()), int(right.sum())),
            }
        )
    quantity = "variance" if task_of(study.task).measured else "mutual_information"
    entry = {"quantity": quantity, "clean_mean": float(clean.mean()), "threshold": float(np.exp(cut)), "budgets": rows}
    return entry, columns
