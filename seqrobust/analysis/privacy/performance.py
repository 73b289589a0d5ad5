"""How well the model answers the records of either list, and what that says of lists and labels.

A model that answers one list worse may have been trained on the other; it may also have been given wrong labels there.
Both numbers beside the verdict let a reader tell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.membership.scores import Floats
from seqrobust.analysis.privacy.pool import Pool
from seqrobust.report.words import percent
from seqrobust.statistics import mean_interval, share_interval
from seqrobust.tasks import task_of

SIDES = ("members", "nonmembers")


def performance_of(pool: Pool, together: NDArray[np.int64]) -> dict[str, Any]:
    """Of members and of non-members the accuracy (every label right) or mean squared error, with its interval."""
    task = task_of(pool.targets.task)
    values = errors_of(pool)
    found: dict[str, Any] = {"score": "mse" if task.measured else "accuracy"}
    for name, inside in zip(SIDES, (pool.is_member, ~pool.is_member), strict=True):
        part, units = values[inside], together[inside]
        one: dict[str, Any] = {"n": len(part), "value": float(part.mean())}
        one["ci"] = mean_interval(part, units) if task.measured else share_interval(part, units)
        if task.measured:
            spread = float(pool.targets.values[inside].var(0).mean())
            one["r2"] = 1 - one["value"] / spread if spread > 0 else None
        found[name] = one
    return found


def errors_of(pool: Pool) -> Floats:
    """(N,) whether each record is answered rightly, or its squared error averaged over targets."""
    task, wanted = task_of(pool.targets.task), torch.tensor(np.asarray(pool.targets.values))
    logits = torch.tensor(pool.logits)
    if task.measured:
        errors: Floats = ((logits - wanted) ** 2).mean(1).double().numpy()
        return errors
    right: Floats = task.right(logits, wanted).double().numpy()
    return right


def label_notices(pool: Pool, performance: dict[str, Any]) -> list[str]:
    """What looks like swapped or wrong labels: members answered worse than a guess, or worse than the others."""
    members, others = (performance[name] for name in SIDES)
    notices: list[str] = []
    if performance["score"] != "accuracy":
        return notices
    guess = 1 / len(pool.targets.labels) if task_of(pool.targets.task).exclusive else None
    if guess is not None and members["ci"] is not None and members["ci"][1] < guess:
        notices.append(
            f"the model answers {percent(members['value'])} of its own members rightly, fewer than a guess among "
            f"{len(pool.targets.labels)} classes would: are the labels in the order of its outputs (--labels)?"
        )
    if None not in (members["ci"], others["ci"]) and members["ci"][1] < others["ci"][0]:
        notices.append(
            f"the model answers members worse ({percent(members['value'])}) than non-members "
            f"({percent(others['value'])}): are the two lists, or the labels of one, the right ones?"
        )
    return notices


def performance_words(performance: dict[str, Any]) -> str:
    """The two numbers, in words."""
    members, others = (performance[name] for name in SIDES)
    if performance["score"] == "accuracy":
        shares = (percent(one["value"]) for one in (members, others))
        return "the model answers {} of the members rightly and {} of the others".format(*shares)
    errors = (f"{one['value']:.3g}" for one in (members, others))
    return "the model's mean squared error is {} on the members and {} on the others".format(*errors)
