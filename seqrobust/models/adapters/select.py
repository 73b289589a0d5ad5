"""The outputs that are meant, of all that a model returns."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqrobust.models.adapters.base import Adapter
from seqrobust.models.adapters.expression import parsed, value_of


class Select(Adapter):
    """A module of which only some outputs are meant, or what is made of them.

    Args:
        inner: the module.
        text: see :mod:`seqrobust.models.adapters.expression`. Several with commas, ``a[:, 0], b``, stand side by side.

    Raises ConfigError for an expression that cannot be read.

    >>> Select(nn.Identity(), "[:, 0] - output[:, 1]")(torch.tensor([[3.0, 1.0]])).tolist()
    [2.0]
    """

    def __init__(self, inner: nn.Module, text: str) -> None:
        super().__init__(inner)
        self.text = text
        self._tree = parsed(text)

    def give(self, output: Any) -> Any:
        """What the expression means of the output."""
        chosen = value_of(self._tree, output)
        if isinstance(chosen, (list, tuple)) and chosen and all(isinstance(part, Tensor) for part in chosen):
            return torch.cat([part[:, None] if part.ndim == 1 else part for part in chosen], 1)
        return chosen
