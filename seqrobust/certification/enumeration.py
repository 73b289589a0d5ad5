"""Enumeration: every member scored, cost by cost; exact for any deterministic model, constraints included.

What decides is the model's plain forward pass in its own arithmetic. Scores from cached layers differ from it by
rounding, so a member whose score lies as near to the goal as the two were ever allowed to differ is scored again by a
plain pass, and so are the members that came nearest, to see that the two agree. A member that stays short of the goal
by less than the rounding of the outputs themselves is neither proof nor counterexample: on another machine it might
reach it. Such a record is left open, and that is said.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqrobust.attacks.rounding import judged, near_threshold
from seqrobust.certification.case import ROUNDING, Case, Proof
from seqrobust.certification.members import count_members, members_at
from seqrobust.neighbours import Edits, apply_edits
from seqrobust.neighbours.service import ULPS

_PIECE = 1 << 13
"""Members scored before the clock is looked at."""
_NEAREST = 16
"""Members of each piece nearest to the goal that are scored again by a plain forward pass."""
_LATE = 1.5
"""Share of the time limit at which a cost is given up although it was predicted to fit."""


@dataclass(kw_only=True, eq=False)
class Enumeration:
    """Score all members.

    Attributes:
        most: members of one cost up to which it is begun; None for as many as fit into the time.
        rate: members a second, as last measured on a cost with enough of them; None before that.
    """

    name: str = "enumeration"
    most: int | None = None
    rate: float | None = field(default=None)

    def prove(self, case: Case, seconds: float) -> Proof:
        """See :class:`~seqrobust.certification.case.Method`; a cost that is predicted not to fit is not begun."""
        started = time.monotonic()
        counts = count_members(case.threat, case.upper)
        scored = 0
        for units in range(case.certified + 1, case.upper + 1):
            left = seconds - (time.monotonic() - started)
            if (reason := self._too_many(counts[units], units, left)) is not None:
                return Proof(certified=units - 1, scored=scored, reason=reason)
            found = self._level(case, units, counts[units], _LATE * left)
            scored += found.scored
            if found.certified < units:
                return Proof(certified=units - 1, member=found.member, scored=scored, reason=found.reason)
        return Proof(certified=case.upper, scored=scored)

    def _too_many(self, count: int, units: int, left: float) -> str | None:
        """Why a cost is not begun; None where it is."""
        if self.most is not None and count > self.most:
            return f"{count:,} sequences at cost {units}"
        needed = 0.0 if self.rate is None else count / self.rate
        if needed <= left:
            return None
        return f"{count:,} sequences at cost {units} would take about {needed:.2g} s, and {left:.2g} s were left"

    def _level(self, case: Case, units: int, count: int, seconds: float) -> Proof:
        """Certified at ``units`` if no member of exactly that cost reaches the goal."""
        started, scored, unsettled = time.monotonic(), 0, False
        for edits in _pieces(case, units):
            looked = _look(case, edits)
            scored += len(edits.record)
            if looked.member is not None:
                return Proof(certified=units - 1, member=looked.member, scored=scored, reason="a member reaches it")
            unsettled |= looked.unsettled
            if time.monotonic() - started > seconds and scored < count:
                return Proof(certified=units - 1, scored=scored, reason=f"stopped at the time limit at cost {units}")
        taken = time.monotonic() - started
        if scored > 500 and taken > 0:
            self.rate = scored / taken
        if scored != count:
            reason = f"{scored:,} members at cost {units} were met, {count:,} expected; please report this"
            return Proof(certified=units - 1, scored=scored, reason=reason)
        return Proof(certified=units - 1 if unsettled else units, scored=scored, reason=ROUNDING if unsettled else "")


def _pieces(case: Case, units: int) -> Iterator[Edits]:
    for edits in members_at(case.threat, units):
        for rows in torch.split(torch.arange(len(edits.record), device=edits.record.device), _PIECE):
            yield edits.take(rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Looked:
    """A member that reaches the goal, if there is one, and whether one lies within rounding of it."""

    member: Tensor | None = None
    unsettled: bool = False


def _look(case: Case, edits: Edits) -> _Looked:
    """Score a piece; what reaches the goal, and what may, is scored again by a plain forward pass."""
    base = case.threat.tokens
    if case.threat.constraint is not None:
        tokens = apply_edits(base, edits)
        allowed = case.threat.allows(tokens, torch.zeros_like(edits.record))
        edits = edits.take(torch.nonzero(allowed).flatten())
    if not len(edits.record):
        return _Looked()
    logits = case.scores.logits(base, edits)
    again = _uncertain(case, logits)
    members = apply_edits(base, edits.take(again))
    plain = case.problem.predictor.logits(members)
    if not _agree(logits, logits[again], plain):
        # Cached layers cannot be relied on here: everything by plain passes.
        members = apply_edits(base, edits)
        plain = case.problem.predictor.logits(members)
    rows = case.rows(len(members))
    reached = torch.nonzero(case.goal.achieved(plain, rows)).flatten()
    if len(reached):
        return _Looked(member=members[reached[0]])
    return _Looked(unsettled=bool(near_threshold(case.goal, judged(case.goal, plain, rows)).any()))


def _uncertain(case: Case, logits: Tensor) -> Tensor:
    """Numbers of the (M, outputs) members whose answer rounding may decide, and of those nearest to the goal."""
    rows = case.rows(len(logits))
    largest = _largest(logits)[None]
    slack = ULPS * torch.finfo(logits.dtype).eps * case.goal.sizes(largest, rows[:1])
    ways, value = case.goal.ways(logits, rows), case.goal.objective(logits, rows)
    doubtful = (case.goal.reached(ways + slack) != case.goal.reached(ways - slack)).any(1)
    doubtful |= case.goal.reached(value)
    doubtful[value.topk(min(_NEAREST, len(value))).indices] = True
    return torch.nonzero(doubtful).flatten()


def _largest(logits: Tensor) -> Tensor:
    """(outputs,) largest finite size of each output."""
    return logits.abs().masked_fill(logits.isinf(), 0).amax(0)


def _agree(logits: Tensor, ours: Tensor, plain: Tensor) -> bool:
    """Whether scores of some members equal plain ones, up to the rounding that :func:`_uncertain` allows for."""
    allowed = ULPS * torch.finfo(logits.dtype).eps * _largest(logits)
    error = torch.where(ours == plain, 0.0, (ours - plain).abs())
    return bool((error <= allowed).all())
