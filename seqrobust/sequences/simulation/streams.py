"""Random numbers of records: each has a stream of its own, from (seed, number of the record).

Hence record i is the same however many records are asked for, and however often others have to be redrawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import ConfigError


class Streams:
    """The streams of records first, first + 1, ... of a seed."""

    def __init__(self, seed: int, first: int, count: int) -> None:
        sequences = (np.random.SeedSequence(seed, spawn_key=(record,)) for record in range(first, first + count))
        self._generators = [np.random.Generator(np.random.PCG64(sequence)) for sequence in sequences]

    def uniforms(self, records: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        """(R, count): the next ``count`` uniforms in [0, 1) of each of R records, numbered from 0 in this block."""
        drawn = np.empty((len(records), count))
        for row, record in enumerate(records):
            self._generators[record].random(out=drawn[row])
        return drawn


def seed_from(source: int | np.random.Generator) -> int:
    """A seed, or one drawn from a generator. Raises ConfigError for a negative one."""
    if isinstance(source, np.random.Generator):
        return int(source.integers(2**63))
    if source < 0:
        raise ConfigError("a seed is not negative", found=str(source))
    return int(source)


def apportion(shares: Sequence[float], count: int) -> NDArray[np.int64]:
    """(count,) the group of each record when groups take turns by their shares.

    Whoever is furthest behind its due is next, so that every beginning of the list is shared out too and more records
    never change the first ones.

    >>> apportion([2, 1], 6).tolist()
    [0, 1, 0, 0, 1, 0]
    """
    weights = np.asarray(shares, np.float64) / np.sum(shares)
    due = np.zeros(len(weights))
    groups = np.empty(count, np.int64)
    for record in range(count):
        due += weights
        # Rounding keeps ties ties: which group wins one must not hang on the last bit.
        groups[record] = chosen = int(np.argmax(np.round(due, 9)))
        due[chosen] -= 1
    return groups
