"""What a model failed at while it was attacked: answers that are no number, missing gradients, answers that change.

One bad record ends nothing: what could not be had is left out of the search, counted, and named. An answer that changes
though no letter did is an error of the model's, and no success of an attack.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.report.words import joined, one_line, percent

NAMED = 5
"""Records that are named; of the others only the number is told."""
_OFTEN = 0.05
"""Share of the attacked records from which on answers that change take a random model's numbers back."""
_STEADY = 0.02
"""Standard deviation of a rate over draws below which draws are enough."""

FLAGS = ("not_finite", "no_gradient", "unsteady")
"""Columns that mark such records."""


def failings(results: pd.DataFrame) -> dict[str, Any]:
    """By column of :data:`FLAGS`, how many records of an attack's table are marked, and the first of them."""
    found = {}
    for name in FLAGS:
        if name in results and results[name].any():
            ids = list(dict.fromkeys(results.loc[results[name].astype(bool), "id"]))
            found[name] = {"n": len(ids), "ids": ids[:NAMED]}
    return found


def certainties(attacked: pd.DataFrame) -> dict[str, Any]:
    """Of the attacked records at one budget: how many are known exactly, and the error that a model's draws leave.

    ``exact`` counts records that are broken, or of which every sequence within the budget was scored. ``draw_error`` is
    the standard deviation of the success rate over sets of draws: of independent records that are reached on shares p
    of them, ``sqrt(sum(p (1 - p))) / n``.
    """
    found: dict[str, Any] = {}
    if "exact" in attacked:
        found["exact"] = int(attacked["exact"].sum())
    if "success_over_draws" in attacked and len(attacked):
        share = attacked["success_over_draws"].to_numpy(np.float64)
        found["draw_error"] = float(np.sqrt(np.nansum(share * (1 - share))) / len(attacked))
    return found


def changes(metrics: Mapping[str, Any]) -> str | None:
    """What takes numbers back: answers that change though no letter did; None where none does, or few by chance."""
    found = metrics.get("unsteady")
    if found is None or (_random(metrics) and found["n"] <= _OFTEN * metrics["attacked"]):
        return None
    why = "its draws decide, and not the letters (--samples averages over more of them)"
    why = why if _random(metrics) else "a hidden state, the batch, or random numbers that nobody sees"
    return (
        f"asked again, the model is wrong about the same unedited sequence on {_whom(found)} that it was right "
        f"about at first: an error of the model's, and no success of an attack ({why})"
    )


def draws_decide(metrics: Mapping[str, Any]) -> list[str]:
    """What makes a random model's numbers coarse, though it takes none back."""
    rows = [row for row in metrics["budgets"] if row.get("draw_error", 0.0) > _STEADY]
    if not rows:
        return []
    worst = max(rows, key=lambda row: row["draw_error"])
    return [
        f"the model is random: by its draws alone the rate at budget {worst['budget']} differs by "
        f"{percent(worst['draw_error'])} (one standard deviation, beside its interval over records); margins do not "
        "clear the draws' error: raise --samples"
    ]


def left_out(metrics: Mapping[str, Any]) -> list[str]:
    """What was left out of a search, and of whom."""
    found = []
    if (lost := metrics.get("not_finite")) is not None:
        found.append(
            f"the model's output is no number for some edited sequences of {_whom(lost)}: those sequences are left out"
        )
    blind = metrics.get("no_gradient")
    if blind is not None and blind["n"] < metrics["attacked"]:
        found.append(
            f"the gradient is no number at some sequences of {_whom(blind)}: zeros stand for it there, and every "
            "single edit is scored"
        )
    return found


def _random(metrics: Mapping[str, Any]) -> bool:
    return any("draw_error" in row for row in metrics["budgets"])


def _whom(found: Mapping[str, Any]) -> str:
    names = joined([one_line(str(name), 40) for name in found["ids"]])
    more = ", among others" if found["n"] > len(found["ids"]) else ""
    return f"{found['n']} {'record' if found['n'] == 1 else 'records'} ({names}{more})"
