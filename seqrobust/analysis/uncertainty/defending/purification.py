"""Purification: clean a sequence up before the model sees it, in the hope that an adversary's edits are taken out.

Each step has no useful derivative, or is random. Attacked as they stand such defences look strong, and mostly are not:
so the steps stand in a predictor straight through (BPDA) and are averaged over draws (expectation over transformation;
both Athalye et al. 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqrobust.analysis.uncertainty.background import Background


class Denoise(nn.Module):
    """Letters that are unlikely among their neighbours are replaced by what the background expects there.

    Args:
        background: see :class:`~seqrobust.analysis.uncertainty.background.Background`.
        below: posterior probability under which a letter is replaced; 0 for none.
    """

    def __init__(self, background: Background, below: float) -> None:
        super().__init__()
        self.background, self.below = background, below

    def forward(self, encoded: Tensor) -> Tensor:
        """(N, K, L) of (N, K, L): unknown letters stay, replaced ones become the posterior over letters."""
        posterior = self.background.posterior(encoded)
        known = encoded.amax(1) - encoded.amin(1) > 1e-3
        unlikely = (posterior * encoded).sum(1) < self.below
        return torch.where((known & unlikely)[:, None], posterior.to(encoded.dtype), encoded)


class RandomLetters(nn.Module):
    """A share of the letters is replaced by random ones; the mean over many draws is a vote of neighbours.

    Args:
        share: chance that a letter is redrawn; the new one may be the old.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, encoded: Tensor) -> Tensor:
        """(N, K, L) of (N, K, L), from torch's current generator; unknown letters stay."""
        known = encoded.amax(1) - encoded.amin(1) > 1e-3
        redrawn = (torch.rand(known.shape, device=encoded.device) < self.share) & known
        letters = torch.rand(encoded.shape, device=encoded.device)
        drawn = (letters == letters.amax(1, keepdim=True)).to(encoded.dtype)
        return torch.where(redrawn[:, None], drawn, encoded)
