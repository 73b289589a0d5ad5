"""Insertions and deletions beside substitutions: edit distance as switches of columns.

A record of L letters is written as 2 L + 1 columns: a gap, a letter, a gap, ... a letter, a gap. A column holds one
letter or none. Emptying a letter's column is a deletion, filling a gap an insertion, and each costs one edit, so a
member at a cost of k is within Levenshtein distance k of the record. Of the sequences at that distance those with two
letters inserted into one gap are left out.

What a model of fixed length sees of a sequence that has grown or shrunk is a choice, the ``anchor``:

* ``left``: the first letter stays where it is; what grows over the end is cut off, what is missing there is unknown
  (N, X).
* ``right``: the same with the last letter and the beginning.
* ``free``: the model sees the sequence at its own length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.encoding import one_hot
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.coding.base import Written
from seqrobust.threats.substitution import EDITABLE, PADDING, UNKNOWN

Anchor: TypeAlias = Literal["left", "right", "free"]

_ENDS = {
    "left": "the first letter keeps its place: what grows over the end is cut, what is missing is unknown",
    "right": "the last letter keeps its place: what grows over the beginning is cut, what is missing is unknown",
    "free": "lengths change",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Indels:
    """Substitutions, insertions and deletions.

    Attributes:
        source: alphabet of the sequences.
        anchor: which end stays where it is.
    """

    source: Alphabet
    anchor: Anchor = "left"

    def on(self, sequences: SequenceSet) -> Indels:
        """Itself: a column's letter says all there is to know."""
        return self

    @property
    def notices(self) -> tuple[str, ...]:
        """Nothing needs saying."""
        return ()

    @property
    def mixes(self) -> bool:
        """False: there is nothing between a letter and none."""
        return False

    @cached_property
    def alphabet(self) -> Alphabet:
        """The letters, and ``-`` for none."""
        letters = self.source.letters + "-"
        return Alphabet(name=f"{self.source.name} or none", letters=letters, ambiguity={}, complement={})

    @property
    def _none(self) -> int:
        return self.source.size

    def columns(self, sequences: SequenceSet) -> NDArray[np.uint8]:
        """(N, 2 L + 1) tokens."""
        tokens = sequences.tokens
        codes = np.arange(self.source.size + 2, dtype=np.uint8)
        codes[self.source.unknown], codes[self.source.padding] = self.alphabet.unknown, self.alphabet.padding
        columns = np.full((len(tokens), 2 * tokens.shape[1] + 1), self._none, np.uint8)
        columns[:, 1::2] = codes[tokens]
        behind = np.arange(columns.shape[1]) > 2 * sequences.lengths[:, None]
        columns[behind] = self.alphabet.padding
        return columns

    # Decoding -----------------------------------------------------------------------------------------------------

    def _places(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(M, C) bool whether a column holds a letter, (M, C) where that letter stands (the next one's place for an
        empty column), and (M,) letters of what the model sees."""
        there = tokens != self.alphabet.padding
        present = (tokens != self._none) & there
        count = present.sum(1)
        place = present.cumsum(1) - present.long()
        if self.anchor == "free":
            # A model cannot be asked about nothing at all.
            return present, place, count.clamp(min=1)
        length = (there.sum(1) - 1) // 2
        return present, place if self.anchor == "left" else place + (length - count)[:, None], length

    def _width(self, tokens: Tensor, length: Tensor) -> int:
        if self.anchor != "free":
            return (tokens.shape[1] - 1) // 2
        return int(length.max().item()) if len(tokens) else 0

    def decode(self, tokens: Tensor) -> Tensor:
        """(M, L) tokens of what the model sees of (M, C) columns."""
        present, place, length = self._places(tokens)
        width = self._width(tokens, length)
        inside = torch.arange(width, device=tokens.device) < length[:, None]
        seen = torch.where(inside, self.source.unknown, self.source.padding).to(torch.uint8)
        shown = present & (place >= 0) & (place < length[:, None])
        row, column = torch.nonzero(shown, as_tuple=True)
        letter = tokens[row, column]
        letter = torch.where(letter == self.alphabet.unknown, self.source.unknown, letter)
        seen[row, place[row, column]] = letter
        return seen

    def origins(self, tokens: Tensor) -> Tensor:
        """(M, L) int64 which clean letter each one of :meth:`decode` is, or took the place of; -1 for the others."""
        present, place, length = self._places(tokens)
        found = torch.full((len(tokens), self._width(tokens, length)), -1, device=tokens.device)
        column = torch.arange(tokens.shape[1], device=tokens.device)
        shown = present & (place >= 0) & (place < length[:, None]) & (column % 2 == 1)
        row, at = torch.nonzero(shown, as_tuple=True)
        found[row, place[row, at]] = at // 2
        return found

    @property
    def cuts(self) -> bool:
        """Whether what grows over an end is cut off."""
        return self.anchor != "free"

    @property
    def limit(self) -> None:
        """Columns keep to nothing together."""

    def mixed(self, points: Tensor, tokens: Tensor, encoded: Tensor) -> Tensor:
        """There is no mixture: the model's input at the heaviest pieces."""
        return encoded

    # First order --------------------------------------------------------------------------------------------------

    def pull(self, gradient: Tensor, tokens: Tensor) -> Tensor:
        """(M, K + 1, C) gains of switching each column, 0 for what it holds.

        With G the gradient and x the letters, deleting the letter at place p moves all behind it one place ahead:

            gain = -G[x_p, p] + sum over letters j behind p of (G[x_j, j - 1] - G[x_j, j])

        and inserting b before it moves p and all behind it one place back:

            gain = G[b, p] + sum over letters j from p on of (G[x_j, j + 1] - G[x_j, j])

        (places that the model does not see count nothing). Sums from either end make all of them in one pass. Anchored
        at the right, what is ahead of p moves instead.
        """
        present, place, length = self._places(tokens)
        if self.anchor != "free":
            seen = torch.arange(gradient.shape[2], device=gradient.device) < length[:, None]
            gradient = gradient * seen[:, None]
        held = one_hot(tokens, self.alphabet)[:, : self.source.size]

        def value(shift: int) -> Tensor:
            """(M, C) of each letter's gradient, were it so many places further back."""
            return (_at(gradient, place + shift) * held).sum(1) * present

        now, ahead, back = value(0), value(-1), value(1)
        if self.anchor == "right":
            closing, opening = _before(back - now), _before(ahead - now)
            inserted = _at(gradient, place - 1)
        else:
            closing, opening = _behind(ahead - now), _behind(back - now)
            inserted = _at(gradient, place)
        switched = _at(gradient, place) - now[:, None]
        letters = torch.where(present[:, None], switched, inserted + opening[:, None])
        none = torch.where(present, closing - now, 0.0)
        gains = torch.cat([letters, none[:, None]], dim=1)
        # What a column holds is no change, whatever rounding says.
        return gains.masked_fill(one_hot(tokens, self.alphabet).bool(), 0.0)

    # The threat ---------------------------------------------------------------------------------------------------

    def permitted(self, tokens: NDArray[np.uint8], letters: NDArray[np.bool_]) -> None:
        """Any letter, or none, may stand in any column, as the costs say."""

    def blocked(self, tokens: NDArray[np.uint8], reasons: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, C) why each column may not change: a letter's own reason, a gap's where both neighbours have one.

        So nothing is inserted inside a protected region, but right before and behind it. An unknown letter is no
        obstacle to an insertion beside it.
        """
        columns = np.full((len(reasons), 2 * reasons.shape[1] + 1), EDITABLE, np.uint8)
        columns[:, 1::2] = reasons
        closed = np.where(reasons == UNKNOWN, EDITABLE, reasons)
        # The outermost gaps have one neighbour, and go with it.
        left = np.concatenate([closed[:, :1], closed], axis=1)
        right = np.concatenate([closed, closed[:, -1:]], axis=1)
        right = np.where(right == PADDING, left, right)
        columns[:, 0::2] = np.where((left != EDITABLE) & (right != EDITABLE), left, EDITABLE)
        columns[tokens == self.alphabet.padding] = PADDING
        return columns

    def weighed(self, blocked: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(N,) letters that may change; gaps are not counted."""
        return np.asarray((blocked[:, 1::2] == EDITABLE).sum(1), np.int64)

    def costs(self, letters: NDArray[np.float64]) -> NDArray[np.float64]:
        """One for an insertion or a deletion, as for a substitution. Raises ThreatError for unequal letter costs."""
        if ((letters > 0) & np.isfinite(letters) & (letters != 1)).any():
            raise ThreatError("with insertions and deletions every edit costs one", fix="use a rule without costs")
        size = self.source.size
        table = np.ones((size + 1, size + 1))
        table[:size, :size] = letters
        table[size, size] = 0
        return table

    def describe(self, budget: str) -> str:
        """In words."""
        if "%" in budget:
            amount = f"substitutions, insertions or deletions at no more than {budget} of the editable positions"
        else:
            amount = f"at most {budget} substitutions, insertions or deletions"
        return f"{amount} ({_ENDS[self.anchor]})"

    def written(self, text: str, clean: NDArray[np.uint8], tokens: NDArray[np.uint8]) -> Written:
        """``A5G`` is a substitution, ``A5del`` a deletion, ``5_6insG`` an insertion between letters 5 and 6.

        Letters are numbered in the clean sequence.
        """
        pieces, names, last = [], [], 0
        for column in np.flatnonzero(clean != tokens).tolist():
            new = self.alphabet.letters[int(tokens[column])].replace("-", "")
            place = column // 2
            if column % 2:
                pieces.append(text[last:place])
                names.append(f"{text[place]}{place + 1}{new or 'del'}")
                last = place + 1
            else:
                pieces.append(text[last:place])
                names.append(f"{place}_{place + 1}ins{new}")
                last = place
            pieces.append(new)
        grown = "".join([*pieces, text[last:]])
        return Written(self._seen(grown, len(text)), ";".join(names), len(names))

    def _seen(self, grown: str, length: int) -> str:
        other = self.source.any_letter
        if self.anchor == "free":
            return grown or other
        if self.anchor == "left":
            return grown[:length].ljust(length, other)
        return grown[max(len(grown) - length, 0) :].rjust(length, other)


def _at(gradient: Tensor, place: Tensor) -> Tensor:
    """(M, K, C) columns of an (M, K, L) gradient at (M, C) places; 0 at those outside."""
    width = gradient.shape[2]
    if not width:
        return gradient.new_zeros(*gradient.shape[:2], place.shape[1])
    index = place.clamp(0, width - 1)[:, None].expand(-1, gradient.shape[1], -1)
    return gradient.gather(2, index) * ((place >= 0) & (place < width))[:, None]


def _behind(values: Tensor) -> Tensor:
    """(M, C) sums of (M, C) values over all later columns."""
    return values.flip(1).cumsum(1).flip(1) - values


def _before(values: Tensor) -> Tensor:
    """(M, C) sums of (M, C) values over all earlier columns."""
    return values.cumsum(1) - values
