"""The method of clusters: exact for networks of local layers and a read-out, up to three edits.

What edits add to the sums behind the local layers is known exactly for every edit, every pair and every triple that
has a column in common; all other triples are sums of those. So every member of the threat is looked at, in double
precision, by its sums alone; whatever comes as near to the goal as the model's own rounding may carry it is asked of
the model itself, and so are members all over the threat, to see that the two agree.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

import torch
from torch import Tensor

from seqrobust.certification.case import Case, Proof
from seqrobust.certification.clusters.columns import Columns, singles_of
from seqrobust.certification.clusters.far import three_far
from seqrobust.certification.clusters.gathered import Gathered
from seqrobust.certification.clusters.split import Split, split_of
from seqrobust.certification.clusters.sums import Batch, OutOfTimeError, PairSums
from seqrobust.certification.network import network_of
from seqrobust.certification.operators import UNREADABLE, UnknownNetworkError
from seqrobust.certification.ways import LinearWays, linear_ways

_MOST_EDITS = 3
_MOST_CELLS = 1 << 27
"""Numbers kept of pairs: a gigabyte."""
_LATE = 1.5
"""Share of the time that was left at which it is given up."""
_SHARE = 0.1
"""Share of the work from which on it is known how long all of it takes."""


@dataclass(kw_only=True, eq=False)
class Clusters:
    """Exact values of edits that share a column, sums of them everywhere else."""

    name: str = "clusters"
    _known: dict[int, Split | str] = field(default_factory=dict)

    def prove(self, case: Case, seconds: float) -> Proof:
        """See :class:`~seqrobust.certification.case.Method`."""
        ways = linear_ways(case)
        if case.problem.source is not None or ways is None:
            return Proof(certified=case.certified, reason="clusters are of letters alone")
        tokens = case.threat.tokens[0, : int(case.problem.predictor.lengths(case.threat.tokens))].cpu()
        started = time.monotonic()
        split = self._read(case, tokens)
        shared = time.monotonic() - started
        if isinstance(split, str):
            return Proof(certified=case.certified, reason=split, shared=shared)
        try:
            proof = _proved(case, ways, split, tokens, time.monotonic() + seconds)
        except UNREADABLE as error:
            proof = Proof(certified=case.certified, reason=f"clusters cannot read the model: {str(error)[:200]}")
        return replace(proof, shared=shared)

    def _read(self, case: Case, tokens: Tensor) -> Split | str:
        length = len(tokens)
        if length not in self._known:
            try:
                self._known[length] = split_of(network_of(case.problem.predictor, tokens[None]))
            except UNREADABLE as error:
                self._known[length] = f"clusters cannot read the model: {str(error)[:200]}"
        return self._known[length]


def _proved(case: Case, ways: LinearWays, split: Split, tokens: Tensor, deadline: float) -> Proof:
    pairs = _pair_sums(case, split, tokens, deadline)
    if pairs is None:
        return Proof(certified=case.upper)
    cheapest = int(pairs.singles.price.min())
    scored = 0
    for units in range(case.certified + 1, case.upper + 1):
        edits = units // cheapest
        if edits > _MOST_EDITS:
            reason = f"more than {_MOST_EDITS} edits at once are not looked at"
            return Proof(certified=units - 1, scored=scored, reason=reason)
        gathered = Gathered(case=case, ways=ways, split=split, singles=pairs.singles, units=units)
        left = deadline - time.monotonic()
        try:
            reason = _gather(gathered, _sets(pairs, gathered, units, edits), left)
        except OutOfTimeError:
            reason = f"stopped at the time limit at cost {units}"
        except UNREADABLE as error:
            reason = f"clusters cannot read the model: {str(error)[:200]}"
        scored += gathered.scored
        proof = Proof(certified=units - 1, reason=reason) if reason else gathered.settled()
        if proof.certified < units:
            return replace(proof, scored=scored)
    return Proof(certified=case.upper, scored=scored)


def _pair_sums(case: Case, split: Split, tokens: Tensor, deadline: float) -> PairSums | None:
    """Of a record; None where it has no edit that costs so little."""
    predictor, length = case.problem.predictor, len(tokens)
    singles = singles_of(case.threat.prices[0, :, :length].cpu(), case.upper)
    if not len(singles):
        return None
    alphabet = torch.arange(predictor.alphabet.size, dtype=torch.uint8)
    encode = split.head.encode
    reach = split.trunk.reach
    letters = len(singles) / length
    pairs = len(singles) * letters * reach * split.sums
    columns = len(singles) * sum(stage.length * 64 for stage in split.trunk.stages)
    if pairs + columns > _MOST_CELLS:
        raise UnknownNetworkError(f"{len(singles):,} edits with a reach of {reach} positions are too many")
    columns_of = Columns(split, encode(tokens[None])[0], singles, encode(alphabet[None])[0])
    return PairSums(columns_of, deadline)


def _sets(pairs: PairSums, gathered: Gathered, units: int, edits: int) -> Iterator[Batch]:
    """All sets of edits that cost so much, and may reach the goal."""
    columns = pairs.columns
    gathered.measure(columns.base + columns.alone)
    parts = [pairs.one(units)]
    if edits > 1:
        parts.append(pairs.two(units))
    if edits == _MOST_EDITS:
        # Those apart come first: they take the least time, and what breaks a record is often among them.
        parts += [three_far(pairs, gathered.ways, lambda: gathered.margin, units), pairs.three_near(units)]
    return chain.from_iterable(parts)


def _gather(gathered: Gathered, batches: Iterator[Batch], seconds: float) -> str:
    """Look at sets of edits; why it was given up, empty where all were looked at or one reaches the goal."""
    started = began = time.monotonic()
    kind = ""
    for batch in batches:
        if batch.kind != kind:
            kind, began = batch.kind, time.monotonic()
        gathered.look(batch)
        if gathered.found is not None:
            return ""
        now = time.monotonic()
        taken, here = now - started, now - began
        left = _LATE * seconds - (began - started)
        foreseen = batch.done > _SHARE and here > _SHARE * left and here / batch.done > left
        if taken > _LATE * seconds or foreseen:
            return f"stopped at the time limit at cost {gathered.units}"
    return ""
