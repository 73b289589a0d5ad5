"""Whether units of a part of a record are those of the whole record, as tables of windows take for granted.

Pools that divide whatever they are given, or that begin a window of their own at its end, and paddings that a part
meets where the record has letters, make other units of a part. Weights can hide that: a motif that random letters never
hold gives zero either way. So it is asked of the structure: with inputs that are no letters, of many sizes, and with
weights drawn anew, so that every unit that differs anywhere differs visibly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqrobust.certification.operators import UnknownNetworkError
from seqrobust.graph.table import Kind, operator_of
from seqrobust.graph.tracing import Traced

if TYPE_CHECKING:
    from seqrobust.certification.windows.recognise import Source, WindowSum

_ROWS = 16
_SIZES = (0.1, 1.0, 10.0, 1000.0)
_SAME = 1e-9


def require_same_units(sums: WindowSum) -> None:
    """Raise UnknownNetworkError where a window has other units in its crop than in the record, or where that cannot be
    asked.
    """
    asked = 0
    for traced, encoded, tells in _trials(sums):
        for number, source in enumerate(sums.sources):
            try:
                whole = _units(traced, source, encoded)
            except (RuntimeError, IndexError):  # numbers that were letters' places, or look-ups of such numbers
                continue
            asked += tells
            for window in sums.windows:
                if window.source == number:
                    part = _units(traced, source, encoded[:, :, window.start : window.end + 1])
                    _compare(part[:, window.within : window.within + 1], whole[:, window.place : window.place + 1])
    if not asked and sums.windows:
        raise UnknownNetworkError("it cannot be asked whether parts of a record have the units of the whole")


def _trials(sums: WindowSum) -> Iterator[tuple[Traced, Tensor, bool]]:
    """Graphs with inputs (rows, K, L), and whether equal units there tell something of the structure."""
    network = sums.network
    traced = network.traced
    draw = torch.Generator().manual_seed(0)
    letters, length = traced.shapes[traced.input][1], network.length
    for size in _SIZES:
        inputs = size * torch.randn(_ROWS, letters, length, generator=draw, dtype=torch.float64)
        yield traced, inputs, False
        yield _redrawn(traced, draw), inputs, size == 1.0
    tokens = torch.randint(letters, (4 * _ROWS, length), generator=draw).to(torch.uint8)
    yield _redrawn(traced, draw, looked_up=True), network.encode(tokens).double(), _looks_up(traced)


def _redrawn(traced: Traced, draw: torch.Generator, *, looked_up: bool = False) -> Traced:
    """The graph with other weights: matrices of either sign, and positive vectors, such as biases and variances.

    Args:
        traced: the graph.
        draw: of random numbers.
        looked_up: only what is looked up by number is drawn anew, so that numbers stay those of letters.
    """
    tables = {node.args[0] for node in traced.nodes if operator_of(node).kind is Kind.LOOKUP}
    constants = dict(traced.constants)
    for node, value in constants.items():
        if not isinstance(value, Tensor) or not value.is_floating_point() or (looked_up and node not in tables):
            continue
        made = torch.randn(value.shape, generator=draw, dtype=value.dtype)
        constants[node] = made if value.ndim > 1 else made.abs() + 0.5
    return replace(traced, constants=constants)


def _looks_up(traced: Traced) -> bool:
    return any(operator_of(node).kind is Kind.LOOKUP for node in traced.nodes)


def _units(traced: Traced, source: Source, encoded: Tensor) -> Tensor:
    """(rows, places, units) of a source."""
    values = {traced.input: encoded}
    traced.replay(source.trunk, values, len(encoded))
    made = values[source.node].double().movedim(source.axis + 1, 1)
    return made.reshape(*made.shape[:2], -1)


def _compare(part: Tensor, whole: Tensor) -> None:
    if part.shape != whole.shape:
        raise UnknownNetworkError("its units stand otherwise in a part of the record")
    size = whole.abs().nan_to_num(0, 0, 0).amax().clamp(min=1e-300)
    same = ((part - whole).abs() <= _SAME * size) | (part == whole) | (part.isnan() & whole.isnan())
    if not bool(same.all()):
        raise UnknownNetworkError("its units are others in a part of the record than in the whole")
