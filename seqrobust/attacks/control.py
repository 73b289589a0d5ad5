"""The control beside every attack: random sequences of the same size, and how often they reach the goal anyway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqrobust.attacks.goals import BoundGoal
from seqrobust.attacks.problem import Problem
from seqrobust.attacks.rounding import judged
from seqrobust.attacks.streams import RecordStreams
from seqrobust.sequences import SequenceSet
from seqrobust.threats import BoundThreat


class Control(NamedTuple):
    """Draws of n records under B budgets: see ``control...`` of :class:`~seqrobust.attacks.problem.ShardRun`."""

    value: Tensor
    reached: Tensor
    least: Tensor


def score_random(problem: Problem, sequences: SequenceSet, bounds: Sequence[BoundThreat], goal: BoundGoal) -> Control:
    """Objectives of uniform draws that spend the whole budget, and whether each reaches the goal.

    Args:
        problem: gives predictor, seed, budgets and number of draws.
        sequences: n records of one shard.
        bounds: their sets, one per budget.
        goal: bound to them.
    """
    predictor, draws = problem.predictor, problem.control_draws
    rows = torch.nonzero(goal.attackable).flatten()
    names = [sequences.ids[row] for row in rows.tolist()]
    value = torch.full((len(sequences), len(bounds), draws), torch.nan, device=predictor.device)
    reached = torch.zeros(value.shape, dtype=torch.bool, device=predictor.device)
    least = torch.full(value.shape[:2], torch.nan, device=predictor.device)
    for level, bound in enumerate(bounds):
        streams = RecordStreams(problem.seed, names, f"control {problem.budgets[level]}")
        members = bound.take(rows)
        for draw in range(draws):
            uniforms = streams.uniforms(bound.tokens.shape[1] + 1, predictor.device)
            logits = predictor.logits(members.sample(uniforms, full=True))
            scored = judged(goal, logits, rows)
            value[rows, level, draw] = scored.value.masked_fill(predictor.lost(logits), torch.nan).to(value.dtype)
            reached[rows, level, draw] = goal.achieved(logits, rows)
            if not predictor.stochastic:
                least[rows, level] = torch.fmax(least[rows, level], (scored.value - scored.slack).to(least.dtype))
    return Control(value, reached, least)
