"""The last word on what searches found: plain forward passes over the final sequences, beside their clean ones.

What a search saw is not believed. A random model is asked on draws that no search has seen, for the best of many is
best by luck, too; the clean sequence is judged on the same draws, for one that is wrong there was not broken by an
edit. And a sequence that reaches a goal without an edit is no success but an answer that changes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.goals import BoundGoal
from seqrobust.attacks.problem import Problem
from seqrobust.errors import InternalError
from seqrobust.sequences import SequenceSet
from seqrobust.threats import BoundThreat

DRAWS = 5
"""Sets of draws on which successes over a random model are judged, the one that is reported included."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attacked:
    """n records of one shard, what they were searched under, and the goal bound to their first answers."""

    problem: Problem
    sequences: SequenceSet
    bounds: Sequence[BoundThreat]
    goal: BoundGoal
    targets: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class LastWord:
    """Of n records under B budgets.

    Attributes:
        logits: (n, B, outputs) of the final sequences.
        objective: (n, B) the goal's value there.
        reached: (n, B) whether the goal is reached by edits.
        unsteady: (n,) whether the unedited sequence of a record that was right is wrong when asked again.
        over_draws: (n, B) share of :data:`DRAWS` sets of draws on which the goal is reached; NaN for models that are
            not random.
    """

    logits: Tensor
    objective: Tensor
    reached: Tensor
    unsteady: Tensor
    over_draws: Tensor


def last_word(about: Attacked, tokens: Tensor) -> LastWord:
    """Judge (n, B, L) final tokens. Raises InternalError for one that is no member of its set."""
    require_members(about, tokens)
    predictor, goal = about.problem.predictor, about.goal
    logits, reached, right = _judged(about, tokens, 0)
    over_draws = torch.full(reached.shape, torch.nan, device=reached.device)
    if predictor.stochastic and predictor.samples is not None:
        others = [_judged(about, tokens, number)[1] for number in range(1, DRAWS)]
        over_draws = torch.stack([reached, *others]).float().mean(0)
    edited = (tokens != about.bounds[0].tokens[:, None]).any(2)
    unsteady = goal.attackable & ~right | (reached & ~edited).any(1)
    return LastWord(
        logits=logits,
        objective=_each_level(goal.objective, logits),
        reached=reached & edited,
        unsteady=unsteady,
        over_draws=over_draws,
    )


def require_members(about: Attacked, tokens: Tensor) -> None:
    """Raise InternalError where a search left its threat."""
    for level, bound in enumerate(about.bounds):
        inside = bound.contains(tokens[:, level])
        if not bool(inside.all()):
            row = int(torch.nonzero(~inside)[0, 0])
            one = bound.take(torch.tensor([row], device=tokens.device))
            reason = one.explain(tokens[row : row + 1, level], about.sequences.alphabet)[0]
            raise InternalError(f"a search left its threat on record {about.sequences.ids[row]!r}: {reason}")


def _judged(about: Attacked, tokens: Tensor, number: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (n, B, outputs), whether goals are reached (n, B), and whether clean sequences still are right (n,)."""
    predictor, goal = about.problem.predictor, about.goal
    with predictor.fresh_draws(number):
        logits = predictor.judged(tokens.flatten(0, 1)).reshape(*tokens.shape[:2], -1)
        if predictor.stochastic:
            again = predictor.judged(about.bounds[0].tokens)
            goal = about.problem.goal.bind(predictor.task, again, about.targets)
    right = goal.attackable
    return logits, _each_level(goal.achieved, logits) & (right & about.goal.attackable)[:, None], right


def _each_level(of: Callable[[Tensor, Tensor], Tensor], logits: Tensor) -> Tensor:
    """(n, B) of (n, B, outputs) logits."""
    everyone = torch.arange(len(logits), device=logits.device)
    return torch.stack([of(logits[:, level], everyone) for level in range(logits.shape[1])], dim=1)
