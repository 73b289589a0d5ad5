"""Codings: records written as columns of pieces, so that a change of another kind is a switch of one column's piece.

The substitution threat knows columns and letters only. A coding chooses what a column's letters stand for: a codon of
three letters (:mod:`~seqrobust.threats.coding.codons`), or one letter or none
(:mod:`~seqrobust.threats.coding.indels`). The closed form, every search and every constraint then work as they are; the
model is asked about the decoded sequence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.coding.decoded import BoundInView, Decoded
from seqrobust.threats.constraints.base import BoundConstraint
from seqrobust.threats.stated import SubstitutionThreat
from seqrobust.threats.substitution import EDITABLE, BoundThreat


class Written(NamedTuple):
    """An edited sequence as a table shows it.

    Attributes:
        text: what the model saw.
        edits: names of the changes, joined by semicolons.
        size: columns that changed, the unit of the budget.
        codon_edits: names of the codons that changed, such as ``K12AAA>AAG``; None where an edit is no codon's.
    """

    text: str
    edits: str
    size: int
    codon_edits: str | None = None


class Coding(Protocol):
    """How sequences are written as columns. Tokens of columns are those of ``alphabet``."""

    def on(self, sequences: SequenceSet) -> Coding:
        """The same coding, ready for those records. Raises ThreatError for records that cannot be written so."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What should be said of the records it is ready for."""

    @property
    def source(self) -> Alphabet:
        """Of the sequences."""

    @property
    def alphabet(self) -> Alphabet:
        """Of the columns."""

    @property
    def mixes(self) -> bool:
        """Whether a mixture of a column's pieces is a mixture of sequences, letter by letter."""

    def columns(self, sequences: SequenceSet) -> NDArray[np.uint8]:
        """(N, C) tokens of N records. Raises ThreatError for records that cannot be written so."""

    def decode(self, tokens: Tensor) -> Tensor:
        """(M, L) tokens of the sequences that (M, C) columns stand for."""

    def origins(self, tokens: Tensor) -> Tensor | None:
        """(M, L) int64 which clean letter each decoded one is, or took the place of; -1 where there is none.

        None where all letters stay in their places.
        """

    @property
    def cuts(self) -> bool:
        """Whether letters that were not edited can be pushed out of what the model sees."""

    @property
    def limit(self) -> BoundConstraint | None:
        """What (M, C) columns must keep to together, whatever the records; None for nothing."""

    def mixed(self, points: Tensor, tokens: Tensor, encoded: Tensor) -> Tensor:
        """(M, K, L) mixtures of sequences for (M, C', C) mixtures of pieces, where :attr:`mixes`.

        Args:
            points: weights of every column's pieces.
            tokens: (M, C) the heaviest pieces.
            encoded: (M, K, L) the model's input at those.
        """

    def pull(self, gradient: Tensor, tokens: Tensor) -> Tensor:
        """What switching each column to each piece changes, to first order.

        Args:
            gradient: (M, K, L) of a function of the model's input, at the decoded sequences.
            tokens: (M, C) columns there.

        Returns:
            (M, C', C), such that the difference of two pieces in a column is the gain of switching between them.
        """

    def blocked(self, tokens: NDArray[np.uint8], reasons: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, C) why each of (N, C) clean columns may not change, from the reasons (N, L) of the letters."""

    def permitted(self, tokens: NDArray[np.uint8], letters: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """(N, C', C) pieces that may stand in (N, C) clean columns; None where the costs say all there is to say.

        Args:
            tokens: clean columns.
            letters: (K, K) bool, row = letter of the sequence now, column = letter put there.
        """

    def weighed(self, blocked: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(N,) the number of positions that a budget in per cent is a share of, from (N, C) reasons."""

    def costs(self, letters: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C', C') what switching pieces costs, from the (K, K) costs of switching letters.

        Raises ThreatError for costs that mean nothing here.
        """

    def written(self, text: str, clean: NDArray[np.uint8], tokens: NDArray[np.uint8]) -> Written:
        """An edited record, from its own text and its (C,) columns before and after."""

    def describe(self, budget: str) -> str:
        """``at most 3 ...`` in words."""


class Moves(Protocol):
    """What one edit is, before it is known of which records."""

    def on(self, sequences: SequenceSet) -> Coding:
        """As columns of those records. Raises ThreatError for records that cannot be written so."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CodedSet(SequenceSet):
    """Records written as columns; ``letters`` holds the columns' tokens.

    Attributes:
        coding: how.
        plain: the records themselves.
    """

    coding: Coding
    plain: SequenceSet

    @classmethod
    def of(cls, sequences: SequenceSet, moves: Moves) -> CodedSet:
        """Those records, written so. Raises ThreatError where that cannot be."""
        coding = moves.on(sequences)
        tokens = coding.columns(sequences)
        return cls(
            alphabet=coding.alphabet,
            letters=tokens,
            lengths=np.count_nonzero(tokens != coding.alphabet.padding, axis=1),
            ids=sequences.ids,
            targets=sequences.targets,
            groups=sequences.groups,
            splits=sequences.splits,
            regions=sequences.regions,
            readings=sequences.readings,
            clusters=sequences.clusters,
            coding=coding,
            plain=sequences,
        )

    @cached_property
    def tokens(self) -> NDArray[np.uint8]:
        """(N, C) tokens of the columns."""
        return self.letters

    @cached_property
    def texts(self) -> list[str]:
        """The records as text."""
        return self.plain.texts

    def take(self, records: ArrayLike) -> CodedSet:
        """Those records."""
        taken = super().take(records)
        assert isinstance(taken, CodedSet)
        return replace(taken, plain=self.plain.take(records))

    def written(self, tokens: NDArray[np.uint8]) -> list[Written]:
        """What (N, C) edited columns stand for."""
        rows = zip(self.plain.texts, self.letters, tokens, strict=True)
        return [self.coding.written(*row) for row in rows]


@dataclass(frozen=True, kw_only=True)
class CodedThreat(SubstitutionThreat):
    """The threat on records that are written as columns: a budget of columns that change.

    Region names, letter rules and constraints are about the sequences, as ever.
    """

    coding: Coding

    @classmethod
    def of(cls, threat: SubstitutionThreat, coding: Coding) -> CodedThreat:
        """The same budget, regions and rules."""
        return cls(
            budget=threat.budget,
            protect=threat.protect,
            only=threat.only,
            letters=threat.letters,
            constraints=threat.constraints,
            coding=coding,
        )

    def blocked(self, sequences: SequenceSet) -> NDArray[np.uint8]:
        """(N, C) why each column may not change. Raises ThreatError for a region name that no record has."""
        assert isinstance(sequences, CodedSet)
        return self.coding.blocked(sequences.tokens, super().blocked(sequences.plain))

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundThreat:
        """The threat on those columns, as tensors on a device. Raises ThreatError as :meth:`blocked` does."""
        bound = super().bind(sequences, device)
        letters = np.isfinite(super().costs(self.coding.source))
        permitted = self.coding.permitted(sequences.tokens, letters)
        if permitted is None:
            return bound
        return replace(bound, permitted=bound.permitted & torch.from_numpy(permitted).to(device) | bound.clean)

    def costs(self, alphabet: Alphabet) -> NDArray[np.float64]:
        """(C', C') what switching the row's piece for the column's costs, infinity where it may not be."""
        return self.coding.costs(super().costs(self.coding.source))

    def positions(self, blocked: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(N,) the number of positions that a budget in per cent is a share of, or that a count is cut to."""
        return self.coding.weighed(blocked) if self.budget.percent else super().positions(blocked)

    def constraint_on(self, sequences: SequenceSet, device: torch.device | str) -> BoundConstraint | None:
        """The constraints, asked about decoded candidates; letters that may not change may not be cut off either."""
        plain = _plain(sequences)
        parts: list[BoundConstraint] = []
        if self.coding.cuts and (self.protect or self.only):
            held = (self.closed(plain) != EDITABLE) & (plain.tokens != plain.alphabet.padding)
            parts.append(BoundInView(held=torch.from_numpy(held).to(device)))
        if (stated := super().constraint_on(plain, device)) is not None:
            parts.append(stated)
        limit = self.coding.limit
        return Decoded(parts=tuple(parts), coding=self.coding, columns=limit) if parts or limit else None

    def describe(self) -> str:
        """In words, as a sentence's part."""
        words = super().describe().split(", ")
        kept = ["no letter that may not change is cut off"] if self.coding.cuts and (self.protect or self.only) else []
        return ", ".join([self.coding.describe(str(self.budget)), *words[1:], *kept])


def _plain(sequences: SequenceSet) -> SequenceSet:
    return sequences.plain if isinstance(sequences, CodedSet) else sequences
