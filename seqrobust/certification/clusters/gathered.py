"""What was looked at of one cost: members near the goal and some from everywhere, of which the model is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqrobust.attacks.rounding import judged, near_threshold
from seqrobust.certification.case import ROUNDING, Case, Proof
from seqrobust.certification.clusters.columns import Singles
from seqrobust.certification.clusters.split import Split
from seqrobust.certification.clusters.sums import Batch
from seqrobust.certification.ways import LinearWays
from seqrobust.neighbours.service import ULPS

_MEMBERS = 1 << 13
"""Members near the goal that the model itself is asked about."""
_NEAREST, _SPREAD = 32, 96
"""Members nearest to the goal, and members from everywhere, on which the two are compared."""
_SAFETY = 8.0
"""How many times as far as they were seen to differ the two may differ anywhere."""


@dataclass(kw_only=True, eq=False)
class Gathered:
    """Members of one cost, looked at batch by batch.

    Attributes:
        case, ways, split, singles: the question.
        units: the cost.
        scored: members looked at.
        found: (L,) tokens of a member that reaches the goal by a plain forward pass.
    """

    case: Case
    ways: LinearWays
    split: Split
    singles: Singles
    units: int
    scored: int = 0
    found: Tensor | None = None
    _near: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)
    _best: tuple[Tensor, Tensor, Tensor] | None = None
    _some: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    _largest: Tensor | None = None
    _seen: int = 0

    @property
    def largest(self) -> Tensor:
        """(outputs,) largest sizes of outputs met so far."""
        if self._largest is None:
            self._largest = self.case.clean[0].double().cpu().abs()
        return self._largest

    def measure(self, sums: Tensor) -> None:
        """Take the sizes of the outputs of (rows, sums) into account before anything is judged by them."""
        sizes = self.split.logits(sums).abs().nan_to_num(0, 0, 0)
        self._largest = torch.maximum(self.largest, sizes.amax(0))

    @property
    def margin(self) -> Tensor:
        """(W,) by how much a way may fall short in double precision and still reach the goal in the model's own."""
        allowed = ULPS * torch.finfo(torch.float32).eps * self.largest
        return self.ways.weights.abs() @ allowed + self.ways.slack

    def look(self, batch: Batch) -> None:
        """Keep of a batch what comes near the goal, and a few others."""
        self._seen += 1
        if not len(batch.edits):
            return
        logits = self.split.logits(batch.sums)
        self.scored += len(batch.edits)
        self._largest = torch.maximum(self.largest, logits.abs().nan_to_num(0, 0, 0).amax(0))
        values = logits @ self.ways.weights.T + self.ways.offset
        value = values.amax(1) if self.ways.any else values.amin(1)
        short = values + self.margin
        near = (short >= 0).any(1) if self.ways.any else (short >= 0).all(1)
        near |= ~values.isfinite().all(1)
        rows = torch.nonzero(near).flatten()
        if len(rows):
            rows = rows[value[rows].argsort(descending=True)]
            self._near.append((batch.edits[rows], value[rows], logits[rows]))
            self._try(batch.edits[rows[0]], value[rows[0]])
        self._keep_nearest(batch.edits, value, logits)
        # A row of batches further and further apart, so that all of the threat is met.
        if self._seen & (self._seen - 1) == 0 or self._seen % 64 == 0:
            row = torch.tensor([self._seen % len(batch.edits)])
            self._some.append((batch.edits[row], logits[row]))

    def _keep_nearest(self, edits: Tensor, value: Tensor, logits: Tensor) -> None:
        edits = torch.cat([edits, torch.full((len(edits), 3 - edits.shape[1]), -1)], 1)
        if self._best is not None:
            known, worth, said = self._best
            edits, value, logits = torch.cat([known, edits]), torch.cat([worth, value]), torch.cat([said, logits])
        rows = value.topk(min(_NEAREST, len(value))).indices
        self._best = edits[rows], value[rows], logits[rows]

    def _try(self, edits: Tensor, value: Tensor) -> None:
        """Ask the model at once about a member that reaches the goal in double precision."""
        if float(value) >= 0 and self.found is None:
            members = self._members(edits[None])
            if self._allowed(members) and self._achieved(self.case.problem.predictor.logits(members)).any():
                self.found = members[0]

    def settled(self) -> Proof:
        """What follows for the cost, once everything was looked at."""
        if self.found is not None:
            return Proof(certified=self.units - 1, member=self.found, reason="a member reaches it")
        if (reason := self._disagreement()) is not None:
            return Proof(certified=self.units - 1, reason=reason)
        count = sum(len(edits) for edits, _, _ in self._near)
        if count > _MEMBERS:
            reason = f"{count:,} members at cost {self.units} come near the goal"
            return Proof(certified=self.units - 1, reason=reason)
        unsettled = False
        for edits, _, said in self._near:
            members = self._members(edits)
            if self.case.threat.constraint is not None:
                allowed = self.case.threat.allows(members, torch.zeros(len(members), dtype=torch.int64))
                members, said = members[allowed], said[allowed.cpu()]
            if not len(members):
                continue
            logits = self.case.problem.predictor.logits(members)
            rows = self.case.rows(len(members))
            reached = torch.nonzero(self._achieved(logits)).flatten()
            if len(reached):
                return Proof(certified=self.units - 1, member=members[reached[0]], reason="a member reaches it")
            if not self._agree(logits, said):
                return Proof(certified=self.units - 1, reason=_COARSE)
            unsettled |= bool(near_threshold(self.case.goal, judged(self.case.goal, logits, rows)).any())
        return Proof(certified=self.units - 1 if unsettled else self.units, reason=ROUNDING if unsettled else "")

    def _disagreement(self) -> str | None:
        """Why what is said in double precision is no guide to the model; None where it is."""
        some = [part for part in self._some if len(part[0])]
        step = max(len(some) // _SPREAD, 1)
        if self._best is not None:
            some = [*some[::step], (self._best[0], self._best[2])]
        for edits, said in some:
            if not self._agree(self.case.problem.predictor.logits(self._members(edits)), said):
                return _COARSE
        return None

    def _agree(self, logits: Tensor, said: Tensor) -> bool:
        allowed = ULPS / _SAFETY * torch.finfo(torch.float32).eps * self.largest
        return bool(((logits.double().cpu() - said).abs() <= allowed).all())

    def _achieved(self, logits: Tensor) -> Tensor:
        return self.case.goal.achieved(logits, self.case.rows(len(logits)))

    def _allowed(self, members: Tensor) -> bool:
        if self.case.threat.constraint is None:
            return True
        return bool(self.case.threat.allows(members, torch.zeros(len(members), dtype=torch.int64)).all())

    def _members(self, edits: Tensor) -> Tensor:
        """(rows, L) tokens of sets of edits; -1 stands for none."""
        device = self.case.threat.tokens.device
        members = self.case.threat.tokens.repeat(len(edits), 1)
        row, column = torch.nonzero(edits >= 0, as_tuple=True)
        chosen = edits[row, column]
        letters = self.singles.letter[chosen].to(members.dtype)
        members[row.to(device), self.singles.position[chosen].to(device)] = letters.to(device)
        return members


_COARSE = "the model's own arithmetic differs from exact arithmetic by more than it should"
