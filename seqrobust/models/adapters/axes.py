"""Axes and channels of a one-hot input in another order than (N, K, L) with the alphabet's letters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ConfigError
from seqrobust.models.adapters.base import Adapter

_EMPTY = "-.*"
"""Signs of channels that hold zeros."""


class Layout(Adapter):
    """A module that takes its axes in another order.

    Args:
        inner: the module.
        layout: as :class:`~seqrobust.models.adapters.form.Form` has it.

    >>> Layout(nn.Identity(), "N1LC")(torch.zeros(2, 4, 7)).shape
    torch.Size([2, 1, 7, 4])
    """

    def __init__(self, inner: nn.Module, layout: str) -> None:
        super().__init__(inner)
        self.layout = layout

    def take(self, encoded: Tensor) -> Tensor:
        """(N, K, L) with its axes in order."""
        return laid_out(encoded, self.layout)


def laid_out(encoded: Tensor, layout: str) -> Tensor:
    """(N, K, L) with its axes in another order."""
    axes = layout[1:].strip("()")
    ordered = encoded if axes.index("C") < axes.index("L") else encoded.transpose(1, 2)
    if "(" in layout:
        return ordered.flatten(1)
    for place, axis in enumerate(axes, start=1):
        if axis == "1":
            ordered = ordered.unsqueeze(place)
    return ordered.contiguous()


class Channels(Adapter):
    """A module whose channels are in another order, or that has more of them.

    Args:
        inner: the module.
        letters: its channels in order: every letter of the alphabet; N (X in protein) for what a column lacks of a
            letter, which is one where the letter is unknown or the column is padding; ``-`` for zeros.
        alphabet: of the input's rows.

    Raises ConfigError for channels that are no order of the alphabet's letters.

    >>> from seqrobust.alphabet import DNA
    >>> Channels(nn.Identity(), "TGCAN", DNA)(torch.eye(4)[None, :, :2])[0].T.tolist()
    [[0.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0]]
    """

    def __init__(self, inner: nn.Module, letters: str, alphabet: Alphabet) -> None:
        super().__init__(inner)
        own = letters.upper()
        if alphabet.name == "RNA" and "U" not in own:
            own = own.replace("T", "U")
        known = [letter for letter in own if letter in alphabet.letters]
        others = {letter for letter in own if letter not in alphabet.letters}
        if sorted(known) != sorted(alphabet.letters) or others - {alphabet.any_letter, *_EMPTY}:
            raise ConfigError(
                "the model's channels do not hold each letter once",
                expected=f"{alphabet.letters} in any order, {alphabet.any_letter} for unknown letters and - for an "
                "empty channel where it has them",
                found=letters,
                where="--letters",
            )
        self.rows = [alphabet.letters.index(letter) if letter in known else letter for letter in own]

    def take(self, encoded: Tensor) -> Tensor:
        """(N, channels, L) of (N, K, L)."""
        places = [row for row in self.rows if isinstance(row, int)]
        if len(places) == len(self.rows):
            return encoded[:, places]
        return torch.cat([self._row(encoded, row) for row in self.rows], 1)

    def _row(self, encoded: Tensor, row: int | str) -> Tensor:
        if isinstance(row, int):
            return encoded[:, row : row + 1]
        if row in _EMPTY:
            return torch.zeros_like(encoded[:, :1])
        return 1 - encoded.sum(1, keepdim=True)
