"""Words of k letters: their frequencies, the sets a record holds, and sketches that tell how alike two sets are.

A word with an unknown letter or beyond a record's end is none. On nucleotides a word and its reverse complement are one
wherever sets are compared, so that a record and its other strand have the same set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from seqrobust.alphabet import Alphabet
from seqrobust.errors import DataError
from seqrobust.sequences.sequence_set import SequenceSet

Floats: TypeAlias = NDArray[np.float64]
_ROWS = 1 << 22
"""Windows that are read at a time."""
_NONE = np.uint64(2**64 - 1)
_Block: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.bool_]]


def kmer_frequencies(sequences: SequenceSet, k: int) -> Floats:
    """(N, K^k) share of a record's words, either strand apart; zeros for a record without any.

    Raises DataError for k below 1 or more than a million words.
    """
    size = sequences.alphabet.size
    if k < 1 or size**k > 1_000_000:
        raise DataError("letters of a word whose frequency is told", expected="1 or more, and few", found=str(k))
    found = np.zeros((len(sequences), size**k))
    for rows, codes, real in _blocks(sequences.tokens, sequences.alphabet, k, canonical=False):
        place = np.broadcast_to(rows[:, None], codes.shape)[real] * size**k + codes[real].astype(np.int64)
        first = int(rows[0]) * size**k
        found[rows] = np.bincount(place - first, minlength=len(rows) * size**k).reshape(len(rows), -1)
    return np.asarray(found / np.maximum(found.sum(1, keepdims=True), 1), np.float64)


def kmer_sets(tokens: NDArray[np.uint8], alphabet: Alphabet, k: int) -> sparse.csr_array:
    """(N, words) 0 or 1: which words each of the records (N, L) holds, strands taken together. Raises DataError for a k
    whose words do not fit into 64 bits.
    """
    rows, codes = [], []
    for block, words, real in _blocks(tokens, alphabet, k, canonical=True):
        rows.append(np.broadcast_to(block[:, None], words.shape)[real])
        codes.append(words[real])
    words, columns = np.unique(np.concatenate(codes), return_inverse=True)
    found = sparse.csr_array(
        (np.ones(len(columns), np.int32), (np.concatenate(rows), columns)), shape=(len(tokens), max(len(words), 1))
    )
    found.sum_duplicates()
    found.data[:] = 1
    return found


def jaccard(sets: sparse.csr_array, one: NDArray[np.int64], other: NDArray[np.int64]) -> Floats:
    """(P,) exact Jaccard index, shared words over all words, of pairs of rows; 0 of two empty ones."""
    found = np.zeros(len(one))
    sizes = np.diff(sets.indptr)
    for start in range(0, len(one), 1 << 15):
        at = slice(start, start + (1 << 15))
        shared = np.asarray(sets[one[at]].multiply(sets[other[at]]).sum(1)).ravel()
        found[at] = shared / np.maximum(sizes[one[at]] + sizes[other[at]] - shared, 1)
    return found


def sketches(
    tokens: NDArray[np.uint8], alphabet: Alphabet, k: int, *, size: int = 128, parts: int = 1, seed: int = 0
) -> NDArray[np.uint64]:
    """(N, size) MinHash of the records' words: columns of two records agree with chance their Jaccard index.

    Args:
        tokens: (N, L).
        alphabet, k: of the words.
        size: columns, a multiple of ``parts``.
        parts: columns that one hash of each word fills, each by the smallest hash of its part of the range (one
            permutation hashing, Li, Owen & Zhang 2012; 1 for plain MinHash, Broder 1997). With more than a quarter as
            many as words, many parts are empty, and hold the largest number there is.
        seed: of the hashes.

    Raises DataError as :func:`kmer_sets`.
    """
    found = np.full((len(tokens), size // parts, parts), _NONE)
    for rows, words, real in _blocks(tokens, alphabet, k, canonical=True):
        record = np.broadcast_to((rows - rows[0])[:, None], words.shape)[real]
        for number in range(size // parts):
            hashes = _mixed(words[real], seed + number)
            smallest = np.full(len(rows) * parts, _NONE)
            np.minimum.at(smallest, record * parts + (hashes % np.uint64(parts)).astype(np.int64), hashes)
            found[rows, number] = smallest.reshape(len(rows), parts)
    return found.reshape(len(tokens), -1)


def sketch_jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> Floats:
    """(P,) estimate of the Jaccard index from (P, size) sketches, parts that are empty in both left out; 0 where all
    are. Its standard error is about sqrt(J (1 - J) / parts) or less.
    """
    used = (one != _NONE) | (other != _NONE)
    same = (one == other) & used
    return np.asarray(same.sum(1) / np.maximum(used.sum(1), 1), np.float64)


def expected_jaccard(identity: float, k: int) -> float:
    """The Jaccard index of words of two long sequences that differ by independent substitutions: q / (2 - q), where
    q = identity^k is the chance that a word is spared (after Ondov et al. 2016, "Mash").

    >>> round(expected_jaccard(0.9, 8), 3)
    0.274
    """
    spared = identity**k
    return spared / (2 - spared)


def word_length(alphabet: Alphabet, longest: int) -> int:
    """Letters of a word that rarely occurs by chance in a record of that length: a hundred times as many words as
    positions."""
    return max(3, math.ceil(math.log(100 * max(longest, 1)) / math.log(alphabet.size) - 1e-9))


def _mixed(words: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Hashes: the finaliser of SplitMix64 (Steele, Lea & Flood 2014), in which every bit depends on every other."""
    mixed = words + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), np.uint64)


def _blocks(tokens: NDArray[np.uint8], alphabet: Alphabet, k: int, *, canonical: bool) -> Iterator[_Block]:
    """Rows, their (R, L - k + 1) words as numbers, and which of them are real, a few rows at a time."""
    most = int(63 / math.log2(alphabet.size))
    if not 1 <= k <= most:
        raise DataError("letters of a word", expected=f"1 to {most}", found=str(k))
    windows = tokens.shape[1] - k + 1
    if windows < 1:
        yield np.arange(len(tokens)), np.zeros((len(tokens), 0), np.uint64), np.zeros((len(tokens), 0), bool)
        return
    step = max(_ROWS // windows, 1)
    for start in range(0, len(tokens), step):
        part = tokens[start : start + step]
        rows = np.arange(start, start + len(part))
        both = [part] if not (canonical and alphabet.complement) else [part, alphabet.complement_table[part]]
        words = np.zeros((len(part), windows), np.uint64)
        other = np.zeros_like(words)
        real = np.ones(words.shape, bool)
        for offset in range(k):
            at = slice(offset, offset + windows)
            real &= part[:, at] < alphabet.size
            words = words * np.uint64(alphabet.size) + part[:, at]
            if len(both) == 2:
                other += both[1][:, at] * np.uint64(alphabet.size**offset)
        yield rows, np.minimum(words, other) if len(both) == 2 else words, real
