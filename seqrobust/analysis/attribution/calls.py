"""One operation on the record and on the baseline: what DeepLIFT's rules are told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from seqrobust.graph import Kind, arguments, functional, operation, operator_of
from seqrobust.graph.nodes import leaves, mapped

Values = Mapping[fx.Node, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """A call in which some tensors vary between baseline and record.

    Attributes:
        node: of the graph.
        varying: the nodes of what varies, in order.
        inputs, before: their values, for record and baseline.
        output, output_before: what comes out, a tensor or several.
        given: multipliers of what comes out, by its number; 0 for a single tensor.
        constants: values of the other nodes.
    """

    node: fx.Node
    varying: Sequence[fx.Node]
    inputs: Sequence[Tensor]
    before: Sequence[Tensor]
    output: Any
    output_before: Any
    given: Mapping[int, Tensor]
    constants: Values

    @property
    def name(self) -> str:
        """Of the operation."""
        return operation(self.node)

    @property
    def kind(self) -> Kind:
        """Of the operation, by the table."""
        return operator_of(self.node).kind

    def argument(self, name: str, default: Any = None) -> Any:
        """An argument's value; a node where it varies."""
        found = arguments(self.node).get(name, default)
        return self.constants.get(found, found) if isinstance(found, fx.Node) else found

    def __call__(self, *tensors: Tensor) -> Any:
        """The operation, of other values of what varies."""
        values = dict(zip(self.varying, tensors, strict=True))

        def known(item: Any) -> Any:
            if not isinstance(item, fx.Node):
                return item
            return values[item] if item in values else self.constants[item]

        args, kwargs = mapped((self.node.args, self.node.kwargs), known)
        return functional(self.node)(*args, **kwargs)

    @property
    def degree(self) -> int:
        """How often what varies stands among the arguments."""
        named = leaves((self.node.args, self.node.kwargs))
        return sum(item in self.varying for item in named if isinstance(item, fx.Node))

    def outputs(self, out: Any) -> list[Tensor]:
        """Of what comes out, the tensors that have multipliers."""
        parts = [out] if isinstance(out, Tensor) else list(out)
        return [parts[number] for number in self.given]

    @property
    def multipliers(self) -> list[Tensor]:
        """Those given, beside :meth:`outputs`."""
        return list(self.given.values())

    def numbers(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Inputs as numbers with a fraction, where the operation takes them: truths and counts, but no places."""
        kind = next((m.dtype for m in self.given.values() if m.is_floating_point()), torch.float32)
        cast = [tensor if is_number(tensor) else tensor.to(kind) for tensor in tensors]
        if all(one is other for one, other in zip(cast, tensors, strict=True)):
            return cast
        try:
            self(*cast)
        except (RuntimeError, TypeError, IndexError, ValueError):
            return list(tensors)
        return cast

    def slopes(self, at: Sequence[Tensor]) -> list[Tensor]:
        """The multipliers times the derivative at a point, for each input; zeros where there is none."""
        with torch.enable_grad():
            points = [one.detach().clone().requires_grad_(is_number(one)) for one in at]
            outs = self.outputs(self(*points))
            pairs = [(out, m) for out, m in zip(outs, self.multipliers, strict=True) if out.requires_grad]
            wanted = [point for point in points if point.requires_grad]
            if not pairs or not wanted:
                return [_zeros(one) for one in at]
            ends, ms = zip(*pairs, strict=True)
            found = iter(torch.autograd.grad(ends, wanted, ms, allow_unused=True))
        slopes = [next(found) if point.requires_grad else None for point in points]
        return [_zeros(one) if s is None else s for s, one in zip(slopes, at, strict=True)]

    def gap(self, found: Sequence[Tensor]) -> Tensor:
        """By how much multipliers of the inputs miss the sum of those of the outputs: a number, or one a row."""
        pairs = zip(self.outputs(self.output), self.outputs(self.output_before), self.multipliers, strict=True)
        sums = [_sum(product(m, difference(y, y0))) for y, y0, m in pairs]
        sums += [-_sum(product(m, difference(x, x0))) for x, x0, m in zip(self.inputs, self.before, found, strict=True)]
        rows = {part.shape for part in sums}
        return sum(sums if len(rows) == 1 else [part.sum() for part in sums], sums[0].new_zeros(()))


def _zeros(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor, dtype=tensor.dtype if is_number(tensor) else torch.float32)


def is_number(tensor: Tensor) -> bool:
    """Whether it holds numbers with a fraction."""
    return tensor.is_floating_point() or tensor.is_complex()


def _sum(products: Tensor) -> Tensor:
    products = torch.nan_to_num(products, 0, 0, 0)
    return products.flatten(1).sum(1) if products.ndim > 1 else products.sum() if products.ndim == 0 else products


def product(multipliers: Tensor, differences: Tensor) -> Tensor:
    """What a difference contributes; of complex numbers, whose multipliers are as torch's gradients, the real part."""
    return (multipliers.conj() * differences).real if multipliers.is_complex() else multipliers * differences


def difference(one: Tensor, other: Tensor) -> Tensor:
    """One less the other; zero where they are equal, infinities included."""
    if not is_number(one):
        one, other = one.float(), other.float()
    return torch.where(one == other, torch.zeros_like(one), one - other)
