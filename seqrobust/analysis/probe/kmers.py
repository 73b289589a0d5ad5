"""k-mers that an adversary writes and destroys more often than random edits of the same number do."""

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

Action = Literal["written", "destroyed"]
WIDTHS = {4: (4, 5, 6, 7, 8), 20: (2, 3, 4)}
"""Widths of k-mers by the size of the alphabet."""
LEVEL = 0.05
MOST = 20


@dataclass(frozen=True, kw_only=True)
class Kmer:
    """A k-mer that edits write, or destroy.

    Attributes:
        kmer: its letters.
        records: edited records in which it is written (or destroyed), n of them.
        expected: records in which random edits of the same number would.
        p_value, q_value: see :func:`~seqrobust.analysis.probe.chosen.enriched`; q over all k-mers of all widths, both
            those written and those destroyed.
    """

    kmer: str
    action: Action
    records: int
    n: int
    expected: float
    p_value: float
    q_value: float

    def described(self) -> dict[str, Any]:
        """For ``metrics.json``, under its documented keys."""
        found = asdict(self)
        return {"word": found.pop("kmer"), "deed": found.pop("action"), **found}


def enriched_kmers(chosen: Chosen, alphabet: Alphabet, widths: Sequence[int] = ()) -> list[Kmer]:
    """k-mers with q at most 0.05, the surest first; of k-mers that overlap by most of their letters the surest alone,
    written out to the longest k-mer around it that is as common.

    Args:
        chosen: the edits and their control.
        alphabet: of the tokens.
        widths: of the k-mers; by default 4 to 8 nucleotides or 2 to 4 residues.

    A k-mer is written where it stands in the edited sequence on a changed letter, destroyed where it stood there
    before. A record counts once however often it shows a k-mer. k-mers with an unknown letter are none.
    """
    if not len(chosen):
        return []
    fits = [width for width in widths or WIDTHS[alphabet.size] if width <= chosen.clean.shape[1]]
    tables = [(action, width, _counts(chosen, alphabet, width, action)) for action in _ACTIONS for width in fits]
    draws = chosen.control.shape[1]
    p_values = [enriched(counts[1], counts[2], len(chosen), draws) for _, _, counts in tables]
    q_values = adjusted(np.concatenate(p_values)) if p_values else np.zeros(0)
    found: list[Kmer] = []
    first = 0
    for (action, width, (codes, hits, control)), p_value in zip(tables, p_values, strict=True):
        q_value = q_values[first : first + len(codes)]
        first += len(codes)
        found += [
            Kmer(
                kmer=_spelt(int(codes[at]), width, alphabet),
                action=action,
                records=int(hits[at]),
                n=len(chosen),
                expected=float(control[at] / draws),
                p_value=float(p_value[at]),
                q_value=float(q_value[at]),
            )
            for at in np.flatnonzero(q_value <= LEVEL).tolist()
        ]
    return _distinct(sorted(found, key=lambda kmer: (kmer.p_value, -len(kmer.kmer), kmer.kmer)), alphabet)


def functional_share(kmer: str, sequences: SequenceSet, covered: NDArray[np.bool_]) -> float | None:
    """Of all places where a k-mer stands, the share at least half of whose letters are functional; None of none.

    A k-mer that stands mostly in functional regions is no shortcut: writing it elsewhere is writing function anew, and
    may change what is true of the record.

    Args:
        kmer: its letters.
        sequences: N clean records.
        covered: (N, L) True where a letter is functional.
    """
    # A look-ahead finds occurrences that overlap.
    expression = re.compile(f"(?={kmer})")
    inside = [
        2 * covered[row, hit.start() : hit.start() + len(kmer)].sum() >= len(kmer)
        for row, text in enumerate(sequences.texts)
        for hit in expression.finditer(text)
    ]
    return float(np.mean(inside)) if inside else None


_ACTIONS: tuple[Action, ...] = ("written", "destroyed")


def _counts(
    chosen: Chosen, alphabet: Alphabet, width: int, action: Action
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Codes of all k-mers seen, chosen records and control sequences that show each."""
    n, draws, length = chosen.control.shape
    own = _shown(chosen.clean, chosen.edited, alphabet, width, action)
    before = np.repeat(chosen.clean, draws, axis=0)
    other = _shown(before, chosen.control.reshape(n * draws, length), alphabet, width, action)
    codes = np.unique(np.concatenate([own, other]))
    hits, control = (
        np.bincount(np.searchsorted(codes, part), minlength=len(codes)).astype(np.int64) for part in (own, other)
    )
    return codes, hits, control


def _shown(
    before: NDArray[np.uint8], after: NDArray[np.uint8], alphabet: Alphabet, width: int, action: Action
) -> NDArray[np.int64]:
    """Codes of the k-mers on changed letters, once for each sequence that shows them."""
    old, new = torch.from_numpy(np.ascontiguousarray(before)), torch.from_numpy(np.ascontiguousarray(after))
    rows, starts = changed_windows(new, old, width)
    base = alphabet.size + 2
    read = new if action == "written" else old
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


def _distinct(kmers: Sequence[Kmer], alphabet: Alphabet) -> list[Kmer]:
    """Of k-mers of one action that share most of their letters in a row, the first alone."""
    kept: list[Kmer] = []
    for kmer in kmers:
        if not any(kmer.action == other.action and _overlap(kmer.kmer, other.kmer) for other in kept):
            kept.append(_whole(kmer, kmers))
        if len(kept) == MOST:
            break
    return kept


def _whole(kmer: Kmer, kmers: Sequence[Kmer]) -> Kmer:
    """The longest k-mer around a k-mer that nine in ten of its records show."""
    around = [
        one
        for one in kmers
        if one.action == kmer.action and kmer.kmer in one.kmer and 10 * one.records >= 9 * kmer.records
    ]
    return max(around, key=lambda one: (len(one.kmer), one.records))


def _overlap(a: str, b: str) -> bool:
    """Whether two k-mers share a stretch of at least 60 % of the shorter one.

    >>> _overlap("GCGGCC", "CGGCCGC"), _overlap("GCGG", "TTTA")
    (True, False)
    """
    short, long = sorted((a, b), key=len)
    size = -(-6 * len(short) // 10)
    return any(short[start : start + size] in long for start in range(len(short) - size + 1))
