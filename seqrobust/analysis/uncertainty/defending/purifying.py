"""What cleaning a sequence before it is read is worth, against attacks that know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.uncertainty.attacking import Study, find
from seqrobust.analysis.uncertainty.materials import Materials, budget_value
from seqrobust.models.predictor import Predictor
from seqrobust.statistics import Units, paired, proportion, share_interval
from seqrobust.tasks import task_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Defence:
    """A purification to be tried.

    Attributes:
        name: in tables.
        predictor: of the defended model, checked.
        draws: that its answers are means of.
        step: what it does, in words.
    """

    name: str
    predictor: Predictor
    draws: int
    step: str


def purification(study: Study, has: Materials, defence: Defence, advance: Callable[[float], None]) -> dict[str, Any]:
    """What a defence is worth: on clean records, against sequences found on the undefended model, and attacked itself.

    The adversary that knows the defence may use either kind of sequence, so that its figure is never the better one.
    """
    found = find(study, defence.predictor, study.goal, advance, name=f"purified-{defence.name}")
    before = has.found
    carried = _carried(study, defence.predictor, before.tokens)
    rows, units = [], study.sequences.units
    for level, budget in enumerate(study.budgets):
        plain = before.attackable & ~before.reached[:, level]
        ignorant = found.attackable & ~carried[:, level]
        alone = found.attackable & ~found.reached[:, level]
        aware = ignorant & alone
        gain = aware.astype(np.float64) - plain
        rows.append(
            {
                "budget": budget_value(budget),
                **_shares("undefended", plain, units),
                **_shares("non_adaptive", ignorant, units),
                **_shares("adaptive_alone", alone, units),
                **_shares("adaptive", aware, units),
                "gain": float(gain.mean()),
                "gain_ci": paired(aware, plain, units).interval,
                "apparent_gain": float(ignorant.mean() - plain.mean()),
            }
        )
    n, right = len(found.attackable), int(found.attackable.sum())
    entry: dict[str, Any] = {"step": defence.step, "draws": defence.draws, "budgets": rows}
    if not task_of(study.task).measured:
        entry |= {"clean_accuracy": proportion(right, n), "clean_accuracy_ci": share_interval(found.attackable, units)}
        entry["clean_accuracy_undefended"] = proportion(int(before.attackable.sum()), n)
    return entry | {"verdict": purification_sentence(defence.name, rows), "standing": _gain_standing(_most(rows))}


def _carried(study: Study, defended: Predictor, tokens: Tensor) -> NDArray[np.bool_]:
    """(n, B) whether sequences found elsewhere reach the goal on a defended model, on draws of their own."""
    n, levels, _ = tokens.shape
    with defended.attached(), defended.fresh_draws():
        clean = defended.logits(study.tokens.to(defended.device))
        logits = defended.logits(tokens.flatten(0, 1).to(defended.device)).reshape(n, levels, -1)
    bound = study.goal.bind(study.task, clean, study.truth)
    rows = torch.arange(n, device=clean.device)
    reached = torch.stack([bound.achieved(logits[:, level], rows) for level in range(levels)], dim=1)
    carried: NDArray[np.bool_] = reached.cpu().numpy()
    return carried


def _shares(name: str, robust: NDArray[np.bool_], units: Units) -> dict[str, Any]:
    share = proportion(int(robust.sum()), len(robust))
    return {f"robust_{name}": share, f"robust_{name}_ci": share_interval(robust, units)}


def _gain_standing(row: dict[str, Any]) -> str:
    ends = row["gain_ci"]
    return "gains" if ends is not None and ends[0] > 0 else "loses" if ends is not None and ends[1] < 0 else "no gain"


def purification_sentence(name: str, budgets: list[dict[str, Any]]) -> str:
    """The :func:`purification_statement` of a defence, after its name."""
    return f"{name}: {purification_statement(budgets)}"


def purification_statement(budgets: list[dict[str, Any]]) -> str:
    """What a defence is worth at the budget at which it seems to gain or lose most, in words."""
    row = _most(budgets)
    plain, seen, aware = (100 * row[f"robust_{key}"] for key in ("undefended", "non_adaptive", "adaptive"))
    gain = {
        "gains": "a gain that this adaptive attack does not take away",
        "loses": "it makes the model less robust",
        "no gain": "no gain survives it",
    }[_gain_standing(row)]
    return (
        f"robust at budget {row['budget']} are {plain:.0f} % without it, {seen:.0f} % by sequences found "
        f"without it, {aware:.0f} % once the attack knows it: {gain}"
    )


def _most(budgets: list[dict[str, Any]]) -> dict[str, Any]:
    return max(budgets, key=lambda row: abs(row["apparent_gain"]))
