"""A background model of sequences: how likely each letter is among its neighbours, and how likely a whole record.

A Markov model of order m whose probabilities fall back on shorter contexts where a longer one was seen seldom:

    P_m(a | c) = (count(c a) + s P_{m-1}(a | c without its first letter)) / (count(c) + s),    P_{-1} = 1 / K

which is interpolation with a Dirichlet prior (MacKay and Peto 1995). The record's score is the mean over its
(m + 1)-mers of known letters of -ln P(last | first m), nats per letter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.uncertainty.members import Scorer
from seqrobust.errors import ConfigError
from seqrobust.sequences import SequenceSet
from seqrobust.threats.constraints.markov import MarkovModel
from seqrobust.threats.constraints.windows import any_within, word_codes

_NAT = 10**9
MOST = 5
"""Highest order for nucleotides; one less for protein, whose words are 20 ** 5 by then."""


def fit_background(sequences: SequenceSet, order: int, *, strength: float = 4.0) -> MarkovModel:
    """The background of some records.

    Args:
        sequences: the records.
        order: m, at most :data:`MOST`.
        strength: s, how many sightings of a context the shorter one is worth.

    Raises ConfigError for an order out of reach.
    """
    alphabet = sequences.alphabet
    size = alphabet.size
    most = MOST if size == 4 else MOST - 1
    if not 0 <= order <= most:
        expected = f"0 to {most} for {alphabet.name}"
        raise ConfigError("the order of a background model is out of reach", expected=expected, found=str(order))
    tokens = torch.tensor(sequences.tokens)
    chance = np.full(size, 1 / size)
    for length in range(1, order + 2):
        counts = _counts(tokens, alphabet, length).reshape(-1, size)
        # A word of one letter fewer is the shorter context with its letter: they repeat for each letter in front.
        shorter = np.tile(chance.reshape(-1, size), (size if length > 1 else 1, 1))
        chance = ((counts + strength * shorter) / (counts.sum(1, keepdims=True) + strength)).ravel()
    return MarkovModel(alphabet=alphabet, order=order, table=np.round(np.log(chance) * _NAT).astype(np.int64))


def _counts(tokens: Tensor, alphabet: Alphabet, length: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    words = alphabet.size**length
    if tokens.shape[1] < length:
        return np.zeros(words)
    codes = word_codes(tokens.clamp(max=alphabet.size - 1), length, alphabet.size).long()
    known = ~any_within(tokens >= alphabet.size, length)
    return np.bincount(codes[known].numpy(), minlength=words)[:words].astype(np.float64)


class Words(NamedTuple):
    """What stands in M records: (M, L - m) int64 words of m + 1 letters, and whether all letters of one are known."""

    code: Tensor
    known: Tensor


class Background(Scorer):
    """The score of a background model, with a slope for searches.

    Attributes:
        order: m.
        table: (K ** (m + 1),) float32 ln P.
    """

    table: Tensor

    def __init__(self, model: MarkovModel) -> None:
        super().__init__()
        self.order, self.size = model.order, model.alphabet.size
        self.register_buffer("table", torch.from_numpy(model.table / _NAT).float())

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N,) nats per letter; 0 for a record without a word of known letters. Its gradient at a sequence is that of
        the score's multilinear extension: the change that each single substitution makes."""
        if encoded.shape[2] <= self.order:
            return (encoded * 0).sum((1, 2))
        words = self.words(encoded)
        count = words.known.sum(1).clamp(min=1)
        with torch.no_grad():
            value = -(self.table[words.code] * words.known).sum(1) / count
            slope = -self.replaced(words) / count[:, None, None]
        tilt = (encoded * slope).sum((1, 2))
        return value + (tilt - tilt.detach())

    def words(self, encoded: Tensor) -> Words:
        """The words of one-hot (M, K, L); a column without a largest letter holds an unknown one, or none."""
        with torch.no_grad():
            letter = encoded.argmax(1)
            spread = encoded.amax(1) - encoded.amin(1)
            length = encoded.shape[2] - self.order
            code = torch.zeros_like(letter[:, :length])
            known = torch.ones_like(code, dtype=torch.bool)
            for place in range(self.order + 1):
                code = code * self.size + letter[:, place : place + length]
                known = known & (spread[:, place : place + length] > 1e-3)
        return Words(code, known)

    def replaced(self, words: Words) -> Tensor:
        """(M, K, L) summed ln P of the words that hold a position, with each letter put there."""
        rows, length = words.code.shape
        total = self.table.new_zeros(rows, self.size, length + self.order)
        letters = torch.arange(self.size, device=words.code.device)[:, None]
        for place in range(self.order + 1):
            unit = self.size ** (self.order - place)
            digit = words.code // unit % self.size
            other = (words.code - digit * unit)[:, None] + letters * unit
            total[:, :, place : place + length] += self.table[other] * words.known[:, None]
        return total

    def posterior(self, encoded: Tensor) -> Tensor:
        """(M, K, L) probability of each letter given all others, from the words that hold its position."""
        if encoded.shape[2] <= self.order:
            return torch.full_like(encoded, 1 / self.size)
        return self.replaced(self.words(encoded)).softmax(1)
