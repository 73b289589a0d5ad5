"""Eight-bit activations, simulated: what enters a layer is rounded to 256 levels, the arithmetic stays in float.

Levels are affine with an exact zero, per tensor (Jacob et al. 2018, "Quantization and training of neural networks for
efficient integer-arithmetic-only inference", section 2.1). *Static* ranges are the least and largest values seen on
calibration records. *Dynamic* ranges are found anew for each record, by itself, so that an answer does not depend on
what stands beside it in a batch; torch's own dynamic layers take the range of the whole batch, and pass no gradient.
Here gradients pass the rounding straight through (Bengio et al. 2013), so that attacks see the compressed model. States
inside a recurrent layer stay in float.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

LEVELS = 255
"""Steps between the ends of a range of eight bits."""

ENTERED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.RNNBase)
"""Layers whose inputs are rounded."""


def on_levels(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Values rounded to 256 levels from ``low`` to ``high``, widened to hold zero; gradients pass straight through.

    What is outside is cut to the ends, and its gradient is zero.
    """
    low, high = low.clamp(max=0), high.clamp(min=0)
    step = ((high - low) / LEVELS).clamp(min=torch.finfo(values.dtype).tiny)
    offset = torch.round(-low / step)
    cut = torch.minimum(torch.maximum(values, -offset * step), (LEVELS - offset) * step)
    level = (torch.round(cut / step) * step).detach()
    return level + (cut - cut.detach())


class Rounded(nn.Module):
    """A layer behind a rounding of what enters it; other attributes are the layer's own.

    Args:
        layer: the layer.
        low, high: the static range; None for each record's own.
    """

    def __init__(self, layer: nn.Module, low: Tensor | None = None, high: Tensor | None = None) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def forward(self, values: Any, *args: Any, **kwargs: Any) -> Any:
        """The layer's answer to rounded input."""
        if isinstance(values, PackedSequence):
            data = self._round(values.data, 0)
            return self.layer(PackedSequence(data, *values[1:]), *args, **kwargs)
        rows = 1 if isinstance(self.layer, nn.RNNBase) and not self.layer.batch_first and values.ndim == 3 else 0
        return self.layer(self._round(values, rows), *args, **kwargs)

    def _round(self, values: Tensor, rows: int) -> Tensor:
        if self.low is not None and self.high is not None:
            return on_levels(values, self.low, self.high)
        others = [axis for axis in range(values.ndim) if axis != rows]
        if not others:
            return on_levels(values, values.detach(), values.detach())
        return on_levels(values, *(end.detach() for end in (values.amin(others, True), values.amax(others, True))))

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("layer"), name)


def entered_layers(module: nn.Module, names: Sequence[str]) -> list[str]:
    """Those of the named layers whose inputs can be rounded; the module itself cannot be put behind a rounding."""
    parts = dict(module.named_modules())
    return [name for name in names if name and isinstance(parts.get(name), ENTERED)]


def put_behind_rounding(module: nn.Module, ranges: Mapping[str, tuple[Tensor, Tensor] | None]) -> None:
    """Replace those layers, in place, by ones whose input is rounded; a range of None is each record's own."""
    for name, ends in ranges.items():
        path, _, own = name.rpartition(".")
        parent = module.get_submodule(path)
        low, high = ends or (None, None)
        setattr(parent, own, Rounded(module.get_submodule(name), low, high))


@contextmanager
def ranges_seen(module: nn.Module, names: Sequence[str]) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """Within it the least and largest value that enters each of those layers is kept. Hooks are taken off again."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    handles = [module.get_submodule(name).register_forward_pre_hook(_hook(seen, name)) for name in names]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _hook(seen: dict[str, tuple[Tensor, Tensor]], name: str) -> Callable[..., None]:
    def keep(_: nn.Module, args: tuple[Any, ...]) -> None:
        if not args:
            return
        values = args[0].data if isinstance(args[0], PackedSequence) else args[0]
        low, high = values.detach().amin(), values.detach().amax()
        if name in seen:
            low, high = torch.minimum(low, seen[name][0]), torch.maximum(high, seen[name][1])
        seen[name] = (low, high)

    return keep
