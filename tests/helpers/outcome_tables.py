"""Tables of attacks whose fewest edits are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

LEVELS = 4
"""Budgets of such an attack, from 1."""


def attack_table(fewest: np.ndarray, classes: list[str], *, wrong: tuple[int, ...] = ()) -> pd.DataFrame:
    """The table of an attack in which record i falls to ``fewest[i]`` edits; 99 to none."""
    rows = []
    for i, (need, name) in enumerate(zip(fewest.tolist(), classes, strict=True)):
        for budget in range(1, LEVELS + 1):
            hit = need <= budget
            clean = "other" if i in wrong else name
            rows.append(
                {
                    "id": f"r{i}",
                    "target": name,
                    "budget": budget,
                    "clean_prediction": clean,
                    "adversarial_prediction": "fooled" if hit else clean,
                    "success": None if i in wrong else hit,
                    "n_edits": min(need, budget),
                }
            )
    table: pd.DataFrame = pd.DataFrame(rows)
    table["success"] = table["success"].astype("boolean")
    return table
