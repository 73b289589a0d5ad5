"""Plausible composition: a candidate's k-mers stay about as likely under a background model as the clean sequence's.

The background is a Markov model of order m: a letter given the m before it. The measure is the mean over a sequence's
(m + 1)-mers of ln P(last letter | first m), in nats per letter. Logarithms are rounded to a billionth of a nat and
added as whole numbers, so that a candidate's measure does not depend on which edits led to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.constraints.base import judged, pieces
from seqrobust.threats.constraints.windows import any_within, changed_windows, word_codes

_NAT = 10**9
"""Units of a nat."""
_MOST_WORDS = 1 << 22
"""Order 10 for nucleotides, 4 for protein: beyond, a table is mostly pseudocounts."""


class Likelihood(NamedTuple):
    """Of M sequences: (M,) int64 summed log-likelihoods in billionths of a nat, and (M,) int64 (m + 1)-mers."""

    total: Tensor
    words: Tensor

    @property
    def per_letter(self) -> Tensor:
        """(M,) float64 nats per letter; NaN for a sequence without an (m + 1)-mer of known letters."""
        return self.total.double() / self.words / _NAT


@dataclass(frozen=True, kw_only=True, eq=False)
class MarkovModel:
    """A Markov model of order m.

    Attributes:
        alphabet: what the letters mean.
        order: m.
        table: (K ** (m + 1),) int64 ln P(last letter | first m) in billionths of a nat, the first letter most
            significant.
    """

    alphabet: Alphabet
    order: int
    table: NDArray[np.int64]

    @classmethod
    def fit(cls, background: SequenceSet, order: int, *, pseudocount: float = 1.0) -> MarkovModel:
        """From the (m + 1)-mers of known letters in some records.

        Args:
            background: the records; the strand they are given on is read.
            order: m.
            pseudocount: added to the count of every (m + 1)-mer.

        Raises ThreatError for an order out of reach, a pseudocount that is not positive, or records too short to
        hold an (m + 1)-mer.
        """
        alphabet = background.alphabet
        words = _table_size(alphabet, order)
        if not 0 < pseudocount < math.inf:
            raise ThreatError("a pseudocount is positive", found=f"{pseudocount:g}")
        counts = np.zeros(words + 1, np.int64)
        tokens = torch.tensor(background.tokens)
        if tokens.shape[1] > order:
            for part in pieces(len(tokens), tokens.shape[1]):
                counts += np.bincount(_codes(tokens[part], alphabet, order).flatten().numpy(), minlength=words + 1)
        if not counts[:words].any():
            raise ThreatError(
                f"the background holds no {order + 1} known letters in a row", fix="a lower order, or longer records"
            )
        raised = counts[:words].reshape(-1, alphabet.size) + pseudocount
        logarithms = np.log(raised / raised.sum(1, keepdims=True))
        return cls(alphabet=alphabet, order=order, table=np.round(logarithms.ravel() * _NAT).astype(np.int64))

    def per_letter(self, sequences: SequenceSet) -> NDArray[np.float64]:
        """(N,) nats per letter of each record; NaN where it holds no (m + 1)-mer of known letters."""
        bound = _Words(self, torch.tensor(sequences.tokens))
        return bound.clean.per_letter.numpy()

    def quantile(self, sequences: SequenceSet, share: float) -> float:
        """The log-likelihood per letter below which that share of some records lies (linear interpolation).

        Raises ThreatError for a share outside 0 to 1, or records that have none.
        """
        if not 0 <= share <= 1:
            raise ThreatError("a quantile lies between 0 and 1", found=f"{share:g}")
        values = self.per_letter(sequences)
        values = values[~np.isnan(values)]
        if not len(values):
            raise ThreatError(f"no record holds {self.order + 1} known letters in a row", fix="give longer records")
        return float(np.quantile(values, share))


@dataclass(frozen=True, kw_only=True, eq=False)
class MarkovPlausibility:
    """The log-likelihood per letter under a background model stays above a limit.

    The limit is the clean sequence's own less ``margin``, or ``floor``; a clean sequence below the floor is its own
    limit. A sequence without an (m + 1)-mer of known letters has no likelihood, and is allowed; so is any edit of
    one, as far as the margin goes.

    Attributes:
        model: the background.
        margin: nats per letter that an edit may cost; None where there is a floor.
        floor: lowest nats per letter, as of :meth:`MarkovModel.quantile`; None where there is a margin.

    Raises ThreatError where both or neither is given, or a margin is negative.
    """

    model: MarkovModel
    margin: float | None = None
    floor: float | None = None

    def __post_init__(self) -> None:
        if (self.margin is None) == (self.floor is None):
            raise ThreatError("plausibility has one limit", expected="a margin, or a floor")
        if self.margin is not None and not 0 <= self.margin < math.inf:
            raise ThreatError("a margin is 0 or more nats per letter", found=f"{self.margin:g}")
        if self.floor is not None and math.isnan(self.floor):
            raise ThreatError("a floor is a number of nats per letter", found="nan")

    def describe(self) -> str:
        """In words, as a sentence's part."""
        what = f"log-likelihood per letter under an order-{self.model.order} background"
        if self.margin is not None:
            return f"{what} at most {self.margin:g} nats below the clean sequence's"
        return f"{what} at least {self.floor:.4f} nats"

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundPlausibility:
        """The limit on those records. Raises ThreatError for another alphabet than the background's."""
        alphabet = self.model.alphabet
        if sequences.alphabet != alphabet:
            raise ThreatError(
                "the background is about other letters", expected=sequences.alphabet.name, found=alphabet.name
            )
        bound = _Words(self.model, torch.tensor(sequences.tokens).to(device))
        clean = bound.clean.per_letter
        if self.margin is not None:
            limit = clean - self.margin
        else:
            limit = torch.fmin(clean, torch.full_like(clean, self.floor or 0.0))
        return BoundPlausibility(bound=bound, rows=torch.arange(len(clean), device=clean.device), limit=limit)


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundPlausibility:
    """Limits of N records.

    Attributes:
        bound: the records first bound and their likelihoods.
        rows: (N,) int64, which of those each record is.
        limit: (N,) float64 lowest nats per letter, NaN where there is none.
    """

    bound: _Words
    rows: Tensor
    limit: Tensor

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool: see :class:`seqrobust.threats.constraints.base.BoundConstraint`."""
        allowed = []
        for part in pieces(len(tokens), tokens.shape[1]):
            value = self.bound.edited(tokens[part], self.rows[records[part]]).per_letter
            # Comparisons with NaN are false: what has no likelihood, or no limit, is allowed.
            allowed.append(~(value < self.limit[records[part]]))
        return judged(allowed, tokens)

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """Why one candidate is refused; None where it is allowed."""
        value = float(self.bound.edited(tokens[None], self.rows[record : record + 1]).per_letter)
        limit = float(self.limit[record])
        if value < limit:
            return f"log-likelihood per letter {value:.6f} nats is below the limit {limit:.6f}"
        return None

    def take(self, records: Tensor) -> BoundPlausibility:
        """The limits of those records; the clean k-mers are shared, not copied."""
        return replace(self, rows=self.rows[records], limit=self.limit[records])


class _Words:
    """The k-mers of some clean sequences, from which those of an edit differ in few."""

    def __init__(self, model: MarkovModel, tokens: Tensor) -> None:
        self.alphabet, self.order, self.tokens = model.alphabet, model.order, tokens
        # A last entry of zero, for k-mers with an unknown letter.
        self.table = torch.from_numpy(np.append(model.table, 0)).to(tokens.device)
        self.codes = self._codes(tokens)
        self.clean = self._sum(self.codes)

    def edited(self, tokens: Tensor, rows: Tensor) -> Likelihood:
        """Of (M, L) candidates, each an edit of the clean row of that number."""
        if tokens.shape[1] != self.tokens.shape[1]:
            # Letters came or went: nothing stands where it stood.
            return self._sum(self._codes(tokens))
        total, words = self.clean.total[rows], self.clean.words[rows]
        if self.codes.shape[1]:
            candidate, start = changed_windows(tokens, self.tokens[rows], self.order + 1)
            old, new = self.codes[rows[candidate], start], self._codes(tokens)[candidate, start]
            total = total.index_add(0, candidate, self.table[new.long()] - self.table[old.long()])
            words = words.index_add(0, candidate, self._known(new) - self._known(old))
        return Likelihood(total, words)

    def _codes(self, tokens: Tensor) -> Tensor:
        if tokens.shape[1] <= self.order:
            return torch.zeros(len(tokens), 0, dtype=torch.int32, device=tokens.device)
        return _codes(tokens, self.alphabet, self.order)

    def _known(self, codes: Tensor) -> Tensor:
        return (codes < len(self.table) - 1).long()

    def _sum(self, codes: Tensor) -> Likelihood:
        parts = [codes[part] for part in pieces(len(codes), codes.shape[1])]
        totals = [self.table[part.long()].sum(1) for part in parts]
        words = [self._known(part).sum(1) for part in parts]
        empty = torch.zeros(0, dtype=torch.int64, device=codes.device)
        return Likelihood(torch.cat([empty, *totals]), torch.cat([empty, *words]))


def _table_size(alphabet: Alphabet, order: int) -> int:
    """K ** (m + 1). Raises ThreatError for an order out of reach."""
    if order < 0 or alphabet.size ** (order + 1) > _MOST_WORDS:
        most = int(math.log(_MOST_WORDS, alphabet.size) + 1e-9) - 1
        raise ThreatError(
            "the order of a background model is out of reach",
            expected=f"0 to {most} for {alphabet.name}",
            found=str(order),
        )
    return int(alphabet.size ** (order + 1))


def _codes(tokens: Tensor, alphabet: Alphabet, order: int) -> Tensor:
    """(M, L - m) int32 the (m + 1)-mer from each column on, K ** (m + 1) where a letter of it is unknown."""
    width, size = order + 1, alphabet.size
    codes = word_codes(tokens.clamp(max=size - 1), width, size).int()
    return codes.masked_fill_(any_within(tokens >= size, width), size**width)
