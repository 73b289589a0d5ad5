"""Alignment of many pairs of short records at once, and which scores chance reaches.

A pair's score is Smith & Waterman's (1981) with 1 for a letter in common, -1 for another one and -2 for each letter
left out. Unrelated records reach a score S about ``n m exp(-lambda S)`` times (Karlin & Altschul 1990), where with
these scores exp(lambda) = (1 - p) / p, and p is the chance that a letter of one record is that of the other: records of
uneven composition have more in common by chance. Windows of one length, such as those around a site, are compared place
by place too: fewer ways to agree by chance leave more distant relatives to be seen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrobust.sequences.sequence_set import SequenceSet

MISMATCH, GAP = 1, 2
"""What another letter, and a letter left out, take off a score."""
_GAPPED = 0.9
"""Share of Karlin & Altschul's lambda that is left where gaps are allowed (fitted to random records of 20 to 150)."""
BY_CHANCE = 1.0
"""Pairs of a whole set of unrelated records that are taken for kin, about: one pair more joins two records, while a
relative that is missed counts as an independent record."""
_CELLS = 1 << 16
"""Cells of alignments that are held at once."""
Numbers = NDArray[np.int64]


def local_scores(sequences: SequenceSet, one: Numbers, other: Numbers) -> NDArray[np.int64]:
    """(P,) scores of the best local alignment of pairs of records, on either strand where there are two."""
    tokens, alphabet = sequences.tokens, sequences.alphabet
    best = _best(tokens, tokens, sequences.lengths, one, other, alphabet.size)
    if alphabet.complement:
        turned = _turned(tokens, sequences.lengths, alphabet.complement_table)
        best = np.maximum(best, _best(tokens, turned, sequences.lengths, one, other, alphabet.size))
    return best


def chance_score(sequences: SequenceSet, one: Numbers, other: Numbers, *, expected: float) -> NDArray[np.float64]:
    """(P,) score that unrelated records of a pair's composition and lengths reach so often as ``expected``, a pair."""
    size, lengths = sequences.alphabet.size, sequences.lengths.astype(np.float64)
    counts = np.stack([(sequences.tokens == letter).sum(1) for letter in range(size)], 1)
    shares = (counts + 1 / size) / (counts.sum(1, keepdims=True) + 1)
    strands = 2 if sequences.alphabet.complement else 1
    alike = np.empty(len(one))
    for start in range(0, len(one), 1 << 18):
        at = slice(start, start + (1 << 18))
        alike[at] = (shares[one[at]] * shares[other[at]]).sum(1)
        if strands == 2:
            turned = shares[other[at]][:, sequences.alphabet.complement_table[:size]]
            alike[at] = np.maximum(alike[at], (shares[one[at]] * turned).sum(1))
    # Where letters agree more often than not, as in runs of one letter, no score tells kin from chance.
    steep = _GAPPED * np.log(np.maximum((1 - alike) / alike, 1 + 1e-6))
    searched = np.log(np.maximum(strands * lengths[one] * lengths[other] / expected, 1.0))
    return np.asarray(searched / steep, np.float64)


def in_register(sequences: SequenceSet, identity: float) -> NDArray[np.int64]:
    """Pairs of records with a share ``identity`` of their places alike, as one number each (first times N plus second).

    Records of one length only. The share is raised to what unrelated records reach in :data:`BY_CHANCE` of so many
    pairs: chance of a place is that of two records drawn at random there, so that a consensus makes nobody kin.
    """
    count, size, lengths = len(sequences), sequences.alphabet.size, sequences.lengths
    if count < 2 or (lengths != lengths[0]).any():
        return np.zeros(0, np.int64)
    tokens = sequences.tokens[:, : int(lengths[0])]
    planes = (tokens[:, :, None] == np.arange(size)).astype(np.float32)
    shares = planes.mean(0, dtype=np.float64)
    turned = None
    if sequences.alphabet.complement:
        turned = np.ascontiguousarray(planes[:, ::-1][:, :, sequences.alphabet.complement_table[:size]])
    pairs = count * (count - 1) // 2 * (1 if turned is None else 2)
    found = [_alike(planes, planes, _least(shares, shares, identity, pairs))]
    if turned is not None:
        least = _least(shares, turned.mean(0, dtype=np.float64), identity, pairs)
        found.append(_alike(planes, turned, least))
    return np.unique(np.concatenate(found))


def _least(one: NDArray[np.float64], other: NDArray[np.float64], identity: float, pairs: int) -> int:
    """Places alike that are asked for: the share, and more than unrelated records reach."""
    chances = np.ones(1)
    for alike in (one * other).sum(1):
        chances = np.append(chances * (1 - alike), 0) + np.insert(chances * alike, 0, 0)
    # Chance of so many places alike or more.
    tail = chances[::-1].cumsum()[::-1]
    likely = np.flatnonzero(tail * pairs >= BY_CHANCE)
    return max(int(np.ceil(identity * len(one) - 1e-9)), int(likely.max(initial=-1)) + 1)


def _alike(one: NDArray[np.float32], other: NDArray[np.float32], least: int) -> NDArray[np.int64]:
    """Pairs of (N, L, K) planes that agree at so many places or more, the second after the first."""
    count = len(one)
    found, flat = [np.zeros(0, np.int64)], other.reshape(count, -1)
    for start in range(0, count, 1024):
        agreed = one[start : start + 1024].reshape(-1, flat.shape[1]) @ flat[start:].T
        low, high = np.nonzero(agreed > least - 0.5)
        low, high = low + start, high + start
        found.append(low[low < high] * count + high[low < high])
    return np.concatenate(found)


def _turned(tokens: NDArray[np.uint8], lengths: Numbers, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The other strand of each record, from its first place on."""
    width = tokens.shape[1]
    places = lengths[:, None] - 1 - np.arange(width)[None]
    turned = table[np.take_along_axis(tokens, np.maximum(places, 0), 1)]
    return np.where(places >= 0, turned, tokens.max(initial=0) + 1).astype(np.uint8)


def _best(
    first: NDArray[np.uint8], second: NDArray[np.uint8], lengths: Numbers, one: Numbers, other: Numbers, size: int
) -> NDArray[np.int64]:
    """(P,) best local scores, many pairs at a time."""
    width = int(lengths.max(initial=0))
    found, step = np.zeros(len(one), np.int64), max(_CELLS // max(width, 1), 1)
    for start in range(0, len(one), step):
        at = slice(start, start + step)
        # Letters that nobody knows are like none, themselves included.
        left, right = first[one[at], :width].T, second[other[at], :width].T
        left, right = (np.where(part < size, part, fill).astype(np.uint8) for part, fill in ((left, 254), (right, 255)))
        found[at] = _along_diagonals(np.ascontiguousarray(left), np.ascontiguousarray(right[::-1]))
    return found


def _along_diagonals(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(P,) best scores of (width, P) letters, the second ones last first.

    Cells whose places add up alike depend on those of the two sums before alone, and are computed at once; what is kept
    of each is (width + 1, P) by the place in the first, whose row 0 is the empty start.
    """
    width, pairs = left.shape
    before, last = (np.zeros((width + 1, pairs), np.int16) for _ in range(2))
    best = np.zeros(pairs, np.int16)
    for total in range(2 * width - 1):
        low, high = max(0, total - width + 1), min(total, width - 1) + 1
        alike = left[low:high] == right[width - 1 - total + low : width - 1 - total + high]
        score = before[low:high] + (alike.astype(np.int16) * (1 + MISMATCH) - MISMATCH)
        np.maximum(score, np.maximum(last[low + 1 : high + 1], last[low:high]) - GAP, out=score)
        np.maximum(score, 0, out=score)
        np.maximum(best, score.max(0), out=best)
        before, last = last, before
        last[:] = 0
        last[low + 1 : high + 1] = score
    return best
