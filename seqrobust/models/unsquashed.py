"""Log-odds at full precision of a module that ends in a sigmoid or softmax: what it squashed, read before that.

A float32 probability next to 0 or 1 has lost where it would move: a sigmoid of 50 z is 1 from z = 0.35 on. The number
that was squashed has not. So a module is run with its last squashing operation left out: the log-odds that went in
come out, through whatever only puts numbers elsewhere behind it (a column picked, an axis dropped, a cast), or takes
the complement, 1 - p. Anything else behind it, or a module whose calls cannot be seen (TorchScript, a sigmoid written
out by hand), and the probabilities are taken as they come.

That the two agree is not believed but compared, on real records, by :func:`agrees`; and what a search finds by them is
judged by the module's own output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from seqrobust.graph.table import OPERATORS, Kind

_SIGMOIDS = frozenset(["sigmoid", "sigmoid_", "expit", "special_expit"])
_SOFTMAXES = frozenset(["softmax", "_softmax"])
_CASTS = frozenset(["float", "double", "half", "bfloat16", "to", "type", "cpu", "cuda", "type_as"])
_COMPLEMENTS = frozenset(["__rsub__", "rsub"])
_READS = frozenset(["__get__", "size", "dim", "numel", "shape", "is_floating_point", "is_complex", "__len__"])
_AGREE = 1e-4
"""Largest difference of probabilities, and of log-odds where those are not near an end, that rounding explains."""


class _Squashes(TorchFunctionMode):
    """Counts squashing calls, and gives log-odds instead of one of them.

    Attributes:
        skipped: number of the call that is left out; -1 for none.
        count: calls so far.
        broken: something was done to the log-odds that is not known to keep them such.
    """

    def __init__(self, skipped: int) -> None:
        super().__init__()
        self.skipped, self.count, self.broken = skipped, 0, False
        self._odds: dict[int, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        touched = [part for part in _tensors((args, kwargs)) if id(part) in self._odds]
        if touched:
            return self._after(func, name, args, kwargs)
        if name not in _SIGMOIDS and name not in _SOFTMAXES:
            return func(*args, **kwargs)
        self.count += 1
        if self.count - 1 != self.skipped:
            return func(*args, **kwargs)
        odds = _odds(name, args, kwargs)
        if odds is None:
            self.broken = True
            return func(*args, **kwargs)
        return self._keep(odds)

    def holds(self, out: object) -> bool:
        """Whether what came out is made of log-odds."""
        return not self.broken and isinstance(out, Tensor) and id(out) in self._odds

    def _keep(self, odds: Any) -> Any:
        for part in _tensors(odds):
            self._odds[id(part)] = part
        return odds

    def _after(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """What is done to log-odds."""
        if name in _READS:
            return func(*args, **kwargs)
        if self._is_complement(name, args, kwargs):
            odds = next(part for part in _tensors(args) if id(part) in self._odds)
            return self._keep(-odds)
        bare = name.strip("_")
        row = OPERATORS.get(bare)
        moves = bare in _CASTS or (row is not None and row.kind in (Kind.MOVING, Kind.IDENTITY))
        # Beside them nothing else may stand: a constant in a cat would be taken for log-odds.
        alone = all(id(part) in self._odds or not part.is_floating_point() for part in _tensors((args, kwargs)))
        if not moves or not alone or name in ("detach", "detach_", "masked_fill", "pad"):
            self.broken = True
        return self._keep(func(*args, **kwargs))

    def _is_complement(self, name: str, args: Any, kwargs: Any) -> bool:
        if kwargs or len(args) != 2:
            return False
        if name in _COMPLEMENTS:
            return not isinstance(args[1], Tensor) and args[1] == 1
        return name in ("sub", "subtract") and not isinstance(args[0], Tensor) and args[0] == 1


def _tensors(item: Any) -> list[Tensor]:
    if isinstance(item, Tensor):
        return [item]
    if isinstance(item, dict):
        item = list(item.values())
    return [part for one in item for part in _tensors(one)] if isinstance(item, (tuple, list)) else []


def _odds(name: str, args: Any, kwargs: Any) -> Tensor | None:
    """Log-odds of what a squashing call would give; None where they cannot be told."""
    z = args[0] if args else kwargs.get("input")
    if not isinstance(z, Tensor) or not z.is_floating_point():
        return None
    if name in _SIGMOIDS:
        return z
    dim = args[1] if len(args) > 1 else kwargs.get("dim")
    dtype = kwargs.get("dtype")
    if not isinstance(dim, int) or z.shape[dim] < 2:
        return None
    z = z if dtype is None else z.to(dtype)
    if z.shape[dim] == 2:
        return z - z.flip(dim)
    # Of class c: z_c less the log of the sum of the others' exponentials.
    z = z.movedim(dim, -1)
    apart = z[..., None, :] - z[..., :, None]
    own = torch.eye(z.shape[-1], dtype=torch.bool, device=z.device)
    odds: Tensor = -apart.masked_fill(own, -torch.inf).logsumexp(-1)
    return odds.movedim(-1, dim)


Call = Callable[[], object]


def count_squashes(call: Call) -> int:
    """How many squashing operations a call makes."""
    mode = _Squashes(-1)
    with mode:
        call()
    return mode.count


def odds_of(call: Call, number: int) -> Tensor | None:
    """What a call gives with its ``number``-th squashing operation left out; None where those are no log-odds."""
    mode = _Squashes(number)
    with mode:
        out = call()
    return out if mode.holds(out) and mode.count == number + 1 and isinstance(out, Tensor) else None


def agrees(odds: Tensor, probabilities: Tensor) -> bool:
    """Whether log-odds (M, T) are those of probabilities (M, T), as far as these tell."""
    if odds.shape != probabilities.shape or bool(odds.isnan().any()):
        return False
    odds, probabilities = odds.double(), probabilities.double()
    inside = (probabilities > 0.01) & (probabilities < 0.99)
    known = torch.logit(probabilities.clamp(1e-12, 1 - 1e-12))
    near = (odds - known).abs() <= _AGREE * (1 + known.abs())
    return bool(((odds.sigmoid() - probabilities).abs() <= _AGREE).all() and (near | ~inside).all())


@dataclass(kw_only=True, eq=False)
class Unsquashed:
    """How log-odds are read off a module.

    Attributes:
        number: of the squashing call that is left out.
        reading: calls give log-odds now.
        resting: probabilities are wanted as they come, for a while.
        failed: a call did not give log-odds, and those of its probabilities were taken.
    """

    number: int
    reading: bool = False
    resting: bool = False
    failed: bool = False

    @contextmanager
    def read(self) -> Iterator[None]:
        """Within it calls give log-odds."""
        before, self.reading = self.reading, True
        try:
            yield
        finally:
            self.reading = before

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Within it the module's own probabilities are what counts."""
        before, self.resting = self.resting, True
        try:
            yield
        finally:
            self.resting = before

    def of(self, call: Call) -> object:
        """Log-odds of a call; of one that goes another way than usual, those of its probabilities, as they come."""
        odds = odds_of(call, self.number)
        if odds is not None:
            return odds
        self.failed = True
        made = call()
        if not isinstance(made, Tensor):
            return made
        made = made.float()
        return torch.logit(made, eps=torch.finfo(made.dtype).tiny)


def log_probabilities(odds: Tensor) -> Tensor:
    """Logarithms of probabilities of those log-odds."""
    return functional.logsigmoid(odds)
