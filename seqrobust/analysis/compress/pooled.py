"""What is left of a model when sequences found on others are shown to it too, and how two models compare by that.

A copy that faces its own attack and the original's sequences faces more than the original that faces its own alone, and
looks the weaker for it. So each copy is compared with an original that faces the copy's sequences too, record by
record; and the original itself is told by the sequences of all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.clusters import units_in
from seqrobust.sequences import Task
from seqrobust.statistics import mean_of, paired, share_interval
from seqrobust.tasks import task_of


def stands(rows: pd.DataFrame, shown: NDArray[np.bool_], task: Task) -> NDArray[np.float64]:
    """(n,) 1 where neither a model's own attack nor sequences of others fool it, 0 where one does or it was wrong.

    Args:
        rows: of the model's own attack at one budget.
        shown: (n,) whether a sequence found on another model fools it.
        task: of a regression records that were not attacked are NaN.
    """
    hit = rows["success"].fillna(value=False).to_numpy(bool) | shown
    if task_of(task).measured:
        return np.where(rows["success"].notna().to_numpy(), ~hit, np.nan).astype(np.float64)
    right = (rows["clean_prediction"] == rows["target"]) & (rows["adversarial_prediction"] == rows["target"])
    found: NDArray[np.float64] = (right.to_numpy() & ~hit).astype(np.float64)
    return found


def against(copy: pd.DataFrame, original: pd.DataFrame, task: Task) -> dict[str, Any]:
    """Keys of ``metrics.json`` for a copy at one budget: what is left of it and the original, each shown the other's.

    Args:
        copy: rows of the copy's attack with ``original_still_works`` and ``fools_original``.
        original: those of the original's, in the same order.
    """
    shown = (copy[name].fillna(value=False).to_numpy(bool) for name in ("original_still_works", "fools_original"))
    mine, its = (stands(rows, seen, task) for rows, seen in zip((copy, original), shown, strict=True))
    units = units_in(copy)
    return {
        "standing": mean_of(mine),
        "standing_ci": share_interval(mine, units),
        "original_standing": mean_of(its),
        "original_standing_ci": share_interval(its, units),
        "less_original": paired(mine, its, units).plain(),
    }


def of_all(original: pd.DataFrame, copies: list[pd.DataFrame], task: Task) -> dict[str, Any]:
    """What is left of the original at one budget where the sequences of all copies are shown to it."""
    shown = np.zeros(len(original), bool)
    for copy in copies:
        shown |= copy["fools_original"].fillna(value=False).to_numpy(bool)
    its = stands(original, shown, task)
    return {"standing": mean_of(its), "standing_ci": share_interval(its, units_in(original))}
