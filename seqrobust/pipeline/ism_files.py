"""A saturation map on disk: written block by block, so that a killed run goes on, then packed without being loaded.

While it grows it is ``parts/ism-scores.npy``, beside the references and a note of how many blocks are done. Blocks are
written rather than mapped: on a full disk a write fails with a message, where a store to mapped memory kills the
process.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy
from numpy.typing import NDArray

from seqrobust.analysis.saturation import Block, Scored
from seqrobust.files import replacing, write_text
from seqrobust.sequences import SequenceSet

PARTS = ("parts/ism-scores.npy", "parts/ism-reference.npy", "parts/ism-done.json")

_ROWS = 1 << 20
"""Rows of a Parquet row group."""


class SaturationMap(NamedTuple):
    """The finished map: ``reference`` (N, outputs), and ``scores`` (N, K, L, outputs) as they lie on disk."""

    reference: NDArray[np.float32]
    scores: NDArray[np.float32]

    def read(self, blocks: Iterable[Block]) -> Iterator[Scored]:
        """Block by block."""
        for block in blocks:
            scores = np.asarray(self.scores[block.start : block.stop, :, block.left : block.right])
            yield Scored(block, self.reference[block.start : block.stop], scores)


class GrowingMap:
    """The map of an unfinished run.

    Args:
        folder: the output folder.
        shape: (N, K, L, outputs).

    Attributes:
        done: blocks that are finished.
        seconds: they took.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int, int]) -> None:
        self._scores, self._reference, self._note = (folder / name for name in PARTS)
        self.shape = shape
        self.done, self.seconds = 0, 0.0
        if self._note.exists():
            noted = json.loads(self._note.read_text(encoding="utf-8"))
            self.done, self.seconds = int(noted["blocks"]), float(noted["seconds"])
        else:
            self._scores.parent.mkdir(parents=True, exist_ok=True)
            _reserve(self._scores, shape)
            _reserve(self._reference, (shape[0], shape[3]))
            self.note(0, 0.0)

    def note(self, blocks: int, seconds: float) -> None:
        """So many blocks are finished, in so many seconds."""
        self.done, self.seconds = blocks, seconds
        write_text(self._note, json.dumps({"blocks": blocks, "seconds": seconds}) + "\n")

    def write(self, scored: Scored) -> None:
        """Put a block in its place."""
        block, reference, scores = scored
        _, letters, width, outputs = self.shape
        with self._reference.open("r+b") as handle:
            _write_at(handle, block.start * outputs, reference)
        with self._scores.open("r+b") as handle:
            if block.right - block.left == width:
                _write_at(handle, block.start * letters * width * outputs, scores)
                return
            for letter in range(letters):
                first = (block.start * letters + letter) * width + block.left
                _write_at(handle, first * outputs, scores[0, letter])

    def finished(self) -> SaturationMap:
        """The map, once all blocks are done."""
        return SaturationMap(np.load(self._reference), np.load(self._scores, mmap_mode="r"))

    def pack(self, path: Path, more: Mapping[str, NDArray[Any]]) -> None:
        """Write the ``.npz``: the arrays of ``more``, ``reference`` and ``scores``, stored uncompressed."""
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, array in more.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    npy.write_array(member, array, allow_pickle=False)
            for name, file in (("reference", self._reference), ("scores", self._scores)):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member, file.open("rb") as source:
                    shutil.copyfileobj(source, member, 1 << 22)

    def remove(self) -> None:
        """Take the parts away."""
        for file in (self._note, self._reference, self._scores):
            file.unlink(missing_ok=True)


def _reserve(path: Path, shape: tuple[int, ...]) -> None:
    """An ``.npy`` of that shape; where the system can, its room on the disk is claimed now rather than missed later."""
    with path.open("wb") as handle:
        header = {"descr": npy.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(handle, header)
        size = handle.tell() + 4 * int(np.prod(shape))
        if hasattr(os, "posix_fallocate"):
            handle.flush()
            try:
                os.posix_fallocate(handle.fileno(), 0, size)
            except OSError as error:
                path.unlink()
                text = f"{error.strerror}: the map takes {size / 1e9:.3g} GB"
                raise OSError(error.errno, text, str(path)) from None
        else:
            handle.truncate(size)


def _write_at(handle: BinaryIO, cell: int, values: NDArray[np.float32]) -> None:
    handle.seek(0)
    npy.read_magic(handle)
    npy.read_array_header_1_0(handle)
    handle.seek(4 * cell, os.SEEK_CUR)
    handle.write(np.ascontiguousarray(values).data)


def open_map(path: Path) -> SaturationMap:
    """The map of an ``ism.npz``, its scores left on disk."""
    return SaturationMap(*(_stored(path, name) for name in ("reference.npy", "scores.npy")))


def _stored(path: Path, member: str) -> NDArray[np.float32]:
    """An uncompressed member of a zip file, as a memory map."""
    with zipfile.ZipFile(path) as archive:
        header = archive.getinfo(member).header_offset
    with path.open("rb") as handle:
        handle.seek(header + 26)  # lengths of the name and of the extra field, which the data follow
        name, extra = struct.unpack("<HH", handle.read(4))
        handle.seek(name + extra, os.SEEK_CUR)
        npy.read_magic(handle)
        shape, _, dtype = npy.read_array_header_1_0(handle)
        return np.memmap(path, dtype, "r", handle.tell(), shape)


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
