"""Which operations made a module's output: written down while it runs, also under ``no_grad`` and of TorchScript."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass(eq=False)
class Made:
    """What an operation made: its name, and its arguments, with tensors replaced by what made them.

    Attributes:
        name: without in-place underscore; ``input`` for the input, ``weight`` for a tensor from elsewhere.
        arguments: in order; None for what is no tensor, number or list.
        varies: whether it depends on the input.
        tensor: the value.
        foreign: whether it hangs on a tensor that is no weight of the module, and may have come from the input through
            NumPy.
        spoilt: whether something wrote into it in a way that is not followed.
        found: spans that have been worked out.
    """

    name: str
    arguments: tuple[Any, ...]
    varies: bool
    tensor: Tensor
    foreign: bool = False
    spoilt: bool = False
    found: dict[bool, Any] = field(default_factory=dict)


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it lasts, operations are written down; the tensors are kept, so that no number is given twice.

    Attributes:
        rounding: the last place of the coarsest floating type so far, as a share.
    """

    def __init__(self, source: Tensor, weights: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made: dict[int, Made] = {id(weight): Made("weight", (), False, weight) for weight in weights}
        self._made[id(source)] = Made("input", (), True, source)
        self._by_storage: dict[int, list[Made]] = {}
        self.rounding = 0.0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # To be skipped by torch's compiler takes importing it, which is seconds; nothing is compiled here.
        return False

    def of(self, tensor: Tensor) -> Made:
        """What made a tensor."""
        if id(tensor) not in self._made:
            self._made[id(tensor)] = Made("foreign", (), False, tensor, foreign=True)
        return self._made[id(tensor)]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call an operation, and write it down."""
        out = func(*args, **(kwargs or {}))
        name = func._schema.name.split("::")[-1]
        arguments = tuple(self._known(item) for item in (*args, *(kwargs or {}).values()))
        varies, foreign = (any(_has(item, what) for item in arguments) for what in ("varies", "foreign"))
        writes = name.endswith("_") and not name.endswith("__")
        for place, tensor in enumerate(out if isinstance(out, (tuple, list)) else [out]):
            if not isinstance(tensor, Tensor):
                continue
            # Beside values there may be places, as of a maximum; those are another matter.
            own = name.rstrip("_") if place == 0 or name.startswith(("split", "unbind", "unsafe_split")) else "place"
            if tensor.is_floating_point():
                self.rounding = max(self.rounding, torch.finfo(tensor.dtype).eps)
            made = Made(own, arguments, varies, tensor, foreign)
            if writes:
                self._spoil(tensor)
            self._made[id(tensor)] = made
            self._by_storage.setdefault(_storage(tensor), []).append(made)
        return out

    def _known(self, item: Any) -> Any:
        if isinstance(item, Tensor):
            return self.of(item)
        if isinstance(item, (list, tuple)):
            return [self._known(part) for part in item]
        return item if isinstance(item, (int, float)) else None

    def _spoil(self, written: Tensor) -> None:
        """Other views of a tensor that is written into are no longer what they were made."""
        for made in self._by_storage.get(_storage(written), []):
            if made.tensor is not written:
                made.spoilt = made.varies = True


def _storage(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr() or id(tensor)
    except (RuntimeError, NotImplementedError):  # sparse and other tensors have none
        return id(tensor)


def _has(item: Any, what: str) -> bool:
    if isinstance(item, list):
        return any(_has(part, what) for part in item)
    return isinstance(item, Made) and bool(getattr(item, what))
