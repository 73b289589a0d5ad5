"""A model of several sequences, such as a peptide and its receptor, of which a record's letters are one behind the
other: protecting one's positions leaves the other to the adversary.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.models.adapters.axes import laid_out
from seqrobust.models.adapters.base import Adapter


class Streams(Adapter):
    """A module that takes several one-hot inputs.

    Args:
        inner: the module; its arguments are given in order.
        lengths: of each, with commas; the last may be ``*``.
        layout: order of each one's axes.

    >>> import torch
    >>> class Sizes(nn.Module):
    ...     def forward(self, peptide, receptor):
    ...         return torch.tensor([[peptide.shape[2], receptor.shape[2]]])
    >>> Streams(Sizes(), "9,*", "NCL")(torch.zeros(1, 20, 43)).tolist()
    [[9, 34]]
    """

    tells = False  # a record has one length, and the module as many as inputs

    def __init__(self, inner: nn.Module, lengths: str, layout: str) -> None:
        super().__init__(inner)
        self.sizes = [None if size == "*" else int(size) for size in lengths.split(",")]
        self.layout = layout

    def forward(self, encoded: Tensor, **told: Any) -> Any:
        """What the module returns for the parts of (N, K, L) records without padding."""
        known = sum(size or 0 for size in self.sizes)
        if encoded.shape[2] != known if None not in self.sizes else encoded.shape[2] <= known:
            raise ModelError(
                "a record is not as long as its inputs together",
                expected=f"{known} letters" if None not in self.sizes else f"more than {known} letters",
                found=str(encoded.shape[2]),
                where="--streams",
            )
        ends = [*accumulate(size or encoded.shape[2] - known for size in self.sizes)]
        parts = [encoded[:, :, start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return self.inner(*(laid_out(part, self.layout) for part in parts), **told)
