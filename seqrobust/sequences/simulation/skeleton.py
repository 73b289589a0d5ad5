"""What of a batch of records is settled before the background is drawn: frames, then the motifs placed in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqrobust.sequences.simulation.grammar import Arrangement, Grammar
from seqrobust.sequences.simulation.instances import draw_instances
from seqrobust.sequences.simulation.positions import draw_starts, room

FREE = 255
"""Token of a letter that the background fills in."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """What is drawn once for each of R records and never redrawn.

    Attributes:
        classes: (R,) class index.
        alternatives: (R,) which arrangement of the class; -1 for pure background.
        present: (R, M) which of its placements are to be made, M the most of any arrangement.
        lengths: (R,) letters.
        word: (R,) start of the place kept clear for the shortcut; -1 without one.
    """

    classes: NDArray[np.int64]
    alternatives: NDArray[np.int64]
    present: NDArray[np.bool_]
    lengths: NDArray[np.int64]
    word: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Frame:
        """The frames of those records."""
        return Frame(
            classes=self.classes[rows],
            alternatives=self.alternatives[rows],
            present=self.present[rows],
            lengths=self.lengths[rows],
            word=self.word[rows],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Skeleton:
    """Placed motifs of R records.

    Attributes:
        fixed: (R, L) their letters, :data:`FREE` elsewhere.
        starts: (R, M) where each placement stands; -1 where there is none.
        affinities: (R, M) of each instance, 0 where there is none.
    """

    fixed: NDArray[np.uint8]
    starts: NDArray[np.int64]
    affinities: NDArray[np.float64]

    @classmethod
    def empty(cls, rows: int, columns: int, placements: int) -> Skeleton:
        """Nothing placed yet."""
        return cls(
            fixed=np.full((rows, columns), FREE, np.uint8),
            starts=np.full((rows, placements), -1, np.int64),
            affinities=np.zeros((rows, placements)),
        )

    def put(self, rows: NDArray[np.int64], other: Skeleton) -> None:
        """Write those records over, in place."""
        self.fixed[rows], self.starts[rows], self.affinities[rows] = other.fixed, other.starts, other.affinities


def most_placements(grammar: Grammar) -> int:
    """M."""
    return max((len(arrangement) for _, _, arrangement in grammar.arrangements()), default=0)


def widest(grammar: Grammar) -> int:
    """Letters of the widest motif."""
    return max((motif.width(grammar.alphabet) for motif in grammar.motifs), default=0)


def uniforms_needed(grammar: Grammar) -> int:
    """How many uniforms :func:`draw_skeleton` takes per record."""
    return most_placements(grammar) * (2 + 2 * widest(grammar))


def clear_of_word(frame: Frame, columns: int, width: int, word: int) -> NDArray[np.bool_]:
    """(R, L): True where a motif of ``width`` letters may start clear of a shortcut of ``word`` letters."""
    start = frame.word[:, None]
    places = np.arange(columns)
    return (start < 0) | (places + width <= start) | (places >= start + word)


def allowed_starts(grammar: Grammar, arrangement: Arrangement, frame: Frame) -> list[NDArray[np.bool_]]:
    """For each placement (R, L): where it may start by its window, the record's end and the shortcut's place."""
    word = grammar.shortcut.motif.width(grammar.alphabet) if grammar.shortcut else 0
    columns = grammar.length[1]
    found = []
    for placement in arrangement:
        width = grammar.motif(placement.motif).width(grammar.alphabet)
        within = room(frame.lengths, columns, width, placement.window)
        found.append(within & clear_of_word(frame, columns, width, word))
    return found


def widths_and_gaps(grammar: Grammar, arrangement: Arrangement) -> tuple[list[int], list[tuple[int, int | None]]]:
    """What :mod:`~seqrobust.sequences.simulation.positions` asks about an arrangement."""
    return (
        [grammar.motif(placement.motif).width(grammar.alphabet) for placement in arrangement],
        [placement.gap for placement in arrangement],
    )


def draw_skeleton(grammar: Grammar, frame: Frame, uniforms: NDArray[np.float64]) -> Skeleton:
    """Place the motifs of R records.

    Args:
        grammar: the arrangements.
        frame: R records.
        uniforms: (R, :func:`uniforms_needed`).

    All ways to stand are equally likely. A record without any way gets no motif at all, which the search for accidents
    finds.
    """
    most, wide = most_placements(grammar), widest(grammar)
    drawn = uniforms.reshape(len(uniforms), most, 2 + 2 * wide) if most else uniforms
    skeleton = Skeleton.empty(len(uniforms), grammar.length[1], most)
    for index, alternative, arrangement in grammar.arrangements():
        rows = np.flatnonzero((frame.classes == index) & (frame.alternatives == alternative))
        for made in np.unique(frame.present[rows][:, : len(arrangement)], axis=0):
            same = rows[(frame.present[rows][:, : len(arrangement)] == made).all(1)]
            if chosen := [(number, arrangement[number]) for number in np.flatnonzero(made).tolist()]:
                numbers, placements = zip(*chosen, strict=True)
                _place(grammar, placements, list(numbers), same, frame, drawn, skeleton)
    return skeleton


def _place(
    grammar: Grammar,
    placements: Arrangement,
    numbers: list[int],
    rows: NDArray[np.int64],
    frame: Frame,
    drawn: NDArray[np.float64],
    skeleton: Skeleton,
) -> None:
    """Place those placements in those records, which make all of them and no others."""
    widths, gaps = widths_and_gaps(grammar, placements)
    allowed = allowed_starts(grammar, placements, frame.take(rows))
    starts = draw_starts(allowed, widths, gaps, drawn[rows][:, numbers, 0])
    able = (starts >= 0).all(1)
    rows, starts = rows[able], starts[able]
    for column, (number, placement) in enumerate(zip(numbers, placements, strict=True)):
        motif, frequencies = grammar.motif(placement.motif), grammar.background.frequencies
        letters = drawn[rows, number, 2 : 2 + 2 * widths[column]].reshape(len(rows), widths[column], 2)
        instances = draw_instances(motif, grammar.alphabet, frequencies, letters)
        skeleton.starts[rows, number] = starts[:, column]
        skeleton.affinities[rows, number] = motif.affinity(instances, grammar.alphabet, frequencies)
        if placement.orientation != "forward":
            turned = (drawn[rows, number, 1] < 0.5) | (placement.orientation == "reverse")
            instances[turned] = grammar.alphabet.complement_table[instances[turned]][:, ::-1]
        skeleton.fixed[rows[:, None], starts[:, [column]] + np.arange(widths[column])] = instances
