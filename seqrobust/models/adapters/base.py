"""A module around a user's own that gives it its input in another form, or reads its output."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Adapter(nn.Module):
    """A module between one-hot (N, K, L) and a user's own.

    Args:
        inner: the user's module, or another adapter around it.

    Attributes:
        tells: whether lengths of records mean the same to the inner module, so that padded batches may be sent.
    """

    tells = True

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, encoded: Tensor, **told: Any) -> Any:
        """What the inner module returns; lengths, where it takes them, are handed on."""
        return self.give(self.inner(self.take(encoded), **told))

    def take(self, encoded: Tensor) -> Tensor:
        """The inner module's input, of that of this one."""
        return encoded

    def give(self, output: Any) -> Any:
        """What is returned, of what the inner module returned."""
        return output


def takes_lengths(module: nn.Module) -> bool:
    """Whether lengths reach the user's own module as they are."""
    while isinstance(module, Adapter):
        if not module.tells:
            return False
        module = module.inner
    return True


def innermost(module: nn.Module) -> nn.Module:
    """The user's own module within its adapters."""
    while isinstance(module, Adapter):
        module = module.inner
    return module
