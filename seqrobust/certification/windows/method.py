"""The method of window sums: exact at every budget at once, for the networks that are such sums."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from seqrobust.certification.case import ROUNDING, Case, Proof
from seqrobust.certification.network import network_of
from seqrobust.certification.operators import UnknownNetworkError
from seqrobust.certification.ways import LinearWays, linear_ways
from seqrobust.certification.windows.path import Choices, LongestPath, TooManyStatesError, traced_back
from seqrobust.certification.windows.recognise import window_sum
from seqrobust.certification.windows.tables import WindowTables

_COMPARED = 8
"""Random sequences on which sums of windows and the network are compared."""


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
                tables.verify(_some(tokens, letters))
                self._known[length] = tables
            except UnknownNetworkError as error:
                self._known[length] = f"the model is no sum of windows: {error}"
        return self._known[length]

    def _proved(self, case: Case, ways: LinearWays, tables: WindowTables, choices: Choices, deadline: float) -> Proof:
        exact = self._path.most(tables, choices, ways.weights, case.upper, deadline=deadline).exact
        most = exact.cummax(0).values + ways.offset
        safe = ways.safe(most, ways.weights.abs() @ tables.tolerance)
        certified = max(int(safe.long().cumprod(0).sum()) - 1, case.certified)
        if certified >= case.upper:
            return Proof(certified=case.upper)
        if case.threat.constraint is not None:
            return Proof(certified=certified, reason="a sequence that the constraint may forbid reaches the goal")
        if not ways.any and len(ways.weights) > 1:
            return Proof(certified=certified, reason="each rival class was bounded by itself")
        reached = (most[certified + 1 :] >= 0).any(1)
        if not bool(reached.any()):
            return Proof(certified=certified, reason=ROUNDING)
        units = certified + 1 + int(reached.long().argmax())
        way = int(most[units].argmax())
        return self._broken(case, ways.weights[way : way + 1], tables, choices, units, Proof(certified=certified))

    def _broken(
        self, case: Case, weights: Tensor, tables: WindowTables, choices: Choices, units: int, proof: Proof
    ) -> Proof:
        """The proof with the record edited so that a way to the goal is largest within so many units."""
        found = self._path.most(tables, choices, weights, units, deadline=float("inf"), keep=True)
        edited = traced_back(tables, choices, weights, found, int(found.exact[:, 0].argmax()))
        member = case.threat.tokens[0].clone()
        member[: len(edited)] = edited.to(member.device)
        return replace(proof, member=member, reason=ROUNDING)


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


def _some(tokens: Tensor, letters: int) -> Tensor:
    """(rows, L) a record, and random letters in its place where it has letters."""
    generator = torch.Generator().manual_seed(0)
    random = torch.randint(letters, (_COMPARED, len(tokens)), generator=generator).to(torch.uint8)
    return torch.cat([tokens[None], torch.where(tokens < letters, random, tokens)])
