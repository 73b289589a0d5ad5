"""Words that an adversary writes and destroys more often than random edits of the same number do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.probe.chosen import Chosen, adjusted, enriched
from seqrobust.sequences import SequenceSet
from seqrobust.threats.constraints.windows import changed_windows, word_codes

Deed = Literal["written", "destroyed"]
WIDTHS = {4: (4, 5, 6, 7, 8), 20: (2, 3, 4)}
"""Widths of words by the size of the alphabet."""
LEVEL = 0.05
MOST = 20


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word that edits write, or destroy.

    Attributes:
        word: its letters.
        records: edited records in which it is written (or destroyed), n of them.
        expected: records in which random edits of the same number would.
        p_value, q_value: see :func:`~seqrobust.analysis.probe.chosen.enriched`; q over all words of all widths, both
            those written and those destroyed.
    """

    word: str
    deed: Deed
    records: int
    n: int
    expected: float
    p_value: float
    q_value: float

    def described(self) -> dict[str, Any]:
        """For ``metrics.json``."""
        return asdict(self)


def enriched_words(chosen: Chosen, alphabet: Alphabet, widths: Sequence[int] = ()) -> list[Word]:
    """Words with q at most 0.05, the surest first; of words that overlap by most of their letters the surest alone,
    written out to the longest word around it that is as common.

    Args:
        chosen: the edits and their control.
        alphabet: of the tokens.
        widths: of the words; by default 4 to 8 nucleotides or 2 to 4 residues.

    A word is written where it stands in the edited sequence on a changed letter, destroyed where it stood there before.
    A record counts once however often it shows a word. Words with an unknown letter are none.
    """
    if not len(chosen):
        return []
    fits = [width for width in widths or WIDTHS[alphabet.size] if width <= chosen.clean.shape[1]]
    tables = [(deed, width, _counts(chosen, alphabet, width, deed)) for deed in _DEEDS for width in fits]
    draws = chosen.control.shape[1]
    p_values = [enriched(counts[1], counts[2], len(chosen), draws) for _, _, counts in tables]
    q_values = adjusted(np.concatenate(p_values)) if p_values else np.zeros(0)
    found: list[Word] = []
    first = 0
    for (deed, width, (codes, hits, control)), p_value in zip(tables, p_values, strict=True):
        q_value = q_values[first : first + len(codes)]
        first += len(codes)
        found += [
            Word(
                word=_spelt(int(codes[at]), width, alphabet),
                deed=deed,
                records=int(hits[at]),
                n=len(chosen),
                expected=float(control[at] / draws),
                p_value=float(p_value[at]),
                q_value=float(q_value[at]),
            )
            for at in np.flatnonzero(q_value <= LEVEL).tolist()
        ]
    return _distinct(sorted(found, key=lambda word: (word.p_value, -len(word.word), word.word)), alphabet)


def functional_share(word: str, sequences: SequenceSet, covered: NDArray[np.bool_]) -> float | None:
    """Of all places where a word stands, the share at least half of whose letters are functional; None of none.

    A word that stands mostly in functional regions is no shortcut: writing it elsewhere is writing function anew, and
    may change what is true of the record.

    Args:
        word: its letters.
        sequences: N clean records.
        covered: (N, L) True where a letter is functional.
    """
    # A look-ahead finds occurrences that overlap.
    expression = re.compile(f"(?={word})")
    inside = [
        2 * covered[row, hit.start() : hit.start() + len(word)].sum() >= len(word)
        for row, text in enumerate(sequences.texts)
        for hit in expression.finditer(text)
    ]
    return float(np.mean(inside)) if inside else None


_DEEDS: tuple[Deed, ...] = ("written", "destroyed")


def _counts(
    chosen: Chosen, alphabet: Alphabet, width: int, deed: Deed
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Codes of all words seen, chosen records and control sequences that show each."""
    n, draws, length = chosen.control.shape
    own = _shown(chosen.clean, chosen.edited, alphabet, width, deed)
    before = np.repeat(chosen.clean, draws, axis=0)
    other = _shown(before, chosen.control.reshape(n * draws, length), alphabet, width, deed)
    codes = np.unique(np.concatenate([own, other]))
    hits, control = (
        np.bincount(np.searchsorted(codes, part), minlength=len(codes)).astype(np.int64) for part in (own, other)
    )
    return codes, hits, control


def _shown(
    before: NDArray[np.uint8], after: NDArray[np.uint8], alphabet: Alphabet, width: int, deed: Deed
) -> NDArray[np.int64]:
    """Codes of the words on changed letters, once for each sequence that shows them."""
    old, new = torch.from_numpy(np.ascontiguousarray(before)), torch.from_numpy(np.ascontiguousarray(after))
    rows, starts = changed_windows(new, old, width)
    base = alphabet.size + 2
    read = new if deed == "written" else old
    codes = word_codes(read, width, base)[rows, starts].long().numpy()
    known = _known(codes, width, alphabet)
    keys = np.unique(rows.numpy()[known].astype(np.int64) * base**width + codes[known])
    return np.asarray(keys % base**width, np.int64)


def _known(codes: NDArray[np.int64], width: int, alphabet: Alphabet) -> NDArray[np.bool_]:
    known, rest = np.ones(len(codes), bool), codes.copy()
    for _ in range(width):
        known &= rest % (alphabet.size + 2) < alphabet.size
        rest //= alphabet.size + 2
    return known


def _spelt(code: int, width: int, alphabet: Alphabet) -> str:
    base, letters = alphabet.size + 2, []
    for _ in range(width):
        letters.append(alphabet.letters[code % base])
        code //= base
    return "".join(reversed(letters))


def _distinct(words: Sequence[Word], alphabet: Alphabet) -> list[Word]:
    """Of words of one deed that share most of their letters in a row, the first alone."""
    kept: list[Word] = []
    for word in words:
        if not any(word.deed == other.deed and _overlap(word.word, other.word) for other in kept):
            kept.append(_whole(word, words))
        if len(kept) == MOST:
            break
    return kept


def _whole(word: Word, words: Sequence[Word]) -> Word:
    """The longest word around a word that nine in ten of its records show."""
    around = [
        one for one in words if one.deed == word.deed and word.word in one.word and 10 * one.records >= 9 * word.records
    ]
    return max(around, key=lambda one: (len(one.word), one.records))


def _overlap(a: str, b: str) -> bool:
    """Whether two words share a stretch of at least 60 % of the shorter one.

    >>> _overlap("GCGGCC", "CGGCCGC"), _overlap("GCGG", "TTTA")
    (True, False)
    """
    short, long = sorted((a, b), key=len)
    size = -(-6 * len(short) // 10)
    return any(short[start : start + size] in long for start in range(len(short) - size + 1))
