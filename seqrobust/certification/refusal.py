"""Problems about which nothing can be proved, found out before any work begins."""

from __future__ import annotations

import math

from seqrobust.attacks.coverage import require_moves
from seqrobust.attacks.problem import Problem
from seqrobust.errors import ModelError
from seqrobust.threats.coding import CodedSet, Indels

_INSERTED_TOGETHER = 2
"""Edits from which on two letters may be inserted into one gap, which the columns of insertions do not hold."""


def require_certifiable(problem: Problem) -> None:
    """Raise ModelError for a model whose answers are random, and ThreatError where no letter of any record may change.

    A model whose answers depend on the batch is refused when it is checked, unless records go through it one by one.
    """
    require_moves(problem)
    if problem.predictor.stochastic:
        raise ModelError(
            "nothing can be proved about a model whose answers are random",
            expected="a model that gives one input one answer",
            found="answers that differ from draw to draw",
            fix="switch its randomness off at evaluation, or certify the mean of its draws as a module of its own",
        )


def provable(problem: Problem, unit: float) -> tuple[float, str]:
    """The largest units that certificates may reach whatever a method finds, and why no further.

    Args:
        problem: what is certified.
        unit: what one unit of cost stands for.
    """
    if isinstance(problem.sequences, CodedSet) and isinstance(problem.sequences.coding, Indels):
        most = math.ceil(_INSERTED_TOGETHER / unit) - 1
        return most, "two letters inserted into one gap are not looked at, so nothing is certified from two edits on"
    return math.inf, ""
