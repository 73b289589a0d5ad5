"""Saturation mutagenesis in silico: the model's outputs for every substitution at every position of every record.

The map (N, K, L, outputs) is made block by block. A block is many short records together, or a stretch of a long one,
so that one question to the neighbour scores holds enough candidates to be answered fast, and neither the number of
records nor their length decides how much memory is needed. How the map is cut depends on the records alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.models.bare import check_finite
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import Edits, NeighbourScores
from seqrobust.sequences import SequenceSet
from seqrobust.tasks import task_of

FEWEST, MOST = 1 << 14, 1 << 17
"""Substitutions of a block, at most: between these, the fewer the longer the records, since each may take longer."""
LETTERS = 1 << 27
"""Letters of all the sequences of a block, as far as the fewest substitutions allow."""
VALUES = 1 << 23
"""Cells of a block of the map, padding and outputs counted, at most: 32 MiB."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Which positions are looked at.

    Attributes:
        protect: names of regions that are left out.
        only: names of regions outside which everything is left out; empty for everywhere.
        unknown_too: whether each letter is also put where the record's own letter is unknown.
    """

    protect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    unknown_too: bool = False

    def places(self, sequences: SequenceSet) -> NDArray[np.bool_]:
        """(N, L) True within the records and the regions asked for. Raises ThreatError for an unknown region name."""
        shape = (len(sequences), sequences.width)
        places: NDArray[np.bool_] = sequences.tokens != sequences.alphabet.padding
        if self.only:
            places &= sequences.regions.cover(self.only, shape)
        if self.protect:
            places &= ~sequences.regions.cover(self.protect, shape)
        return places

    def positions(self, sequences: SequenceSet) -> NDArray[np.bool_]:
        """(N, L) True where letters are put. Raises ThreatError for an unknown region name."""
        places = self.places(sequences)
        return places if self.unknown_too else places & (sequences.tokens != sequences.alphabet.unknown)


class Block(NamedTuple):
    """A part of the map: records ``[start, stop)`` at positions ``[left, right)``."""

    start: int
    stop: int
    left: int
    right: int

    def of(self, matrix: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The block of an (N, L) matrix."""
        return matrix[self.start : self.stop, self.left : self.right]


class Scored(NamedTuple):
    """A block, the outputs (n, outputs) of its records, and its part (n, K, width, outputs) of the map, float32."""

    block: Block
    reference: NDArray[np.float32]
    scores: NDArray[np.float32]


def cut_blocks(scanned: NDArray[np.bool_], letters: int, outputs: int) -> list[Block]:
    """Cut the map into blocks, in order.

    Args:
        scanned: (N, L) positions where letters are put.
        letters, outputs: K, and outputs per sequence.

    >>> [tuple(block) for block in cut_blocks(np.ones((2, 6000), bool), 4, 1)]
    [(0, 1, 0, 3000), (0, 1, 3000, 6000), (1, 2, 0, 3000), (1, 2, 3000, 6000)]
    >>> [tuple(block) for block in cut_blocks(np.ones((700, 100), bool), 4, 1)]
    [(0, 327, 0, 100), (327, 654, 0, 100), (654, 700, 0, 100)]
    """
    records, width = scanned.shape
    most = _most(width)
    reach = np.cumsum(letters * scanned.sum(1, dtype=np.int64))
    fits = max(VALUES // (letters * width * outputs), 1)
    blocks, start = [], 0
    while start < records:
        before = reach[start - 1] if start else 0
        full = int(np.searchsorted(reach, before + most, side="right"))
        stop = min(max(full, start + 1), start + fits, records)
        edges = _edges(width, letters, outputs) if stop == start + 1 else [0, width]
        blocks += [Block(start, stop, left, right) for left, right in pairwise(edges)]
        start = stop
    return blocks


def _most(width: int) -> int:
    return min(max(LETTERS // max(width, 1), FEWEST), MOST)


def _edges(width: int, letters: int, outputs: int) -> list[int]:
    """Where one record is cut so that each piece keeps to the bounds."""
    widest = max(min(_most(width), VALUES // outputs) // letters, 1)
    pieces = -(-width // widest)
    return [width * piece // pieces for piece in range(pieces + 1)]


def count_candidates(sequences: SequenceSet, scanned: NDArray[np.bool_], block: Block) -> int:
    """Substitutions of a block: K - 1 a position, K where the record's own letter is unknown."""
    cells = block.of(scanned)
    tokens = sequences.tokens[block.start : block.stop, block.left : block.right]
    size = sequences.alphabet.size
    return int(cells.sum()) * size - int((cells & (tokens < size)).sum())


def saturate(
    predictor: Predictor,
    sequences: SequenceSet,
    scanned: NDArray[np.bool_],
    blocks: Iterable[Block],
    service: NeighbourScores,
) -> Iterator[Scored]:
    """Score blocks of the map, one after the other.

    Args:
        predictor: attached and checked.
        sequences: N records of at most L letters.
        scanned: (N, L) positions where letters are put; the rest of the map, padding among it, is NaN.
        blocks: as :func:`cut_blocks` gives them, those that are wanted.
        service: of the same predictor.

    Raises ModelError where an output is not finite: changes of an infinite one are no numbers.
    """
    for block in blocks:
        longest = int(sequences.lengths[block.start : block.stop].max())
        tokens = sequences.tokens[block.start : block.stop, :longest]
        base = torch.tensor(tokens, device=predictor.device)
        outputs = predictor.logits(base)
        check_finite(outputs)
        reference = _as_floats(outputs)
        edits = _substitutions(base, block.of(scanned), block.left, sequences.alphabet.size)
        edited = service.logits(base, edits)
        check_finite(edited)
        logits = _as_floats(edited)
        yield Scored(block, reference, _filled(block, scanned, reference, edits, logits, sequences.alphabet.size))


def _substitutions(base: Tensor, cells: NDArray[np.bool_], left: int, letters: int) -> Edits:
    """Every letter but the record's own at every cell (n, width), the first of which is position ``left``."""
    record, column = torch.nonzero(torch.tensor(cells, device=base.device), as_tuple=True)
    position = column + left
    own = base[record, position].long()
    row, letter = torch.nonzero(torch.arange(letters, device=base.device) != own[:, None], as_tuple=True)
    return Edits(record[row], position[row, None], letter[:, None])


def _filled(
    block: Block,
    scanned: NDArray[np.bool_],
    reference: NDArray[np.float32],
    edits: Edits,
    logits: NDArray[np.float32],
    letters: int,
) -> NDArray[np.float32]:
    """(n, K, width, outputs): the record's own letter holds the reference, substitutions theirs, the rest NaN."""
    cells = block.of(scanned)
    scores = np.full((len(cells), letters, cells.shape[1], reference.shape[1]), np.nan, np.float32)
    record, column = np.nonzero(cells)
    scores[record, :, column] = reference[record][:, None]
    at, position, letter = (part.cpu().numpy() for part in (edits.record, edits.position[:, 0], edits.letter[:, 0]))
    scores[at, letter, position - block.left] = logits
    return scores


def _as_floats(logits: Tensor) -> NDArray[np.float32]:
    floats: NDArray[np.float32] = logits.float().cpu().numpy()
    return floats


def output_names(predictor: Predictor) -> tuple[str, ...]:
    """A name for each output: that of the positive class for a binary task."""
    return task_of(predictor.task).output_names(predictor.labels or ())
