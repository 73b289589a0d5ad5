"""The sequences that are compared: a motif put into a record beside its letters in another order, a region shuffled
away beside another stretch of its length."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.attribution.baseline import dinucleotide_shuffle, known_stretches

Codes = NDArray[np.uint8]


class Edited(NamedTuple):
    """One draw for one record, (length,) codes each: the record before, with the edit, and with the control, which is
    None where there is no place for one."""

    before: Codes
    after: Codes
    control: Codes | None


def shuffled_away(record: Codes, start: int, end: int, letters: int, rng: np.random.Generator) -> Codes:
    """The record with a stretch shuffled, pairs of neighbours counted alike; unknown letters stay where they are."""
    out: Codes = record.copy()
    for first, last in known_stretches(record[start:end], letters):
        out[start + first : start + last] = dinucleotide_shuffle(record[start + first : start + last], rng)
    return out


def inserted(
    record: Codes, columns: tuple[Codes, ...], start: int, letters: int, rng: np.random.Generator, *, shuffled: bool
) -> Edited:
    """A random instance of a motif, letter for letter in place of what stands there.

    The control is the same instance with its letters in random order, at the same place: letters are counted alike.

    Args:
        record: the record's codes, without padding.
        columns: the codes that each column of the motif accepts.
        start: where the first letter goes, from 0.
        letters: codes below are known letters.
        rng: where chance comes from.
        shuffled: whether the background is a dinucleotide shuffle of the record.
    """
    background = shuffled_away(record, 0, len(record), letters, rng) if shuffled else record
    instance = np.array([rng.choice(accepted) for accepted in columns], np.uint8)
    after, control = background.copy(), background.copy()
    after[start : start + len(instance)] = instance
    control[start : start + len(instance)] = rng.permutation(instance)
    return Edited(background, after, control)


def ablated(record: Codes, start: int, end: int, letters: int, rng: np.random.Generator) -> Edited:
    """A region's letters shuffled; as a control another stretch as long is, apart from it, drawn at random."""
    width = end - start
    places = [place for place in range(len(record) - width + 1) if place + width <= start or place >= end]
    after = shuffled_away(record, start, end, letters, rng)
    if not places:
        return Edited(record, after, None)
    other = int(rng.choice(places))
    return Edited(record, after, shuffled_away(record, other, other + width, letters, rng))
