"""The method of bounds: whatever a bound over the whole threat proves, at the largest budget at which it does."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx

from seqrobust.certification.bounds.backward import bounded
from seqrobust.certification.bounds.ball import Ball, ball_of
from seqrobust.certification.bounds.first_layer import FirstLayer, first_layer
from seqrobust.certification.case import Case, Proof
from seqrobust.certification.network import Network, network_of
from seqrobust.certification.operators import UNREADABLE, is_affine, variables
from seqrobust.certification.ranges import Ranges, ranges_of
from seqrobust.certification.ways import linear_ways

_REFINED = 512
"""Units of a layer up to which its ranges are bounded backwards too, each by itself."""
_OWN = 1e-9
"""Share of the largest outputs that bounds in double precision may be off by themselves."""

Read = tuple[Network, FirstLayer]


@dataclass(kw_only=True, eq=False)
class Bounds:
    """Exact first layer, intervals, and linear bounds carried backwards."""

    name: str = "bounds"
    _known: dict[int, Read | str] = field(default_factory=dict)

    def prove(self, case: Case, seconds: float) -> Proof:
        """See :class:`~seqrobust.certification.case.Method`."""
        ways = linear_ways(case)
        if case.problem.source is not None or ways is None:
            return Proof(certified=case.certified, reason="bounds are of letters alone")
        tokens = case.threat.tokens[0, : int(case.problem.predictor.lengths(case.threat.tokens))].cpu()
        started = time.monotonic()
        read = self._read(case, tokens)
        shared = time.monotonic() - started
        if isinstance(read, str):
            return Proof(certified=case.certified, reason=read, shared=shared)
        encoded = case.problem.predictor.encode(tokens[None])[0]
        certified, reason = case.certified, ""
        while certified < case.upper and not reason:
            if time.monotonic() - started - shared > seconds:
                reason = "stopped at the time limit"
                break
            try:
                most, error = upper_bounds(*read, ball_of(case.threat, encoded, certified + 1), ways.weights)
            except UNREADABLE as problem:
                reason = f"bounds cannot read the model: {str(problem)[:200]}"
                break
            if bool(ways.safe((most + ways.offset)[None], error + ways.slack)[0]):
                certified += 1
            else:
                reason = f"the bounds at cost {certified + 1} are too wide"
        return Proof(certified=certified, reason=reason, shared=shared)

    def _read(self, case: Case, tokens: Tensor) -> Read | str:
        length = len(tokens)
        if length not in self._known:
            try:
                network = network_of(case.problem.predictor, tokens[None])
                self._known[length] = network, first_layer(network)
            except UNREADABLE as error:
                self._known[length] = f"bounds cannot read the model: {error}"
        return self._known[length]


def upper_bounds(network: Network, first: FirstLayer, ball: Ball, weights: Tensor) -> tuple[Tensor, Tensor]:
    """(W,) upper bounds of (W, outputs) linear functions of the logits over a threat, and by how much the model's own
    arithmetic may exceed them.

    The better of intervals and of linear bounds, for each function by itself. Raises UnknownNetworkError for an
    operation that is not understood.
    """
    known = _ranges(network, first, ball)
    output = network.traced.output
    ends = torch.where(weights > 0, known.high[output], known.low[output])
    by_intervals = (weights * ends).sum(1)
    by_lines = bounded(network, known, ball, output, weights)
    error = known.error[output][0] + _OWN * known.size(output)[0]
    return torch.minimum(by_intervals, by_lines), weights.abs() @ error


def _ranges(network: Network, first: FirstLayer, ball: Ball) -> Ranges:
    """Ranges of all nodes: exact in the first layer, refined backwards where small layers feed an activation."""
    traced = network.traced
    bent = {
        one
        for node in network.live
        if not is_affine(node, traced)
        for one in variables(node, traced)
        if one is not traced.input and one not in first.weights
    }
    small = {one for one in bent if one in traced.shapes and math.prod(traced.shapes[one][1:]) <= _REFINED}
    found: list[Ranges] = []

    def tighter(node: fx.Node, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        low, high = first.tighter(ball, node, low, high)
        if node in small and is_affine(node, traced):
            units = math.prod(low.shape[1:])
            eye = torch.eye(units, dtype=torch.float64).reshape(units, *low.shape[1:])
            most = bounded(network, found[0], ball, node, eye).reshape(low.shape)
            least = -bounded(network, found[0], ball, node, -eye).reshape(low.shape)
            low, high = torch.maximum(low, least), torch.minimum(high, most)
        return low, high

    return ranges_of(network, ball.low, ball.high, tighter=tighter, into=found)
