"""A model at one length as a traced network in double precision, which proofs evaluate, differentiate and bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, fx

from seqrobust.certification.operators import UnknownNetworkError, is_affine, is_maximum, variables
from seqrobust.graph.early import CannotTraceError
from seqrobust.graph.nodes import mapped, operation
from seqrobust.graph.tracing import Traced, trace
from seqrobust.models.predictor import Predictor

UNIT = 2.0**-24
"""Of rounding in single precision."""
TF32 = 2.0**-11
"""Of matrix products on a GPU, which may drop the last bits of their factors."""
_COMPARED = 15
"""Random sequences on which the traced network is compared with the model, beside a record."""
_ALLOWED = 1e-4
"""Share of each output's largest size by which the two may differ: beyond it they are not the same function."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A network from one-hot (rows, K, L) to logits (rows, outputs).

    Attributes:
        traced: its graph, with constants in double precision.
        length: L.
        unit: of rounding in the model's own arithmetic.
        encode: from tokens to the one-hot input, unknown letters as the model is shown them.
    """

    traced: Traced
    length: int
    unit: float
    encode: Callable[[Tensor], Tensor]

    @cached_property
    def outputs(self) -> int:
        """Of the network."""
        return self.traced.shapes[self.traced.output][1]

    @cached_property
    def live(self) -> tuple[fx.Node, ...]:
        """Nodes that the output depends on, and that depend on the input, in order."""
        wanted = {self.traced.output}
        for node in reversed(self.traced.nodes):
            if node in wanted:
                wanted.update(variables(node, self.traced))
        return tuple(node for node in self.traced.nodes if node in wanted)

    def run(self, encoded: Tensor) -> Tensor:
        """(rows, outputs) in double precision."""
        values = {self.traced.input: encoded.double()}
        self.traced.replay(self.live, values, len(encoded))
        return values[self.traced.output]

    def read_out(self, sources: Sequence[fx.Node], tail: Sequence[fx.Node]) -> tuple[dict[fx.Node, Tensor], Tensor]:
        """An affine tail: (outputs, *shape) weights of every source, and the (outputs,) constant."""
        weights = torch.eye(self.outputs, dtype=torch.float64, device=self.traced.device)
        found, constant = self.pulled(tail, {self.traced.output: weights})
        missing = [source for source in sources if source not in found]
        found |= {s: torch.zeros(self.outputs, *self.traced.shapes[s][1:], dtype=torch.float64) for s in missing}
        return {source: found[source] for source in sources}, constant

    def pulled(
        self, nodes: Sequence[fx.Node], weights: Mapping[fx.Node, Tensor]
    ) -> tuple[dict[fx.Node, Tensor], Tensor]:
        """Linear functions of affine nodes as linear functions of what these stand on.

        Args:
            nodes: affine, in order; all that stands between the weighted nodes and the sources.
            weights: (R, *shape) of nodes.

        Returns:
            Weights of whatever is not among ``nodes``, and the (R,) constants.
        """
        held = dict(weights)
        rows = len(next(iter(held.values())))
        constant = torch.zeros(rows, dtype=torch.float64, device=self.traced.device)
        for node in reversed(nodes):
            if node not in held:
                continue
            weight = held.pop(node)
            inputs = {
                one: torch.zeros(
                    rows, *self.traced.shapes[one][1:], dtype=torch.float64, device=self.traced.device
                ).requires_grad_(True)
                for one in variables(node, self.traced)
            }
            values: dict[fx.Node, Any] = dict(inputs)
            with torch.enable_grad():
                self.traced.replay([node], values, rows)
            made = values[node]
            constant = constant + (weight * made.detach()).flatten(1).sum(1)
            back = torch.autograd.grad(made, list(inputs.values()), weight, allow_unused=True)
            for one, gradient in zip(inputs, back, strict=True):
                if gradient is not None:
                    held[one] = held[one] + gradient if one in held else gradient
        return held, constant


def network_of(predictor: Predictor, tokens: Tensor) -> Network:
    """The network of an attached predictor at the length of (n, L) tokens without padding.

    Raises UnknownNetworkError where it cannot be traced, computes in less than single precision, or does not say what
    the model says on those tokens.
    """
    if predictor.one_by_one:
        raise UnknownNetworkError("records go through it one by one")
    length = tokens.shape[1]
    example = predictor.encode(tokens[:1].to(predictor.device))
    try:
        traced = trace(partial(predictor.function, length=length), example, predictor.module)
    except CannotTraceError as error:
        raise UnknownNetworkError(f"it cannot be traced ({error})") from error
    low = {torch.float16, torch.bfloat16} & set(traced.dtypes.values())
    if low:
        raise UnknownNetworkError(f"it computes in {', '.join(map(str, low))}")
    _in_double(traced)
    constants = {node: _double(value) for node, value in traced.constants.items()}
    network = Network(
        traced=replace(traced, constants=constants, device=torch.device("cpu")),
        length=length,
        unit=UNIT if predictor.device.type == "cpu" else TF32,
        encode=predictor.encode,
    )
    _require_values(network)
    _compare(network, predictor, alike(tokens[0].cpu(), predictor.alphabet.size))
    return network


def alike(tokens: Tensor, letters: int) -> Tensor:
    """(n, L) one record's (L,) tokens, and random letters wherever it has letters."""
    random = torch.randint(letters, (_COMPARED, len(tokens)), generator=torch.Generator().manual_seed(0))
    return torch.cat([tokens[None], torch.where(tokens < letters, random.to(torch.uint8), tokens)])


def _require_values(network: Network) -> None:
    """Raise UnknownNetworkError where a network goes on with the places of maxima rather than with the maxima."""
    for node in network.live:
        if operation(node) == "getitem" and is_maximum(node.all_input_nodes[0]) and node.args[1] != 0:
            raise UnknownNetworkError(f"it goes on with the places of {named(node.all_input_nodes[0], network.traced)}")


def _in_double(traced: Traced) -> None:
    """Make a graph that was just traced compute in double precision where it says single."""

    def doubled(item: Any) -> Any:
        return torch.float64 if item is torch.float32 else item

    for node in traced.nodes:
        node.args, node.kwargs = mapped(node.args, doubled), mapped(node.kwargs, doubled)
        if node in traced.scaled:
            traced.scaled[node] = tuple(mapped(part, doubled) for part in traced.scaled[node])


def _double(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.cpu().double() if value.is_floating_point() else value.cpu()


def _compare(network: Network, predictor: Predictor, tokens: Tensor) -> None:
    forwards, sent = predictor.forwards, predictor.rows_sent
    plain = predictor.logits(tokens.to(predictor.device)).double().cpu()
    predictor.forwards, predictor.rows_sent = forwards, sent
    try:
        ours = network.run(predictor.encode(tokens.cpu()))
    except Exception as error:
        raise UnknownNetworkError(f"it cannot be computed in double precision ({error})") from error
    if not bool(((ours - plain).abs() <= _ALLOWED * plain.abs().amax(0)).all()):
        raise UnknownNetworkError("the traced network differs from the model")


def affine_tail(network: Network) -> tuple[tuple[fx.Node, ...], tuple[fx.Node, ...]]:
    """The nodes that the output is an affine function of, nearest to it, and the affine nodes behind them."""
    sources: list[fx.Node] = []
    tail: list[fx.Node] = []
    wanted = {network.traced.output}
    for node in reversed(network.live):
        if node not in wanted:
            continue
        if is_affine(node, network.traced):
            tail.append(node)
            wanted.update(variables(node, network.traced))
        else:
            sources.append(node)
    if network.traced.input in wanted:
        sources.append(network.traced.input)
    return tuple(reversed(sources)), tuple(reversed(tail))


def named(node: fx.Node, traced: Traced) -> str:
    """An operation and its layer, for a message."""
    layer = traced.layers.get(node, "")
    return f"{operation(node)} in {layer}" if layer else operation(node)
