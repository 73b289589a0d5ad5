"""A saturation map on disk: written block by block, so that a run can be resumed, then packed without being loaded.

While it grows it is ``parts/ism-scores.npy``, beside the references and a note of how many blocks are done. Blocks are
written rather than mapped: on a full disk a write fails with a message, where a store to mapped memory kills the
process.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from seqrobust.analysis.pieces import run_of
from seqrobust.analysis.saturation import Block, Scored
from seqrobust.files import replacing, write_text

PACKED = "ism.npz"
PARTS = ("parts/ism-scores.npy", "parts/ism-reference.npy", "parts/ism-done.json")


class SaturationMap(NamedTuple):
    """The finished map: ``reference`` (N, outputs), and ``scores`` (N, K, L, outputs) as they lie on disk."""

    reference: NDArray[np.float32]
    scores: NDArray[np.float32]

    def read(self, blocks: Iterable[Block]) -> Iterator[Scored]:
        """Block by block."""
        for block in blocks:
            scores = np.asarray(self.scores[block.start : block.stop, :, block.left : block.right])
            yield Scored(block, self.reference[block.start : block.stop], scores)


class MapStore:
    """Where the map of a run is kept: in parts while it grows, then in ``ism.npz`` unless only a table is wanted.

    Args:
        folder: the output folder.
        shape: (N, K, L, outputs).

    Attributes:
        seconds: that the finished blocks took.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int, int]) -> None:
        self._scores, self._reference, self._note = (folder / name for name in PARTS)
        self._packed = folder / PACKED
        self.shape = shape
        self.seconds, self._sums = self._noted()
        if not self._sums and not self.is_packed:
            self._begin()

    @property
    def done(self) -> int:
        """Blocks that are finished."""
        return len(self._sums)

    def _begin(self) -> None:
        self._scores.parent.mkdir(parents=True, exist_ok=True)
        _reserve(self._scores, self.shape)
        _reserve(self._reference, (self.shape[0], self.shape[3]))
        self._sums = []
        self._write_note(0.0)

    def _noted(self) -> tuple[float, list[list[str]]]:
        """Seconds, and the checksums of finished blocks; none where the note is damaged or another run's."""
        try:
            noted = json.loads(self._note.read_text(encoding="utf-8"))
            sums = [[str(scores), str(reference)] for scores, reference in noted["sums"]]
            return (float(noted["seconds"]), sums) if noted["run"] == run_of(self._note) else (0.0, [])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0, []

    def keep_whole(self, blocks: Sequence[Block], say: Callable[[str], None]) -> None:
        """Forget the blocks from the first on that is not as it was written, and say so; packed ones all."""
        good = self._undamaged(blocks)
        if good == (len(blocks) if self.is_packed else self.done):
            return
        say(f"{self._packed if self.is_packed else self._scores} is not as this run left it, and is made again")
        if self.is_packed or not good:
            self._packed.unlink(missing_ok=True)
            self._begin()
        else:
            del self._sums[good:]
            self._write_note(self.seconds)

    def _undamaged(self, blocks: Sequence[Block]) -> int:
        try:
            found = self.opened()
            if found.scores.shape != self.shape or found.reference.shape != (self.shape[0], self.shape[3]):
                return 0
            for number, one in enumerate(found.read(blocks[: self.done])):
                scores, reference = _sums_of(one)
                # Blocks of one long record share its reference, which the last of them wrote.
                last = number + 1 == self.done or blocks[number + 1].start != one.block.start
                if self._sums[number][0] != scores or (last and self._sums[number][1] != reference):
                    return number
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, struct.error, EOFError):
            return 0
        return self.done

    @property
    def is_packed(self) -> bool:
        """Whether the finished map lies in ``ism.npz``."""
        return self._packed.exists()

    def note(self, scored: Scored, seconds: float) -> None:
        """One block more is finished, in so many seconds altogether."""
        self._sums.append(list(_sums_of(scored)))
        self._write_note(seconds)

    def _write_note(self, seconds: float) -> None:
        self.seconds = seconds
        noted = {"seconds": seconds, "run": run_of(self._note), "sums": self._sums}
        write_text(self._note, json.dumps(noted) + "\n")

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

    def opened(self) -> SaturationMap:
        """The map, once all blocks are done; its scores are left on disk."""
        if self.is_packed:
            return open_map(self._packed)
        return SaturationMap(np.load(self._reference), np.load(self._scores, mmap_mode="r"))

    def pack(self, more: Mapping[str, NDArray[Any]]) -> None:
        """Write the ``.npz`` where there is none yet, and take the parts away; the note of the time stays.

        Args:
            more: arrays that stand before ``reference`` and ``scores``. All are stored uncompressed.
        """
        if not self.is_packed:
            self._write_packed(more)
        for file in (self._reference, self._scores):
            file.unlink(missing_ok=True)

    def _write_packed(self, more: Mapping[str, NDArray[Any]]) -> None:
        with replacing(self._packed) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, array in more.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    npy.write_array(member, array, allow_pickle=False)
            for name, file in (("reference", self._reference), ("scores", self._scores)):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member, file.open("rb") as source:
                    shutil.copyfileobj(source, member, 1 << 22)


def _sums_of(scored: Scored) -> tuple[str, str]:
    """Checksums of a block's scores and references."""
    values = (scored.scores, scored.reference)
    first, second = (hashlib.sha256(np.ascontiguousarray(one, np.float32).tobytes()).hexdigest() for one in values)
    return first, second


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
