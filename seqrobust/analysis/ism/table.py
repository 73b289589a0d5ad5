"""A saturation map as a table: ``ism.parquet``, a row per substitution and output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seqrobust.analysis.ism.storage import SaturationMap
from seqrobust.analysis.saturation import Block, Scored
from seqrobust.files import replacing
from seqrobust.sequences import SequenceSet

_ROWS = 1 << 20
"""Rows of a row group."""


def write_parquet(
    path: Path, found: SaturationMap, blocks: Iterable[Block], sequences: SequenceSet, outputs: tuple[str, ...]
) -> None:
    """A row per substitution and output, a row group at a time: ``id, position`` (from 1) ``, reference`` (letter)
    ``, letter, output, score, delta``."""
    text = [(name, pa.string()) for name in ("reference", "letter", "output")]
    numbers = [("score", pa.float32()), ("delta", pa.float32())]
    schema = pa.schema([("id", pa.string()), ("position", pa.int64()), *text, *numbers])
    ids = pa.array(sequences.ids, pa.string())
    names = pa.array(outputs, pa.string())
    letters = pa.array(list(sequences.alphabet.letters), pa.string())
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for scored in found.read(blocks):
            for record, position, letter, score, delta in _rows(scored, sequences, len(outputs)):
                own = sequences.letters[record, position].view("S1").astype("U1")
                columns = [
                    ids.take(pa.array(record)),
                    pa.array(position + 1),
                    pa.array(own, pa.string()),
                    letters.take(pa.array(letter)),
                    names.take(pa.array(np.tile(np.arange(len(outputs)), len(record) // len(outputs)))),
                    pa.array(score),
                    pa.array(delta),
                ]
                writer.write_table(pa.table(columns, schema=schema), row_group_size=_ROWS)


def _rows(scored: Scored, sequences: SequenceSet, outputs: int) -> Iterator[tuple[NDArray[Any], ...]]:
    """Record, position, letter, score and delta of a block's substitutions, by position, outputs running fastest."""
    block, reference, scores = scored
    tokens = sequences.tokens[block.start : block.stop, block.left : block.right, None]
    by_position = scores.transpose(0, 2, 1, 3)
    is_edit = np.isfinite(by_position[..., 0]) & (tokens != np.arange(sequences.alphabet.size))
    places = np.argwhere(is_edit)
    step = max(_ROWS // outputs, 1)
    for first in range(0, len(places), step):
        record, column, letter = places[first : first + step].T
        score = by_position[record, column, letter]
        delta = score - reference[record]
        at = (np.repeat(part, outputs) for part in (record + block.start, column + block.left, letter))
        yield *at, score.ravel(), delta.ravel()
