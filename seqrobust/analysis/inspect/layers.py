"""How each layer carries a difference on: relative to the layer's own activation, adversarial beside random edits.

A layer's relative difference is |a' - a| / |a|, with a and a' what it gives for the clean and the edited sequence, and
l2 norms over everything that belongs to the record; divided by that of the input it is the amplification (a layer that
only scales has 1). Liao et al. (2018, "Defense against adversarial attacks using high-level representation guided
denoiser", figure 2) saw in images that adversarial differences grow from layer to layer where random ones do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

_SILENT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.Identity, nn.Flatten, nn.Unflatten)
"""Layers that give what they are given."""


@dataclass(kw_only=True, eq=False)
class LayerDifferences:
    """Relative differences by layer.

    Attributes:
        variants: edited versions of each record.
        records: clean records of the batch.
        found: by layer in the order they were called, (variants, n) relative differences.
        kinds: class of each layer.
        left_out: layers whose outputs do not hold a row a record.
    """

    variants: int
    records: int
    found: dict[str, Tensor] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def note(self, name: str, kind: str, output: Tensor) -> None:
        """Keep the differences of one output, whose rows are the clean records and then each variant of them."""
        rows = (self.variants + 1) * self.records
        if output.ndim < 2 or output.shape[0] != rows or not output.is_floating_point():
            self.left_out.add(name)
            return
        number, own = 1, name
        while own in self.found:
            number += 1
            own = f"{name}#{number}"
        self.found[own], self.kinds[own] = relative_differences(output, self.variants), kind


def relative_differences(rows: Tensor, variants: int) -> Tensor:
    """(variants, n) of (n + variants n, ...) activations; 0 where both are silent, infinite where the clean one is."""
    parts = rows.detach().double().reshape(variants + 1, -1, *rows.shape[1:]).flatten(2)
    apart, size = (parts[1:] - parts[:1]).norm(dim=2), parts[0].norm(dim=1)
    return torch.where(apart == 0, apart, apart / size).cpu()


@contextmanager
def watched(module: nn.Module, variants: int, records: int) -> Iterator[LayerDifferences]:
    """Within it the outputs of every innermost layer are compared. Hooks are taken off again.

    The batch holds n clean records, then every variant of them in the same order, all of one length.
    """
    seen = LayerDifferences(variants=variants, records=records)
    handles = [
        part.register_forward_hook(_hook(seen, name))
        for name, part in module.named_modules()
        if not isinstance(part, _SILENT) and _innermost(part, name)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _innermost(part: nn.Module, name: str) -> bool:
    """Whether a layer holds no others; parametrisations of its weights are none, nor layers of their own."""
    if ".parametrizations" in f".{name}":
        return False
    return all(child == "parametrizations" for child, _ in part.named_children())


def _hook(seen: LayerDifferences, name: str) -> Callable[..., None]:
    def keep(layer: nn.Module, _: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) and not isinstance(output, PackedSequence) else output
        if isinstance(layer, nn.RNNBase) and isinstance(first, Tensor) and first.ndim == 3 and not layer.batch_first:
            first = first.transpose(0, 1)
        if isinstance(first, Tensor):
            seen.note(name or type(layer).__name__, type(layer).__name__, first)
        else:
            seen.left_out.add(name)

    return keep
