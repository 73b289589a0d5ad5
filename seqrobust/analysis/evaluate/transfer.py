"""Transfer as a method of an evaluation: sequences found by gradients of another model, shown to this one.

It sees nothing of the model but its answers, so where it does better than attacks that see everything, those are blind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis import results_table
from seqrobust.analysis.evaluate.claims import Method
from seqrobust.analysis.pieces import keeping, whole
from seqrobust.analysis.rows_sent import ROWS_SENT, joined
from seqrobust.attacks import DEFAULT_ATTACKS, Problem, ShardRun, attacks_for, attacks_named, run_shard
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress

Kind: TypeAlias = Literal["given", "trained", "ensemble"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Surrogate:
    """Another model that sequences are taken from.

    Attributes:
        name: what it is called.
        problems: the same records and goals, by direction.
        kind: ``given`` by the user, ``trained`` on the model's own answers, or the ``ensemble`` of all those.
        taught: records that it was trained on, where it was.
    """

    name: str
    problems: dict[str, Problem]
    kind: Kind = "given"
    taught: int | None = None

    @property
    def predictor(self) -> Predictor:
        """The model itself, of sequences."""
        return next(iter(self.problems.values())).plain.predictor

    @property
    def method(self) -> Method:
        """As a method of the evaluation."""
        names = tuple(attack.name for attack in attacks_named(DEFAULT_ATTACKS))
        return Method(name=f"transfer:{self.name}", attacks=names, access="labels")


def transfer_shards(
    problem: Problem,
    surrogate: Problem,
    name: str,
    part_of: Callable[[int], Path],
    progress: Progress,
    *,
    before: int,
) -> pd.DataFrame:
    """The results of showing every record's sequences found against the surrogate, as of an attack of that name.

    Args:
        problem: the model that is evaluated.
        surrogate: another model, the same records. It is attacked beyond its goal, for what fools it with a large lead
            fools others the more often.
        name: of the method.
        part_of: the file of a shard; one that is there is read instead.
        progress: a stage has been started; told of records done, ``before`` those of this call.
    """
    problem, surrogate = replace(problem, control_draws=0), replace(surrogate, control_draws=0, search_on=True)
    attacks = attacks_for(surrogate.predictor, DEFAULT_ATTACKS)
    tables = []
    for number, records in enumerate(problem.shards()):
        part = part_of(number)
        if not whole(part, progress.say):
            with surrogate.predictor.attached():
                offered = run_shard(surrogate, attacks, records).tokens
            before_it = problem.predictor.rows_sent
            with problem.predictor.attached():
                run = shown(problem, records, offered.to(problem.predictor.device))
            table = results_table(problem, records, run, [name])
            table.attrs[ROWS_SENT] = problem.predictor.rows_sent - before_it
            with keeping(part) as temporary:
                table.to_parquet(temporary, index=False)
        tables.append(pd.read_parquet(part))
        progress.advance(before + int(records[-1]) + 1)
    return joined(tables)


def shown(problem: Problem, records: NDArray[np.int64], offered: Tensor) -> ShardRun:
    """What the model makes of (n, B, L) tokens offered for those records; a better one at a smaller budget is kept.

    The predictor must be attached.
    """
    run = run_shard(problem, (), records)
    goal = problem.goal.bind(problem.predictor.task, run.clean, run.targets)
    everyone = torch.arange(len(run.clean), device=run.clean.device)
    tokens, logits, value = run.tokens.clone(), run.logits.clone(), run.objective.clone()
    best_tokens, best = tokens[:, 0].clone(), run.clean.clone()
    for level in range(tokens.shape[1]):
        found = problem.predictor.logits(offered[:, level])
        better = goal.objective(found, everyone) > goal.objective(best, everyone)
        better &= goal.attackable
        best_tokens[better], best[better] = offered[better, level], found[better]
        tokens[:, level], logits[:, level], value[:, level] = best_tokens, best, goal.objective(best, everyone)
    reached = torch.stack([goal.achieved(logits[:, level], everyone) for level in range(tokens.shape[1])], 1)
    asked = 1 + torch.arange(1, tokens.shape[1] + 1, device=run.forwards.device)
    return replace(
        run,
        tokens=tokens,
        logits=logits,
        reached=reached & goal.attackable[:, None] & (tokens != run.tokens).any(2),
        objective=value,
        # Whatever was offered was looked at; of the surrogate's own search the clean sequence may be all that came.
        searched=run.searched | (tokens != run.tokens).any(2) | (offered != run.tokens).any(2),
        attack=(tokens != run.tokens).any(2).long() - 1,
        forwards=asked.expand_as(run.forwards).clone(),
    )
