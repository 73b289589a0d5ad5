"""DeepLIFT through whatever computes the outputs, by the graph of what it does.

The function is written down on the baseline and on the record, operation by operation, inside composite functions,
modules and custom autograd functions alike; multipliers then go back through the graph by the rule of each operation's
kind. So functional pooling and activations, attention, a module that is called twice and the conversion of
probabilities to logits are met like any layer. Hooks on modules, captum's way, pass functions by their plain gradient,
without a word; and where one hooked module follows another at once, as pooling follows an activation, captum 0.9 hands
on the gradient that the second one's rule has yet to change. How far the sum is missed at each operation is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from seqrobust.analysis.attribution.calls import Call
from seqrobust.analysis.attribution.found import Found, contributions, summed
from seqrobust.analysis.attribution.question import Question, finite
from seqrobust.analysis.attribution.rules import multipliers_of
from seqrobust.errors import ModelError
from seqrobust.graph import CannotTraceError, Kind, Recording, functional, operation, operator_of, record
from seqrobust.graph.nodes import leaves, mapped

_OTHER_WAY = "the model does not compute its baseline the way it computes the record"
WIDE = 0.01
"""Share of the difference by which an operation may miss its sum before it is named."""
_ROUNDING = 1e-5
"""Share of all contributions together by which their sum may be off for no other reason."""


class Propagated(NamedTuple):
    """What goes back through a graph.

    Attributes:
        multipliers: (m, K, L).
        difference: (m,) f(points) - f(baseline).
        delta: (m,) sum of the contributions less that difference; 0 where it is rounding.
        missed: where any delta is not 0, by operation, how far its inputs' sums are from its output's, absolute and
            added up over rows.
    """

    multipliers: Tensor
    difference: Tensor
    delta: Tensor
    missed: dict[str, float]


def deeplift(question: Question) -> Found:
    """Contributions by DeepLIFT's rescale rule; see :mod:`~.rules` for what it means for each kind of operation.

    Records of one length go together, so that no padding enters. With several baselines it is the mean over them, which
    is DeepSHAP (Lundberg & Lee 2017). Operations that miss part of the sum are told to the predictor.
    """
    predictor, settled = question.predictor, question.baselines
    values = torch.zeros_like(question.encoded)
    differences = values.new_zeros(len(values))
    for length in sorted(set(question.lengths.tolist())):
        rows = torch.nonzero(question.lengths == length).flatten()
        lengths, weights = question.lengths[rows], question.weights[rows]
        points = question.encoded[rows, :, :length]

        def scored(at: Tensor, lengths: Tensor = lengths, weights: Tensor = weights) -> Tensor:
            return (predictor.differentiable(at, lengths) * weights).sum(1)

        for baseline in settled[:, rows, :, :length]:
            found = propagated(scored, points, baseline)
            values[rows, :, :length] += contributions(found.multipliers, baseline) / len(settled)
            differences[rows] += found.difference / len(settled)
            # Of the two runs one goes back.
            predictor.forwards, predictor.gradients = predictor.forwards - len(rows), predictor.gradients + len(rows)
            for name in misses(found):
                predictor.tell(f"DeepLIFT: part of the sum is missed by the operation {name}, which has no exact rule")
    return summed(question, values, differences)


def misses(found: Propagated) -> list[str]:
    """Where more of the sum is missed than is to be expected, the operations that miss it, the worst first."""
    missed, size = float(found.delta.abs().sum()), float(found.difference.abs().sum())
    if missed <= WIDE * size:
        return []
    named = sorted(found.missed.items(), key=lambda item: -item[1])
    return [name for name, share in named if share > missed / 4]


def multipliers(function: Callable[[Tensor], Tensor], points: Tensor, baseline: Tensor) -> tuple[Tensor, Tensor]:
    """The first two of what :func:`propagated` finds."""
    found = propagated(function, points, baseline)
    return found.multipliers, found.difference


def propagated(function: Callable[[Tensor], Tensor], points: Tensor, baseline: Tensor) -> Propagated:
    """DeepLIFT's multipliers of a function, and the differences they share out.

    Args:
        function: from (m, K, L) to (m,), each row's number from that row alone.
        points, baseline: (m, K, L).

    Raises ModelError for a recurrent layer, for a function that runs another way for the baseline, and for one whose
    values leave torch.
    """
    here, there = _recorded(function, points), _recorded(function, baseline)
    with torch.no_grad():
        run = _Run(here, there, points, baseline)
        found = run.back()
        shares = (finite(found) * (points - baseline)).flatten(1)
        delta = shares.sum(1) - run.difference
        delta = torch.where(delta.abs() <= _ROUNDING * shares.abs().sum(1) + _ROUNDING, 0, delta)
        if bool(delta.any()):
            run.back(note=True)
    return Propagated(found, run.difference, delta, run.missed)


def _recorded(function: Callable[[Tensor], Tensor], batch: Tensor) -> Recording:
    try:
        return record(function, batch, leaving="anything")
    except CannotTraceError as error:
        if isinstance(error.__cause__, ModelError):
            raise error.__cause__ from error
        raise ModelError(
            "DeepLIFT cannot follow the model", found=str(error), fix="leave deeplift out, or use ism"
        ) from error


class _Run:
    """A graph with its values for record and baseline."""

    def __init__(self, here: Recording, there: Recording, points: Tensor, baseline: Tensor) -> None:
        self.nodes = list(here.graph.nodes)
        others = list(there.graph.nodes)
        if len(self.nodes) != len(others):
            raise ModelError(_OTHER_WAY, found="another number of operations", fix="leave deeplift out")
        self.constants: dict[fx.Node, Any] = {}
        self.values: dict[fx.Node, Any] = {}
        self.before: dict[fx.Node, Any] = {}
        self.missed: dict[str, float] = {}
        twin: dict[fx.Node, fx.Node] = {}
        for node, other in zip(self.nodes, others, strict=True):
            twin[other] = node
            _check_same_way(node, other, twin)
            if node.op == "placeholder":
                self.values[node], self.before[node] = points, baseline
            elif node.op == "get_attr":
                self.constants[node] = _same_constant(here.constants[node], there.constants[other])
            elif node.op == "output":
                self.output = node.all_input_nodes[0]
            else:
                self._compute(node)
        if self.output in self.constants:
            raise ModelError(
                "the model passes nothing of its input to its output in a way that can be followed",
                found="the output is the same whatever the input",
            )
        self.difference = self.values[self.output] - self.before[self.output]

    def _compute(self, node: fx.Node) -> None:
        if all(i in self.constants for i in node.all_input_nodes) or operator_of(node).kind is Kind.CONSTANT:
            known = self.constants | self.values
            self.constants[node] = _called(node, known)
            return
        self.values[node] = _called(node, self.values, self.constants)
        self.before[node] = _called(node, self.before, self.constants)

    def back(self, *, note: bool = False) -> Tensor:
        """(m, K, L) multipliers of the input; by wish what each operation misses of the sum is noted."""
        given: dict[fx.Node, dict[int, Tensor]] = {self.output: {0: torch.ones_like(self.difference)}}
        for node in reversed(self.nodes):
            if node not in given or node.op != "call_function":
                continue
            if operation(node) == "getitem" and not isinstance(self.values[node.all_input_nodes[0]], Tensor):
                parent, number = node.args
                _add(given.setdefault(parent, {}), number, given.pop(node)[0])
                continue
            call = self._call(node, given.pop(node))
            found = multipliers_of(call)
            if note:
                self._note(call, found)
            for source, part in zip(call.varying, found, strict=True):
                _add(given.setdefault(source, {}), 0, part)
        source = next(node for node in self.nodes if node.op == "placeholder")
        if source not in given:
            raise ModelError(
                "the model passes nothing of its input to its output in a way that can be followed",
                found="an arg-max or a look-up inside",
            )
        return given[source][0]

    def _call(self, node: fx.Node, given: dict[int, Tensor]) -> Call:
        varying = [i for i in node.all_input_nodes if i in self.values]
        return Call(
            node=node,
            varying=varying,
            inputs=[self.values[i] for i in varying],
            before=[self.before[i] for i in varying],
            output=self.values[node],
            output_before=self.before[node],
            given=dict(sorted(given.items())),
            constants=self.constants,
        )

    def _note(self, call: Call, found: list[Tensor]) -> None:
        missed = float(call.gap(found).abs().sum())
        self.missed[call.name] = self.missed.get(call.name, 0.0) + missed


def _called(node: fx.Node, *known: Any) -> Any:
    def value(item: Any) -> Any:
        if not isinstance(item, fx.Node):
            return item
        return next(values[item] for values in known if item in values)

    args, kwargs = mapped((node.args, node.kwargs), value)
    return functional(node)(*args, **kwargs)


def _check_same_way(node: fx.Node, other: fx.Node, twin: dict[fx.Node, fx.Node]) -> None:
    def named(item: Any) -> Any:
        return twin[item] if isinstance(item, fx.Node) else item

    same = node.op == other.op and (node.op != "call_function" or node.target is other.target)
    mine, theirs = list(leaves((node.args, node.kwargs))), [named(i) for i in leaves((other.args, other.kwargs))]
    if not same or len(mine) != len(theirs) or any(a is not b and a != b for a, b in zip(mine, theirs, strict=True)):
        found = f"another {operation(node)}" if node.op == "call_function" else "another operation"
        raise ModelError(_OTHER_WAY, found=found, fix="leave deeplift out")


def _same_constant(one: Tensor, other: Tensor) -> Tensor:
    if one is not other and not (one.shape == other.shape and bool(torch.equal(one, other))):
        raise ModelError(
            "DeepLIFT cannot follow the model",
            found="values that leave torch on the way, or are drawn at random",
            fix="leave deeplift out, or use ism",
        )
    return one


def _add(given: dict[int, Tensor], number: int, part: Tensor) -> None:
    given[number] = given[number] + part if number in given else part
