"""Attributions as a Parquet table: a row per record, known position and letter, a column per method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seqrobust.files import replacing
from seqrobust.sequences import SequenceSet


def write_table(
    path: Path,
    each: Iterable[tuple[slice, dict[str, NDArray[np.float32]]]],
    sequences: SequenceSet,
    methods: Sequence[str],
) -> None:
    """Write the Parquet: a row per record, known position and letter, ``id, position`` (from 1) ``, reference, letter``
    and a column per method."""
    text = [(name, pa.string()) for name in ("reference", "letter")]
    numbers = [(method, pa.float32()) for method in methods]
    schema = pa.schema([("id", pa.string()), ("position", pa.int64()), *text, *numbers])
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for rows, values in each:
            columns = [pa.array(column) for column in _columns(sequences, rows, values)]
            writer.write_table(pa.table(columns, schema=schema))


def _columns(sequences: SequenceSet, rows: slice, values: dict[str, NDArray[np.float32]]) -> Iterator[Any]:
    letters, ids = sequences.alphabet.size, np.array(sequences.ids[rows.start : rows.stop], object)
    record, column = np.nonzero(sequences.tokens[rows] < letters)
    yield np.repeat(ids[record], letters)
    yield np.repeat(column + 1, letters)
    yield np.repeat(sequences.letters[rows][record, column].view("S1").astype("U1"), letters)
    yield np.tile(np.array(list(sequences.alphabet.letters)), len(record))
    for part in values.values():
        yield part[record, :, column].ravel()
