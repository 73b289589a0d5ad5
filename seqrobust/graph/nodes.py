"""Reading the nodes of a graph: what is called, by which name, with which arguments."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx


def packet_name(target: Any) -> str:
    """Name of one of torch's operations without its overload, such as ``relu_``; empty for other functions."""
    return str(getattr(getattr(target, "overloadpacket", None), "__name__", ""))


def operation(node: fx.Node) -> str:
    """Name of an operation, such as ``conv1d``; of one that writes in place, the name of the one that does not."""
    if node.target is operator.getitem:
        return "getitem"
    name = packet_name(node.target) or str(getattr(node.target, "__name__", node.target))
    return name[:-1] if _has_place(name) else name


def writes(target: Any) -> bool:
    """Whether an operation writes into one of its arguments."""
    schema = getattr(target, "_schema", None)
    return schema is not None and bool(schema.is_mutable)


def _has_place(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__")


def functional_twin(target: Any) -> Any:
    """The operation that returns what another writes in place; None if there is none."""
    name = packet_name(target)
    name = f"__{name[3:]}" if name.startswith("__i") else name[:-1] if _has_place(name) else ""
    twin = getattr(torch.ops.aten, name, None) if name else None
    return None if twin is None else getattr(twin, target._overloadname, twin)


def functional(node: fx.Node) -> Callable[..., Any]:
    """What a node calls, as a function that leaves its arguments as they are."""
    if packet_name(node.target) in ("view", "_unsafe_view"):
        # Kernels may lay their output out in other ways than while tracing, and a view insists on one.
        reshape: Callable[..., Any] = torch.ops.aten.reshape.default
        return reshape
    target: Any = node.target
    call: Callable[..., Any] = target
    return call


def arguments(node: fx.Node) -> dict[str, Any]:
    """Arguments of an operation by name, with defaults."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return dict(enumerate(node.args))  # type: ignore[arg-type]
    named = {a.name: a.default_value for a in schema.arguments if a.has_default_value()}
    named.update(zip((a.name for a in schema.arguments), node.args, strict=False))
    named.update(node.kwargs)
    return named


def mapped(item: Any, function: Callable[[Any], Any]) -> Any:
    """``function`` of every leaf of nested tuples, lists and dictionaries."""
    if isinstance(item, (tuple, list)):
        kind = list if isinstance(item, list) else tuple
        return kind(mapped(part, function) for part in item)
    if isinstance(item, dict):
        return {key: mapped(part, function) for key, part in item.items()}
    return function(item)


def leaves(item: Any) -> Iterator[Any]:
    """The leaves of nested tuples, lists and dictionaries."""
    if isinstance(item, (tuple, list)):
        for part in item:
            yield from leaves(part)
    elif isinstance(item, dict):
        for part in item.values():
            yield from leaves(part)
    else:
        yield item
