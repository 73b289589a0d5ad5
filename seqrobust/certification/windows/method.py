"""The method of window sums: exact at every budget at once, for the networks that are such sums.

Where the sum is within rounding of a tie, all members that come so near are traced back and the model itself is asked
about each: so rounding leaves open only what it does not decide in the model either.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from seqrobust.attacks.rounding import judged, near_threshold
from seqrobust.certification.case import ROUNDING, Case, Proof
from seqrobust.certification.network import alike, network_of
from seqrobust.certification.operators import UNREADABLE
from seqrobust.certification.ways import LinearWays, linear_ways
from seqrobust.certification.windows.back import members_above
from seqrobust.certification.windows.path import Choices, LongestPath, TooManyStatesError
from seqrobust.certification.windows.recognise import window_sum
from seqrobust.certification.windows.tables import WindowTables
from seqrobust.errors import InternalError

_FIRST, _MEMBERS = 16, 1 << 13
"""Members near the goal that the model itself is asked about: first a few, where the best of them mostly reaches it."""
_OWN = 1e-9
"""Share by which sums in double precision may differ with the order they are taken in."""


@dataclass(kw_only=True, eq=False)
class WindowSums:
    """Longest paths through windows."""

    name: str = "window_sums"
    _known: dict[int, WindowTables | str] = field(default_factory=dict)
    _path: LongestPath = field(default_factory=LongestPath)

    def prove(self, case: Case, seconds: float) -> Proof:
        """See :class:`~seqrobust.certification.case.Method`; tables that all records share are no record's time."""
        ways = linear_ways(case)
        if case.problem.source is not None or ways is None:
            return Proof(certified=case.certified, reason="window sums are of letters alone")
        predictor = case.problem.predictor
        tokens = case.threat.tokens[0, : int(predictor.lengths(case.threat.tokens))].cpu()
        if predictor.unknown != "zeros" and bool((tokens >= predictor.alphabet.size).any()):
            return Proof(certified=case.certified, reason="window sums need unknown letters to be zeros")
        started = time.monotonic()
        tables = self._tables(case, tokens)
        shared = time.monotonic() - started
        if isinstance(tables, str):
            return Proof(certified=case.certified, reason=tables, shared=shared)
        try:
            proof = self._proved(case, ways, tables, _choices(case, tokens), time.monotonic() + seconds)
        except TooManyStatesError as error:
            proof = Proof(certified=case.certified, reason=f"windows are too wide: {error}")
        return replace(proof, shared=shared)

    def _tables(self, case: Case, tokens: Tensor) -> WindowTables | str:
        """Of the model at the record's length; a text where it is no sum of windows."""
        length, letters = len(tokens), case.problem.predictor.alphabet.size
        if length not in self._known:
            try:
                tables = WindowTables(window_sum(network_of(case.problem.predictor, tokens[None])), letters)
                tables.verify(alike(tokens, letters))
                self._known[length] = tables
            except UNREADABLE as error:
                # Whatever cannot be read is left to other methods, which only costs a certificate.
                self._known[length] = f"the model is no sum of windows: {str(error)[:200]}"
        return self._known[length]

    def _proved(self, case: Case, ways: LinearWays, tables: WindowTables, choices: Choices, deadline: float) -> Proof:
        units = min(case.upper + 1, int(case.threat.budget))
        exact = self._path.most(tables, choices, ways.weights, units, deadline=deadline).exact + ways.offset
        margin = ways.weights.abs() @ tables.tolerance + ways.slack
        if bool(exact.isnan().any()) or not bool(margin.isfinite().all()):
            return Proof(certified=case.certified, reason="sums of windows are not finite")
        safe = ways.safe(exact, margin)
        if units > case.upper and case.threat.constraint is None and bool(safe[units]):
            # A sequence that reaches the goal at this cost is known: a proof that there is none is no proof.
            raise InternalError(f"window sums certify cost {units}, at which a sequence reaches the goal")
        certified = case.certified
        while certified < case.upper:
            if not bool(safe[certified + 1]):
                if not ways.any and len(ways.weights) > 1:
                    return Proof(certified=certified, reason="each rival class was bounded by itself")
                settled = self._settled(case, ways, tables, choices, certified + 1, exact[certified + 1], margin)
                if settled is not None:
                    return replace(settled, certified=certified)
            certified += 1
        return Proof(certified=certified)

    def _settled(
        self,
        case: Case,
        ways: LinearWays,
        tables: WindowTables,
        choices: Choices,
        units: int,
        most: Tensor,
        margin: Tensor,
    ) -> Proof | None:
        """What the model itself says of all members at a cost that come near the goal; None where none reaches it.

        Args:
            case, ways, tables, choices: the question.
            units: the cost.
            most: (W,) the most that every way can be there.
            margin: (W,) by how much the model's own arithmetic may exceed that.
        """
        for way in torch.nonzero(most >= -margin).flatten().tolist():
            weights = ways.weights[way : way + 1]
            found = self._path.most(tables, choices, weights, units, deadline=float("inf"), keep=True)
            least = float(-margin[way] - ways.offset[way])
            least -= _OWN * (abs(least) + abs(float(ways.offset[way])))
            for limit in (_FIRST, _MEMBERS):
                letters, whole = members_above(tables, choices, weights, found, units, least, limit=limit)
                if not len(letters):
                    return Proof(certified=0, reason="a member was lost on its way back; please report this")
                said = self._asked(case, letters)
                if said is not None:
                    return said
                if whole:
                    break
            if not whole:
                reason = f"more than {_MEMBERS:,} members at cost {units} come near the goal"
                return Proof(certified=0, scored=len(letters), reason=reason)
        return None

    def _asked(self, case: Case, letters: Tensor) -> Proof | None:
        """What plain forward passes say of (n, l) edited records; None where none of them reaches the goal."""
        members = case.threat.tokens.repeat(len(letters), 1)
        members[:, : letters.shape[1]] = letters.to(members.device)
        if case.threat.constraint is not None:
            members = members[case.threat.allows(members, torch.zeros(len(members), dtype=torch.int64))]
        logits, rows = case.problem.predictor.logits(members), case.rows(len(members))
        reached = torch.nonzero(case.goal.achieved(logits, rows)).flatten()
        if len(reached):
            return Proof(certified=0, member=members[reached[0]], scored=len(members), reason=ROUNDING)
        if len(members) and bool(near_threshold(case.goal, judged(case.goal, logits, rows)).any()):
            return Proof(certified=0, scored=len(members), reason=ROUNDING)
        return None


def _choices(case: Case, tokens: Tensor) -> Choices:
    """What may stand at each position of a record, and what it costs."""
    prices, budget = case.threat.prices[0].cpu(), int(case.threat.budget)
    letters, costs = [], []
    for position, token in enumerate(tokens.tolist()):
        column = prices[:, position]
        others = torch.nonzero((column > 0) & (column <= budget)).flatten()
        # Equal costs in one order, so that steps between states are the same at other positions.
        others = others[column[others].argsort(stable=True)]
        letters.append(torch.cat([torch.tensor([token]), others]).to(torch.uint8))
        costs.append((0, *column[others].tolist()))
    return Choices(tokens=tuple(letters), costs=tuple(costs))
