"""The two kinds of positions: those biology says do something, and all others that an adversary may edit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqrobust.attacks.streams import RecordStreams
from seqrobust.errors import DataError, ThreatError
from seqrobust.sequences import Region, SequenceSet
from seqrobust.sequences.regions import Regions
from seqrobust.sequences.simulation import SHORTCUT
from seqrobust.threats import SubstitutionThreat

FUNCTIONAL, NONFUNCTIONAL, MATCHED = "(functional)", "(non-functional)", "(non-functional, as many)"
"""Names of the regions that :func:`marked` adds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where the letters of N records are functional.

    Attributes:
        names: regions that count as functional.
        covered: (N, L) True in such a region, whether or not it may be edited.
        editable: (N, L) True where the threat lets a letter change.
    """

    names: tuple[str, ...]
    covered: NDArray[np.bool_]
    editable: NDArray[np.bool_]

    @property
    def functional(self) -> NDArray[np.bool_]:
        """(N, L) editable and functional."""
        return self.editable & self.covered

    @property
    def background(self) -> NDArray[np.bool_]:
        """(N, L) editable and not functional."""
        return self.editable & ~self.covered


def functional_names(sequences: SequenceSet, wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """The regions that count as functional: those wanted, or all that the records name.

    A simulated shortcut is never among all: it was planted to mean nothing.

    Raises DataError where the records name none, ThreatError for an unknown name.
    """
    if not wanted:
        names = tuple(name for name in sequences.regions.names if name != SHORTCUT)
        if not names:
            raise DataError(
                "the records have no regions, so nothing is known to be functional",
                expected="a regions column (name:start-end;...), an annotation, or features",
                fix="give regions with --regions-column, --annotation or --pattern NAME=PATTERN",
            )
        return names
    return tuple(dict.fromkeys(name for pattern in wanted for name in sequences.regions.named(pattern)))


def divide(sequences: SequenceSet, names: Sequence[str], threat: SubstitutionThreat) -> Places:
    """Functional positions and the others, as far as the threat lets them be edited.

    Raises ThreatError where all of that is functional, or none of it.
    """
    shape = (len(sequences), sequences.width)
    places = Places(
        names=tuple(names), covered=sequences.regions.cover(names, shape), editable=threat.editable(sequences)
    )
    listed = ", ".join(names)
    if not places.functional.any():
        raise ThreatError(
            "no editable position is functional, so there is nothing to compare with",
            expected="records on which one of these regions lies",
            found=listed,
            fix="name other regions with --functional, or look at other records",
        )
    if not places.background.any():
        raise ThreatError(
            "every editable position is functional, so there is nothing to compare with",
            expected="positions outside the functional regions",
            found=listed,
            fix="name fewer regions with --functional",
        )
    return places


def matched(sequences: SequenceSet, places: Places, seed: int) -> NDArray[np.bool_]:
    """(N, L) as many background positions of each record, drawn at random, as it has functional ones.

    All of them where there are fewer.
    """
    streams = RecordStreams(seed, list(sequences.ids), "probe matched")
    keys = np.where(places.background, streams.uniforms(sequences.width).numpy(), 2.0)
    rank = keys.argsort(1).argsort(1)
    return np.asarray(places.background & (rank < places.functional.sum(1)[:, None]), bool)


def marked(sequences: SequenceSet, places: Places, seed: int = 0) -> SequenceSet:
    """The records with three regions more, :data:`FUNCTIONAL`, :data:`NONFUNCTIONAL` and :data:`MATCHED`, as many of
    the latter's positions as of the first's, to confine an adversary to.
    """
    parts = {
        FUNCTIONAL: places.functional,
        # Of a record without a functional region nothing is outside: it is in no rate, and searching it is in vain.
        NONFUNCTIONAL: places.background & places.covered.any(axis=1, keepdims=True),
        MATCHED: matched(sequences, places, seed),
    }
    lists = [
        sequences.regions.of(row) + [region for name, mask in parts.items() for region in _runs(name, mask[row])]
        for row in range(len(sequences))
    ]
    made = Regions.from_lists(lists)
    names = (*made.names, *(name for name in (*sequences.regions.names, *parts) if name not in made.names))
    return replace(sequences, regions=replace(made, names=names))


def _runs(name: str, mask: NDArray[np.bool_]) -> list[Region]:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [Region(name, int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
