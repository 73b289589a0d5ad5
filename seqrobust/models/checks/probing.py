"""Sequences that nobody brought, to see what else a module can say: random ones, and records with random edits."""

from __future__ import annotations

import torch
from torch import Tensor

from seqrobust.alphabet import Alphabet

_LETTERS = 100_000
_FEWEST, _MOST = 8, 128


def probes(tokens: Tensor, alphabet: Alphabet, generator: torch.Generator) -> Tensor:
    """(R, L) sequences as long as (M, L) records, between 8 and 128 of them: fewer where they are long.

    Half are random. Of the others some repeat one letter, which takes outputs far; the rest are records, of whose
    letters a random share, of any size, is drawn again. Unknown letters stay what they are.
    """
    width = max(tokens.shape[1], 1)
    count = min(max(_LETTERS // width, _FEWEST), _MOST)
    rows = tokens[torch.randint(len(tokens), (count,), generator=generator).to(tokens.device)].cpu()
    drawn = torch.randint(alphabet.size, rows.shape, generator=generator).to(torch.uint8)
    share = torch.rand(count, 1, generator=generator)
    share[: count // 2] = 1.0
    single = torch.arange(count // 2, count // 2 + min(alphabet.size, count // 4))
    drawn[single] = (single[:, None] % alphabet.size).to(torch.uint8)
    share[single] = 1.0
    edited = (torch.rand(rows.shape, generator=generator) < share) & (rows < alphabet.size)
    return torch.where(edited, drawn, rows).to(tokens.device)
