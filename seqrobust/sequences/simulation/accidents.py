"""Finding what stands in records by accident, so that they can be redrawn and the truth be exact.

An arrangement is looked for in a record twice: among all occurrences of its motifs, and among the planted ones only.
The two counts differ exactly where letters nobody planted complete it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrobust.sequences.simulation.grammar import Arrangement, Grammar
from seqrobust.sequences.simulation.instances import occurrences
from seqrobust.sequences.simulation.motifs import Orientation
from seqrobust.sequences.simulation.positions import count_ways, room
from seqrobust.sequences.simulation.skeleton import Frame, Skeleton, widths_and_gaps


def accidents(grammar: Grammar, frame: Frame, skeleton: Skeleton, tokens: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(R,): True for a record that is not what it was meant to be."""
    finder = _Finder(grammar, tokens, frame.lengths)
    planted = planted_starts(grammar, frame, skeleton)
    bad: NDArray[np.bool_] = np.any(frame.present & (skeleton.starts < 0), axis=1)
    size = frame.present.sum(1)
    for index, alternative, arrangement in grammar.arrangements():
        if any(placement.probability < 1 for placement in arrangement):
            continue
        there = finder.allowed(arrangement)
        meant = [starts & planted[placement.motif] for starts, placement in zip(there, arrangement, strict=True)]
        found, placed = (count_ways(starts, *widths_and_gaps(grammar, arrangement)) for starts in (there, meant))
        own = (frame.classes == index) & (frame.alternatives == alternative)
        # Planted motifs may make up a smaller arrangement on the way, never one that decides the class.
        mislabelled = (frame.classes != index) & (placed > 0) & (size <= len(arrangement))
        bad |= (found != placed) | (own & (placed == 0)) | mislabelled
    if not grammar.strays:
        for motif in grammar.motifs:
            bad |= (finder.anywhere(motif.name) & ~planted[motif.name]).any(1)
    return bad


def planted_starts(grammar: Grammar, frame: Frame, skeleton: Skeleton) -> dict[str, NDArray[np.bool_]]:
    """Motif name to (R, L): True where that motif was planted."""
    found = {motif.name: np.zeros(skeleton.fixed.shape, bool) for motif in grammar.motifs}
    for index, alternative, arrangement in grammar.arrangements():
        own = (frame.classes == index) & (frame.alternatives == alternative)
        for number, placement in enumerate(arrangement):
            rows = np.flatnonzero(own & (skeleton.starts[:, number] >= 0))
            found[placement.motif][rows, skeleton.starts[rows, number]] = True
    return found


class _Finder:
    """Occurrences in one batch of records, each kind looked for once."""

    def __init__(self, grammar: Grammar, tokens: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
        self._grammar, self._tokens, self._lengths = grammar, tokens, lengths
        self._known: dict[tuple[str, Orientation], NDArray[np.bool_]] = {}

    def find(self, name: str, orientation: Orientation) -> NDArray[np.bool_]:
        """(R, L): True where that motif starts on that strand."""
        if (name, orientation) not in self._known:
            motif = self._grammar.motif(name)
            self._known[name, orientation] = occurrences(self._tokens, motif, self._grammar.alphabet, orientation)
        return self._known[name, orientation]

    def anywhere(self, name: str) -> NDArray[np.bool_]:
        """(R, L): True where that motif starts on any strand there is."""
        return self.find(name, "either" if self._grammar.alphabet.complement else "forward")

    def allowed(self, arrangement: Arrangement) -> list[NDArray[np.bool_]]:
        """For each placement (R, L): where its motif occurs on its strand, within its window."""
        widths, _ = widths_and_gaps(self._grammar, arrangement)
        columns = self._tokens.shape[1]
        return [
            self.find(placement.motif, placement.orientation) & room(self._lengths, columns, width, placement.window)
            for placement, width in zip(arrangement, widths, strict=True)
        ]


def motif_presence(grammar: Grammar, tokens: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
    """Motif name to (R,): True where it occurs anywhere in the record, planted or not, on either strand."""
    finder = _Finder(grammar, tokens, (tokens != grammar.alphabet.padding).sum(1))
    return {motif.name: np.any(finder.anywhere(motif.name), axis=1) for motif in grammar.motifs}
