"""What stands between the motifs: a Markov chain over letters, of order 0 where letters are independent.

A background never draws random numbers itself: it maps uniforms in [0, 1) to letters by the inverse distribution
function, a column at a time for all records together, so that each record keeps a random stream of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqrobust.alphabet import PROTEIN, Alphabet
from seqrobust.errors import ConfigError
from seqrobust.sequences.sequence_set import SequenceSet

MAX_CONTEXTS = 1_000_000
"""Most contexts (K to the order) a chain may have: DNA up to order 9, protein up to order 4."""

# Residues in percent, UniProtKB/Swiss-Prot release statistics (2020s releases; they move by 0.01 a year).
SWISS_PROT_PERCENT = {
    **{"A": 8.25, "C": 1.38, "D": 5.46, "E": 6.72, "F": 3.86, "G": 7.07, "H": 2.27, "I": 5.91, "K": 5.80, "L": 9.65},
    **{"M": 2.41, "N": 4.06, "P": 4.74, "Q": 3.93, "R": 5.53, "S": 6.64, "T": 5.35, "V": 6.86, "W": 1.10, "Y": 2.92},
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Background:
    """A stationary Markov chain of order m over the K letters of an alphabet.

    Attributes:
        alphabet: the letters.
        order: m, how many letters back the next one depends on.
        transitions: (K^m, K) probability of the next letter after each context; contexts in alphabetical order of
            their letters (``AA``, ``AC``, ... for DNA and m = 2). Rows sum to one.
    """

    alphabet: Alphabet
    order: int
    transitions: NDArray[np.float64]

    def __post_init__(self) -> None:
        contexts = _context_count(self.alphabet, self.order)
        table = np.asarray(self.transitions, np.float64)
        if table.shape != (contexts, self.alphabet.size):
            raise ConfigError(
                "the transition table has the wrong shape",
                expected=f"{contexts} rows of {self.alphabet.size} for order {self.order} over {self.alphabet.name}",
                found=" by ".join(map(str, table.shape)),
            )
        if not np.isfinite(table).all() or (table < 0).any() or not np.allclose(table.sum(1), 1, atol=1e-6):
            raise ConfigError("a row of the transition table is no distribution", expected="no negatives, sum 1")
        object.__setattr__(self, "transitions", table / table.sum(1, keepdims=True))

    @cached_property
    def stationary(self) -> NDArray[np.float64]:
        """(K^m,) how often each context stands, from power iteration of the lazy chain (which always settles)."""
        share = np.full(len(self.transitions), 1 / len(self.transitions))
        for _ in range(10_000):
            flow = (share[:, None] * self.transitions).reshape(-1)
            # Dropping a context's first letter and adding the next one: sum over the first letter.
            arrived = flow.reshape(self.alphabet.size, -1).sum(0) if self.order else share
            change = np.abs(arrived - share).sum()
            share = (arrived + share) / 2
            if change < 1e-13:
                break
        return share

    @cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """(K,) how often each letter stands."""
        found: NDArray[np.float64] = self.stationary @ self.transitions
        found /= found.sum()
        return found

    def draw(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(N, L) tokens, one for each of (N, L) uniforms in [0, 1). Rows depend on their own uniforms only."""
        count, length = uniforms.shape
        tokens = np.empty((count, max(length, self.order)), np.uint8)
        state = _inverse(np.cumsum(self.stationary), uniforms[:, 0])
        for back in range(self.order):
            tokens[:, back] = state // self.alphabet.size ** (self.order - 1 - back) % self.alphabet.size
        cumulative = np.cumsum(self.transitions, axis=1)
        if self.order == 0:
            return _inverse(cumulative[0], uniforms).astype(np.uint8)
        for column in range(self.order, length):
            letter = (uniforms[:, column, None] >= cumulative[state, :-1]).sum(1)
            tokens[:, column] = letter
            state = (state * self.alphabet.size + letter) % len(self.transitions)
        return tokens[:, :length]


def _inverse(cumulative: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Index whose share of [0, 1) holds each uniform; without the last boundary, which rounding may put under 1."""
    return np.searchsorted(cumulative[:-1], uniforms, side="right").astype(np.int64)


def _context_count(alphabet: Alphabet, order: int) -> int:
    if order < 0 or alphabet.size**order > MAX_CONTEXTS:
        raise ConfigError(
            "a Markov chain of that order cannot be held",
            expected=f"order >= 0 with at most {MAX_CONTEXTS} contexts",
            found=f"order {order} over {alphabet.name}",
        )
    return int(alphabet.size**order)


def letter_background(alphabet: Alphabet, frequencies: Mapping[str, float]) -> Background:
    """Independent letters of given relative frequencies. Raises ConfigError unless each letter has one, none negative.

    >>> from seqrobust.alphabet import DNA
    >>> letter_background(DNA, {"A": 3, "C": 2, "G": 2, "T": 3}).frequencies
    array([0.3, 0.2, 0.2, 0.3])
    """
    if set(frequencies) != set(alphabet.letters):
        raise ConfigError("a frequency for every letter", expected=", ".join(alphabet.letters), found=str(frequencies))
    values = np.array([[frequencies[letter] for letter in alphabet.letters]], np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise ConfigError("letter frequencies are not negative and not all zero", found=str(dict(frequencies)))
    return Background(alphabet=alphabet, order=0, transitions=values / values.sum())


def uniform_background(alphabet: Alphabet) -> Background:
    """Independent letters, all equally frequent."""
    return letter_background(alphabet, dict.fromkeys(alphabet.letters, 1.0))


def gc_background(alphabet: Alphabet, gc: float) -> Background:
    """Independent nucleotides, G and C with the share ``gc``. Raises ConfigError for protein, or gc outside 0..1."""
    if not alphabet.complement:
        raise ConfigError("GC content is defined for nucleotides only", found=f"alphabet {alphabet.name}")
    if not 0 <= gc <= 1:
        raise ConfigError("GC content is a share", expected="a number from 0 to 1", found=str(gc))
    return letter_background(alphabet, {a: (gc if a in "GC" else 1 - gc) / 2 for a in alphabet.letters})


def swiss_prot_background() -> Background:
    """Independent residues as frequent as in Swiss-Prot."""
    return letter_background(PROTEIN, SWISS_PROT_PERCENT)


def markov_background(alphabet: Alphabet, transitions: Mapping[str, ArrayLike]) -> Background:
    """A chain from a table: context (m letters, the same m for all) to K weights of the next letter.

    Raises ConfigError where a context is missing or contexts differ in length.

    >>> from seqrobust.alphabet import DNA
    >>> sticky = {a: [7.0 if a == b else 1.0 for b in "ACGT"] for a in "ACGT"}
    >>> markov_background(DNA, sticky).transitions[0]
    array([0.7, 0.1, 0.1, 0.1])
    """
    orders = {len(context) for context in transitions}
    if len(orders) != 1:
        raise ConfigError(
            "contexts of one length", expected="every word of m letters", found=str(list(transitions)[:8])
        )
    order = orders.pop()
    contexts = [""]
    for _ in range(order if _context_count(alphabet, order) else 0):
        contexts = [word + letter for word in contexts for letter in alphabet.letters]
    if missing := [word for word in contexts if word not in transitions]:
        raise ConfigError("a context has no row in the transition table", found=f"no row for {', '.join(missing[:8])}")
    table = np.array([np.asarray(transitions[word], np.float64) for word in contexts])
    totals = table.sum(1, keepdims=True)
    if (totals <= 0).any():
        raise ConfigError("a row of the transition table is all zeros")
    return Background(alphabet=alphabet, order=order, transitions=table / totals)


def estimate_background(sequences: SequenceSet, order: int, *, pseudocount: float = 1.0) -> Background:
    """The chain of a given order whose (m+1)-letter words are as frequent as in those records.

    ``pseudocount`` is added to every count, so that an unseen context stays possible. Words that hold an unknown letter
    do not count. Raises ConfigError where there is nothing to count.
    """
    contexts, size = _context_count(sequences.alphabet, order), sequences.alphabet.size
    tokens = sequences.tokens.astype(np.int64)
    windows = max(tokens.shape[1] - order, 0)
    words = np.zeros((len(tokens), windows), np.int64)
    known = np.ones_like(words, dtype=bool)
    for offset in range(order + 1):
        column = tokens[:, offset : offset + windows]
        words = words * size + column
        known &= column < size
    counts = np.bincount(words[known], minlength=contexts * size).reshape(contexts, size) + float(pseudocount)
    if pseudocount < 0 or (counts.sum(1) == 0).any():
        raise ConfigError("a context never occurs in the records", fix="use a lower order, or a pseudocount above 0")
    return Background(alphabet=sequences.alphabet, order=order, transitions=counts / counts.sum(1, keepdims=True))
