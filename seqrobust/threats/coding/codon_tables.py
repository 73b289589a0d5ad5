"""Codons of several records as tables of columns, and the letters that columns put on their records.

The first columns of a record say which record it is, as a barcode does: what a column's letters are depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.sequences.encoding import one_hot
from seqrobust.threats.coding.frames import Frames

CODONS = 64
"""Tokens of codons; unknown and padding are the two behind them."""
BARCODE = 4
"""Columns that tell the record, as a number of that many digits to the base of 64."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CodonTables:
    """C columns of R records.

    Attributes:
        source: alphabet of the sequences.
        clean: (R, L) uint8 tokens of the records.
        frames: the columns of each record, without its barcode.
    """

    source: Alphabet
    clean: NDArray[np.uint8]
    frames: Sequence[Frames]

    @cached_property
    def tokens(self) -> NDArray[np.uint8]:
        """(R, C) clean columns: the barcode, the codons, padding."""
        barcodes = np.arange(len(self.frames))[:, None] // CODONS ** np.arange(BARCODE)[::-1] % CODONS
        codons = _padded([one.clean for one in self.frames], CODONS + 1, ())
        return np.concatenate([barcodes, codons], axis=1).astype(np.uint8)

    @cached_property
    def letters(self) -> NDArray[np.int32]:
        """(R, C, 3) where the letters of each column stand, -1 where there is none."""
        return behind_barcode([one.letters for one in self.frames], -1, (3,)).astype(np.int32)

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """(R, C, 3) where each column writes, -1 where it does not."""
        owned = [np.where(one.owned, one.letters, -1) for one in self.frames]
        return behind_barcode(owned, -1, (3,)).astype(np.int32)

    @cached_property
    def minus(self) -> NDArray[np.bool_]:
        """(R, C, 3) whether a letter is of the other strand."""
        return behind_barcode([one.minus for one in self.frames], 0, (3,)).astype(bool)

    def records(self, tokens: Tensor) -> Tensor:
        """(M,) numbers of the records, from (M, C) tokens."""
        digits = tokens[:, :BARCODE].long()
        weights = torch.tensor([CODONS**power for power in reversed(range(BARCODE))], device=tokens.device)
        return (digits * weights).sum(1)

    @cached_property
    def _on_device(self) -> dict[tuple[str, str], Tensor]:
        return {}

    def of(self, name: Literal["places", "minus", "clean"], tokens: Tensor) -> Tensor:
        """The rows of a table that belong to (M, C) tokens, on their device."""
        key = name, str(tokens.device)
        if key not in self._on_device:
            table = self.clean if name == "clean" else self.places if name == "places" else self.minus
            self._on_device[key] = torch.tensor(table, device=tokens.device)
        return self._on_device[key][self.records(tokens)]

    @cached_property
    def three(self) -> Tensor:
        """(66, 3) uint8 letters of each token in the order they are read; those of padding mean nothing."""
        codes = torch.arange(CODONS + 2)
        return torch.stack([codes // 16 % 4, codes // 4 % 4, codes % 4], dim=1).to(torch.uint8)

    def decode(self, tokens: Tensor) -> Tensor:
        """(M, L) tokens of the sequences of (M, C) columns."""
        letters = self.three.to(tokens.device)[tokens.long()]
        turned = torch.from_numpy(self.source.complement_table.copy()).to(tokens.device)
        letters = torch.where(self.of("minus", tokens), turned[letters.long()], letters)
        clean = self.of("clean", tokens)
        place = self.of("places", tokens).long()
        # Letters that a column does not write go into a place behind the end.
        place = torch.where(place < 0, clean.shape[1], place)
        wide = torch.cat([clean, clean[:, :1]], dim=1)
        return wide.scatter_(1, place.flatten(1), letters.flatten(1))[:, :-1].contiguous()

    def mixed(self, points: Tensor, tokens: Tensor, encoded: Tensor) -> Tensor:
        """(M, K, L) mixtures of letters, for mixtures of codons."""
        letters = one_hot(self.three[:CODONS], self.source).to(points)
        place, minus = self.of("places", tokens).long(), self.of("minus", tokens)
        turned = torch.from_numpy(self.source.complement_table[: self.source.size].astype(np.int64))
        wide = torch.cat([encoded, encoded[:, :, :1]], dim=2)
        place = torch.where(place < 0, encoded.shape[2], place)
        for offset in range(3):
            weights = torch.einsum("mcl,ck->mkl", points, letters[:, :, offset])
            weights = torch.where(minus[:, None, :, offset], weights[:, turned.to(points.device)], weights)
            wide.scatter_(2, place[:, None, :, offset].expand(-1, self.source.size, -1), weights.to(wide))
        return wide[:, :, :-1].contiguous()

    def pull(self, gradient: Tensor, tokens: Tensor) -> Tensor:
        """(M, 64, C): of a codon, the sum of its letters' gradients where they stand, complemented on the other strand.

        With p_j the places of a column's three letters and c_j what codon c puts there,

            G[c] = G[c_1, p_1] + G[c_2, p_2] + G[c_3, p_3]
        """
        place, minus = self.of("places", tokens).long(), self.of("minus", tokens)
        size = self.source.size
        turned = torch.from_numpy(self.source.complement_table[:size].astype(np.int64)).to(gradient.device)
        there = []
        for offset in range(3):
            at = place[:, None, :, offset]
            found = gradient.gather(2, at.clamp(min=0).expand(-1, size, -1)) * (at >= 0)
            there.append(torch.where(minus[:, None, :, offset], found[:, turned], found))
        first, second, third = there
        sums = first[:, :, None, None] + second[:, None, :, None] + third[:, None, None, :]
        return sums.flatten(1, 3)


def _padded(rows: Sequence[NDArray[np.generic]], fill: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(R, C, ...) of rows of unequal length."""
    width = max((len(row) for row in rows), default=0)
    padded = np.full((len(rows), width, *shape), fill, np.int64)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = row
    return padded


def behind_barcode(rows: Sequence[NDArray[np.generic]], fill: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(R, C, ...) of rows of unequal length, with as much filling ahead as a barcode is wide."""
    barcode = np.full((len(rows), BARCODE, *shape), fill, np.int64)
    return np.concatenate([barcode, _padded(rows, fill, shape)], axis=1)
