"""Certificates of some records: an attack bounds each from above, then methods prove what they can from below."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.attacks.coded import Scores
from seqrobust.attacks.driver import run_shard
from seqrobust.attacks.problem import Problem, ShardRun
from seqrobust.attacks.search import Attack
from seqrobust.certification.case import ROUNDING, Case, Method, Proof
from seqrobust.certification.refusal import provable
from seqrobust.errors import InternalError
from seqrobust.threats import BoundThreat


@dataclass(kw_only=True, eq=False)
class Standing:
    """What is known of one record.

    Attributes:
        attackable: whether the goal makes sense on it: where the clean prediction is wrong there is nothing to certify.
        limit: units of its largest budget.
        certified: largest units at which no member reaches the goal; 0 where nothing was proved beyond the record.
        broken: fewest units of a member known to reach it; None where none is known.
        tokens: (L,) that member; the clean record where there is none.
        proved_by, broken_by: names of methods and attacks; empty for none.
        scored: members looked at one by one.
        seconds: spent on proofs.
        reason: why it is open; empty where it is not.
    """

    attackable: bool
    limit: int
    tokens: Tensor
    certified: int = 0
    broken: int | None = None
    proved_by: str = ""
    broken_by: str = ""
    scored: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def upper(self) -> int:
        """Largest units that may still be proved."""
        return self.limit if self.broken is None else min(self.limit, self.broken - 1)

    @property
    def open(self) -> bool:
        """Whether there is a cost at which it is not known if a member reaches the goal."""
        return self.attackable and self.certified < self.upper


@dataclass(frozen=True, kw_only=True)
class Proven:
    """What is known of a record from an earlier try: units certified, and by which method."""

    certified: int = 0
    proved_by: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Certified:
    """What came of n records.

    Attributes:
        run: what the attack found.
        standings: of the records, in their order.
    """

    run: ShardRun
    standings: list[Standing]


def certify_shard(
    problem: Problem,
    attacks: Sequence[Attack],
    methods: Sequence[Method],
    records: NDArray[np.int64],
    *,
    seconds: float,
    scores: Scores,
    progress: Callable[[float], None] = lambda _: None,
    proven: Sequence[Proven] = (),
) -> Certified:
    """Attack some records, then prove what can be proved. The predictor must be attached.

    Args:
        problem: what is certified.
        attacks: bound each record from above.
        methods: cheapest first; each sees only the records that are still open.
        records: their numbers.
        seconds: time limit of a record, over all methods.
        scores: answers for neighbours.
        progress: called with the finished share of the shard.
        proven: what was proved of each record before, by the same methods; nothing where it is empty.

    Raises InternalError should a proof and a sequence contradict each other.
    """
    run = run_shard(problem, attacks, records, scores=scores)
    threat = replace(problem.threat, budget=problem.budgets[-1]).bind(
        problem.sequences.take(records), problem.predictor.device
    )
    standings = [_attacked(run, threat, row, [attack.name for attack in attacks]) for row in range(len(records))]
    for standing, before in zip(standings, proven, strict=bool(proven)):
        _start_from(standing, before)
    goal = problem.goal.bind(problem.predictor.task, run.clean, run.targets)
    for row, standing in enumerate(standings):
        one = threat.take(torch.tensor([row], device=threat.tokens.device))
        for method in methods:
            if not standing.open:
                break
            case = Case(
                problem=problem,
                threat=one,
                goal=goal,
                row=row,
                clean=run.clean[row : row + 1],
                truth=run.targets[row : row + 1],
                scores=scores,
                certified=standing.certified,
                upper=standing.upper,
            )
            _improve(standing, method, case, seconds)
        progress((row + 1) / len(standings))
    return Certified(run=run, standings=standings)


def _attacked(run: ShardRun, threat: BoundThreat, row: int, names: Sequence[str]) -> Standing:
    """What an attack says of a record: the cheapest of the sequences that reached the goal."""
    standing = Standing(attackable=bool(run.attackable[row]), limit=int(threat.budget[row]), tokens=threat.tokens[row])
    one = threat.take(torch.tensor([row], device=threat.tokens.device))
    for level in torch.nonzero(run.reached[row]).flatten().tolist():
        tokens = run.tokens[row, level]
        spent = int(one.spent(tokens[None]))
        if standing.broken is None or spent < standing.broken:
            standing.broken, standing.tokens = spent, tokens
            standing.broken_by = names[int(run.attack[row, level])] if int(run.attack[row, level]) >= 0 else ""
    return standing


def _start_from(standing: Standing, before: Proven) -> None:
    """Go on from what was proved of a record before."""
    if standing.broken is not None and before.certified >= standing.broken:
        raise InternalError(f"{before.proved_by} certified cost {before.certified}, at which a sequence is known")
    standing.certified, standing.proved_by = before.certified, before.proved_by


def _improve(standing: Standing, method: Method, case: Case, seconds: float) -> None:
    """Let a method prove what it can in the time that is left of a record."""
    started = time.monotonic()
    most, why = provable(case.problem, case.threat.unit)
    if most < case.upper:
        case = replace(case, upper=int(most))
    if case.certified < case.upper:
        proof = method.prove(case, max(seconds - standing.seconds, 0.0))
        _take(standing, proof, case, method.name)
        standing.seconds -= proof.shared
    if standing.open and standing.certified >= most:
        standing.reason = why
    standing.seconds += time.monotonic() - started


def _take(standing: Standing, proof: Proof, case: Case, name: str) -> None:
    if proof.certified > case.upper or (standing.broken is not None and proof.certified >= standing.broken):
        raise InternalError(f"{name} certified more than was asked")
    if proof.certified > standing.certified:
        standing.certified, standing.proved_by = proof.certified, name
    standing.scored += proof.scored
    standing.reason = proof.reason
    if proof.member is not None:
        _counterexample(standing, proof.member, case, name)
    if not standing.open:
        standing.reason = ""


def _counterexample(standing: Standing, member: Tensor, case: Case, name: str) -> None:
    """Take up a member that reaches the goal by a plain forward pass of its own; else it is open."""
    if not bool(case.threat.with_budget(torch.full_like(case.threat.budget, standing.limit)).contains(member[None])):
        raise InternalError(f"{name} left the threat")
    if not bool(case.goal.achieved(case.problem.predictor.logits(member[None]), case.rows(1))):
        standing.reason = ROUNDING
        return
    spent = int(case.threat.spent(member[None]))
    if spent <= standing.certified:
        raise InternalError(f"{name} found a member at cost {spent}, certified were {standing.certified}")
    if standing.broken is None or spent < standing.broken:
        standing.broken, standing.tokens, standing.broken_by = spent, member, name
