"""Records that are nearly the same: near copies by the words they share, and relatives of short records by alignment.

Candidates come from MinHash sketches in bands (Leskovec, Rajaraman & Ullman 2014, chapter 3), and are settled by the
exact Jaccard index. That needs many words in common: it finds records of about 90 % identity and of like length. Of
short records a few words are shared by chance, and relatives may share none: those are aligned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from seqrobust.sequences.alignment import BY_CHANCE, chance_score, in_register, local_scores
from seqrobust.sequences.kmers import expected_jaccard, jaccard, kmer_sets, sketch_jaccard, sketches, word_length
from seqrobust.sequences.labels import same_molecule
from seqrobust.sequences.sequence_set import SequenceSet

SKETCH = 128
"""Columns of a sketch."""
_BAND = 2
"""Columns of a sketch that agree together before two records are compared."""
_NEIGHBOURS = 64
"""Records of one band that each is compared with; more share a word only where it is everywhere."""
IDENTITY = 0.9
"""Share of letters in common at which two records are near copies."""
MOST_ALIGNED = 150
"""Letters of the median record up to which relatives are aligned: beyond, words tell them from chance."""
_ALIGNED_CELLS = 2_000_000_000
"""Letters against letters that are aligned at most, some ten seconds' work; else pairs without a common word are left
out."""
_LONGEST_WORD = 14


def near_copies_across(
    sequences: SequenceSet, sides: NDArray[np.str_], order: Sequence[str]
) -> dict[tuple[str, str], NDArray[np.int64]]:
    """Near copies on two sides: a pair of sides to the records of the second that have one on the first.

    Records with the very letters of one on the first side, on either strand, are copies and no near ones. In a family
    of more than a few dozen records some near copies may be missed, as :func:`near_pairs` says.

    Args:
        sequences: N records.
        sides: (N,) side of each.
        order: the sides, the one that is learned from first.
    """
    molecule = same_molecule(sequences)
    first, of_molecule = np.unique(molecule, return_index=True, return_inverse=True)[1:]
    alone = sequences.take(first)
    k = word_length(sequences.alphabet, int(np.median(sequences.lengths)))
    one, other = near_pairs(alone, k, expected_jaccard(IDENTITY, k))
    shape = (len(first), len(first))
    ends = (np.concatenate([one, other]), np.concatenate([other, one]))
    alike = sparse.csr_array((np.ones(len(ends[0]), np.int32), ends), shape=shape)
    found = {}
    for place, low in enumerate(order):
        here = np.zeros(len(first), np.int32)
        here[of_molecule[sides == low]] = 1
        near = (alike @ here > 0) & (here == 0)
        for high in order[place + 1 :]:
            rows = np.flatnonzero((sides == high) & near[of_molecule])
            if len(rows):
                found[low, high] = rows
    return found


def related_pairs(
    sequences: SequenceSet, identity: float, *, k: int | None = None, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(P,) and (P,) numbers of records with a share ``identity`` of their letters in common.

    By words of ``k`` letters (:func:`near_pairs`); of short records by alignment too, on either strand, local and place
    by place. There a pair counts only where about one of all pairs of unrelated records would be so much alike, for
    chance links would join unrelated families into one.
    """
    k = k if k is not None else word_length(sequences.alphabet, int(np.median(sequences.lengths)))
    one, other = near_pairs(sequences, k, expected_jaccard(identity, k), seed=seed)
    count = len(sequences)
    if count < 2 or np.median(sequences.lengths) > MOST_ALIGNED:
        return one, other
    by_words = np.minimum(one, other) * count + np.maximum(one, other)
    coded = np.union1d(by_words, _to_align(sequences))
    one, other = coded // count, coded % count
    score = local_scores(sequences, one, other)
    chance = chance_score(sequences, one, other, expected=2 * BY_CHANCE / (count * (count - 1)))
    shorter = np.minimum(sequences.lengths[one], sequences.lengths[other])
    good = (score >= chance) & (np.isin(coded, by_words) | (score >= (2 * identity - 1) * shorter))
    found = np.union1d(coded[good], in_register(sequences, identity))
    return found // count, found % count


def _to_align(sequences: SequenceSet) -> NDArray[np.int64]:
    """Pairs that are worth an alignment, as one number each: all, or of many records those with a word in common, as
    long a word as keeps the work within :data:`_ALIGNED_CELLS`."""
    count, strands = len(sequences), 2 if sequences.alphabet.complement else 1
    most = _ALIGNED_CELLS // (strands * int(sequences.lengths.max()) ** 2)
    if count * (count - 1) // 2 <= most:
        one, other = np.triu_indices(count, 1)
        return np.asarray(one * count + other, np.int64)
    for k in range(word_length(sequences.alphabet, 1), _LONGEST_WORD):
        if k > sequences.width:
            break
        sets = kmer_sets(sequences.tokens, sequences.alphabet, k)
        held = np.asarray(sets.sum(0), np.int64)
        if int((held * (held - 1) // 2).sum()) <= most:
            shared = sparse.triu(sets @ sets.T, 1).tocoo()
            return np.unique(shared.row.astype(np.int64) * count + shared.col)
    return np.zeros(0, np.int64)


def near_pairs(
    sequences: SequenceSet, k: int, least: float, *, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(P,) and (P,) numbers of records whose words have a Jaccard index of ``least`` or more.

    A pair at the limit is looked at with a chance of about 0.99 at an index of 0.27, and more above. Of many records
    that share one band each is compared with a few, which breaks up no cluster of like records.
    """
    empty = np.zeros(0, np.int64)
    if len(sequences) < 2 or sequences.width < k:
        return empty, empty
    words = max(int(np.median(sequences.lengths)) - k + 1, 1)
    # A quarter as many parts as words: hardly one is empty then.
    parts = 1 << min(max(words // 4, 1).bit_length() - 1, SKETCH.bit_length() - 1)
    sketch = sketches(sequences.tokens, sequences.alphabet, k, size=SKETCH, parts=parts, seed=seed)
    loose = least - 3 * np.sqrt(least * (1 - least) / SKETCH)
    pairs = [_alike(sketch, *_candidates(sketch[:, at : at + _BAND]), loose) for at in range(0, SKETCH, _BAND)]
    coded = np.unique(np.concatenate(pairs))
    one, other = coded // len(sequences), coded % len(sequences)
    if not len(coded):
        return empty, empty
    used, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    sets = kmer_sets(sequences.tokens[used], sequences.alphabet, k)
    good = jaccard(sets, places[: len(one)], places[len(one) :]) >= least
    return one[good], other[good]


def _candidates(band: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows that agree in (N, columns), none of which is empty."""
    full = np.ones(len(band), bool)
    # One number for a row's: two rows that share it by chance are told apart later on.
    key = np.zeros(len(band), np.uint64)
    for column in band.T:
        full &= column != np.uint64(2**64 - 1)
        key = key * np.uint64(0x9E3779B97F4A7C15) + column
    order = np.flatnonzero(full)
    order = order[np.argsort(key[order], kind="stable")]
    values = key[order]
    one, other = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for step in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
        same = np.flatnonzero(values[step:] == values[:-step])
        if not len(same):
            break
        one.append(order[same])
        other.append(order[same + step])
    return np.concatenate(one), np.concatenate(other)


def _alike(
    sketch: NDArray[np.uint64], one: NDArray[np.int64], other: NDArray[np.int64], least: float
) -> NDArray[np.int64]:
    """Those pairs whose sketches agree well enough, as one number each."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    kept = [np.zeros(0, np.int64)]
    for start in range(0, len(low), 1 << 15):
        at = slice(start, start + (1 << 15))
        good = sketch_jaccard(sketch[low[at]], sketch[high[at]]) >= least
        kept.append(low[at][good] * len(sketch) + high[at][good])
    return np.concatenate(kept)


def linked(count: int, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """(count,) numbers of the components that pairs of numbers below ``count`` make."""
    graph = sparse.coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
