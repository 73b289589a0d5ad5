"""What a function does with tensors, written down operation by operation while it runs.

Operations are seen before torch takes them apart (``conv1d``, ``batch_norm``, ``gru``), inside composite functions,
modules and custom autograd functions alike. :func:`torch.fx.experimental.proxy_tensor.make_fx` writes the same graph,
but imports torch's compiler on the way, which costs more than any trace. What is written in place is rewritten as
functions of values, through views as well.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, fx
from torch.overrides import TorchFunctionMode

from seqrobust.graph.early import CannotTraceError, seen
from seqrobust.graph.nodes import functional_twin, leaves, mapped, packet_name, writes

Leaving: TypeAlias = Literal["nothing", "finiteness", "anything"]
"""What of the values computed may be handed to Python, which then depends on it unseen: nothing; whether values are
finite; or anything, for the caller to compare the graphs of several inputs."""

_LEAVES = "it branches on a computed value, or hands one to Python"
_FINITE = frozenset(["isfinite", "isnan", "isinf"])
_ABOUT_TYPES = frozenset(["is_same_size", "is_floating_point", "is_complex", "is_signed", "is_neg", "is_conj"])
_RESHAPE = frozenset(["t_", "transpose_", "swapaxes_", "swapdims_", "squeeze_", "unsqueeze_", "detach_"])
_TO_PYTHON = frozenset([Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.__dlpack__])
_UNSET = frozenset([torch.empty, torch.empty_like, Tensor.new_empty])
_DATA = Tensor.data.__get__  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """One run of a function.

    Attributes:
        graph: of calls of ``torch.ops.aten``; one placeholder, ``get_attr`` for constants, ``getitem`` for one of
            several results, :func:`written` for what was written through a view.
        constants: tensors that the function did not compute, by their ``get_attr`` node.
    """

    graph: fx.Graph
    constants: dict[fx.Node, Tensor]


def record(function: Callable[[Tensor], Tensor], batch: Tensor, *, leaving: Leaving = "nothing") -> Recording:
    """Run a function on a batch, and keep what it does. No gradients are recorded.

    Raises CannotTraceError where it fails, changes precision on the way, or hands to Python what it may not.
    """
    book = _Book(leaving)
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # attention as one opaque operation
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own = batch.clone()
            book.note(own, book.graph.placeholder("input"))
            with seen(partial(_operation, book)), _Escapes(book):
                out = function(own)
            book.graph.output(book.result(out))
    except (CannotTraceError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever a stranger's module does
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CannotTraceError(text[:200]) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    book.graph.eliminate_dead_code()
    return Recording(graph=book.graph, constants=book.constants)


def written(parent: Tensor, part: Tensor, view: Callable[..., Any], args: Any, kwargs: Any, item: int | None) -> Tensor:
    """A copy of ``parent`` with a view of it overwritten by ``part``; the view is made as it first was, with the parent
    where ``args`` name :data:`SELF`."""
    whole = parent.clone(memory_format=torch.contiguous_format)
    args, kwargs = _with_self((args, kwargs), whole)
    view_of_it = view(*args, **kwargs)
    (view_of_it if item is None else view_of_it[item]).copy_(part)
    return whole


def copied(values: Tensor, shape: list[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Values as they stand in a tensor of that kind which they were copied into."""
    return values.to(device, dtype).expand(shape)


def filled(value: Any, shape: list[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor of one value."""
    return torch.full(shape, value, dtype=dtype, device=device)


SELF = "<self>"
"""Stands for the tensor that a view is of, in the arguments of the operation that makes it."""


def _with_self(item: Any, value: Any) -> Any:
    return mapped(item, lambda leaf: value if isinstance(leaf, str) and leaf == SELF else leaf)


@dataclass(eq=False)
class _Known:
    """A tensor that was seen.

    Attributes:
        tensor: kept, so that no other takes its identity.
        node: that computes what stands in it.
        parent, how: the tensor that it is a view of, and the call that makes it: operation, arguments, number of the
            result. None for one with memory of its own.
        version: how often it was written to, by itself or through other views.
        of_parent: the parent's version that ``node`` holds for.
    """

    tensor: Tensor
    node: fx.Node
    parent: _Known | None = None
    how: tuple[Any, Any, Any, int | None] | None = None
    version: int = 0
    of_parent: int = 0


@dataclass(eq=False)
class _Book:
    """What has been seen so far."""

    leaving: Leaving
    graph: fx.Graph = field(default_factory=fx.Graph)
    constants: dict[fx.Node, Tensor] = field(default_factory=dict)
    known: dict[int, _Known] = field(default_factory=dict)
    fixed: set[fx.Node] = field(default_factory=set)
    finite: set[fx.Node] = field(default_factory=set)

    def note(self, tensor: Tensor, node: fx.Node) -> _Known:
        self.known[id(tensor)] = found = _Known(tensor, node)
        return found

    def result(self, out: Any) -> fx.Node:
        if not isinstance(out, Tensor) or id(out) not in self.known:
            raise CannotTraceError("its output leaves torch on the way from its input")
        return self.node(out)

    def node(self, tensor: Tensor) -> fx.Node:
        """The node whose value stands in a tensor now."""
        if id(tensor) not in self.known:
            node = self.graph.get_attr(f"constant_{len(self.constants)}")
            self.constants[node] = tensor
            self.fixed.add(node)
            self.note(tensor, node)
        return self._current(self.known[id(tensor)])

    def _current(self, known: _Known) -> fx.Node:
        """Of a view whose memory was written to since, the view made again."""
        if known.parent is None or known.how is None:
            return known.node
        parent = self._current(known.parent)
        if known.of_parent != known.parent.version:
            view, args, kwargs, item = known.how
            args, kwargs = _with_self((args, kwargs), parent)
            known.node = self.call(view, args, kwargs)
            if item is not None:
                known.node = self.call(operator.getitem, (known.node, item), {})
            known.of_parent = known.parent.version
            known.version += 1
        return known.node

    def call(self, target: Any, args: Any, kwargs: Any) -> fx.Node:
        """A new node, whose arguments are nodes."""
        node = self.graph.call_function(target, args, kwargs)
        inputs = node.all_input_nodes
        if all(i in self.fixed for i in inputs):
            self.fixed.add(node)
        elif packet_name(target) in _FINITE or all(i in self.fixed or i in self.finite for i in inputs):
            self.finite.add(node)
        return node

    def changes(self, value: Any) -> bool:
        """Whether a tensor depends on the input in a way that must not leave torch."""
        if not isinstance(value, Tensor) or id(value) not in self.known or self.leaving == "anything":
            return False
        node = self.node(value)
        return node not in self.fixed and not (self.leaving == "finiteness" and node in self.finite)

    def operation(self, func: Any, args: Any, kwargs: Any, nodes: Any, out: Any) -> None:
        """Note a call that was made; ``nodes`` are its arguments as they were before it."""
        if writes(func):
            if not args or out is not args[0] or functional_twin(func) is None:
                raise CannotTraceError(f"{packet_name(func)} writes in place")
            self._overwrite(out, self._new_value(func, out, nodes), reshapes=packet_name(func) in _RESHAPE)
            return
        if isinstance(out, Tensor):
            if id(out) not in self.known:
                self._place(out, self.call(func, *nodes), func, args, kwargs, None)
            return
        parts = list(out) if isinstance(out, (tuple, list)) else []
        node = self.call(func, *nodes)
        for number, part in enumerate(parts):
            if isinstance(part, Tensor):
                self._place(part, self.call(operator.getitem, (node, number), {}), func, args, kwargs, number)

    def _new_value(self, func: Any, out: Tensor, nodes: Any) -> fx.Node:
        """What an operation that writes in place writes; what stood there before may be memory never set."""
        like = (list(out.shape), out.dtype, out.device)
        (own, *rest), kwargs = nodes
        name = packet_name(func)
        if name == "copy_" and isinstance(rest[0], fx.Node):
            return self.call(copied, (rest[0], *like), {})
        if name in ("fill_", "zero_") and not any(isinstance(item, fx.Node) for item in rest):
            return self.call(filled, (rest[0] if rest else 0, *like), {})
        return self.call(functional_twin(func), (own, *rest), kwargs)

    def keep_constants(self, target: Tensor) -> None:
        """Before a tensor is written to, copies of the constants that share its memory."""
        for node, constant in self.constants.items():
            if constant is target or _shares_memory(constant, target):
                self.constants[node] = constant.clone()

    def _place(self, out: Tensor, node: fx.Node, func: Any, args: Any, kwargs: Any, item: int | None) -> None:
        found = self.note(out, node)
        for source in leaves((args, kwargs)):
            if isinstance(source, Tensor) and source is not out and _shares_memory(out, source):
                found.parent = self.known[id(source)]
                found.of_parent = found.parent.version
                found.how = (func, *mapped((args, kwargs), self._marked(source)), item)
                return

    def _marked(self, own: Tensor) -> Callable[[Any], Any]:
        return lambda leaf: SELF if leaf is own else self.argument(leaf)

    def argument(self, leaf: Any) -> Any:
        return self.node(leaf) if isinstance(leaf, Tensor) else leaf

    def _overwrite(self, tensor: Tensor, node: fx.Node, *, reshapes: bool) -> None:
        """What a tensor holds from now on, and with it all that it is a view of."""
        known: _Known | None = self.known[id(tensor)]
        if reshapes:
            self.note(tensor, node)
            return
        while known is not None:
            known.node, known.version = node, known.version + 1
            if known.parent is not None and known.how is not None:
                node = self.call(written, (self._current(known.parent), node, *known.how), {})
                known.of_parent = known.parent.version + 1
            known = known.parent


def _shares_memory(one: Tensor, other: Tensor) -> bool:
    try:
        address = one.untyped_storage().data_ptr()
        return address != 0 and address == other.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):  # such as of sparse tensors, which have no views
        return False


def _operation(book: _Book, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Make a call, and write it down."""
    tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    if any(torch.is_autocast_enabled(kind) for kind in {tensor.device.type for tensor in tensors}):
        raise CannotTraceError("it changes precision on the way (autocast)")
    nodes = mapped((args, kwargs), book.argument)
    if writes(func) and args and isinstance(args[0], Tensor):
        book.keep_constants(args[0])
    out = func(*args, **kwargs)
    if any(isinstance(leaf, Tensor) for leaf in leaves(out)):
        book.operation(func, args, kwargs, nodes, out)
    elif packet_name(func) not in _ABOUT_TYPES and any(map(book.changes, tensors)):
        raise CannotTraceError(_LEAVES)
    return out


class _Escapes(TorchFunctionMode):
    """Sees ways around the operations: values taken out of torch, and a tensor's data without its history."""

    def __init__(self, book: _Book) -> None:
        super().__init__()
        self.book = book

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _TO_PYTHON and any(map(self.book.changes, args)):
            raise CannotTraceError(_LEAVES)
        out = func(*args, **(kwargs or {}))
        if func in _UNSET:
            out.zero_()  # memory never set would be another in every run
        if func == _DATA and isinstance(out, Tensor) and id(out) not in self.book.known:
            known = self.book.note(out, self.book.node(args[0]))
            known.parent, known.how = self.book.known[id(args[0])], (torch.ops.aten.alias.default, (SELF,), {}, None)
            known.of_parent = known.parent.version
        return out
