"""What a file is packed in: gzip, bzip2, xz and Zstandard are undone; what holds no records is called by its name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from seqrobust.errors import DataError

PACKED = (".gz", ".bgz", ".bz2", ".xz", ".zst")
"""Suffixes of packed files, each behind the suffix that tells the format."""


_PLENTY = 1 << 28
"""Bytes that may come out of any packed file."""
_TIGHTEST = 100
"""Beyond that, so many for each packed one: sequences and tables pack 3 to 20 times."""
_BLOCK = 1 << 20


class Unpacking(io.RawIOBase):
    """What comes out of a packed stream, counted: a few megabytes can stand for more than any memory holds.

    Raises DataError once more than :data:`_PLENTY` bytes and :data:`_TIGHTEST` times the packed ones have come out.
    """

    def __init__(self, stream: Any, packed: int, path: Path) -> None:
        super().__init__()
        self._stream = stream
        self._path = path
        self._most = max(_PLENTY, _TIGHTEST * packed)
        self._read = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes."""
        found = self._stream.read(len(buffer))
        self._read += len(found)
        if self._read > self._most:
            raise DataError(
                "the packed file holds far more than it should",
                expected=f"at most {_TIGHTEST} times its size, or {_PLENTY >> 20} MB",
                found=f"more than {self._most >> 20} MB",
                where=str(self._path),
                fix="unpack it yourself if you know what it holds",
            )
        buffer[: len(found)] = found
        return len(found)


def _whole(stream: Any, data: bytes, path: Path) -> bytes:
    counted = Unpacking(stream, len(data), path)
    parts = []
    while part := counted.read(_BLOCK):
        parts.append(part)
    return b"".join(parts)


def _zstandard(data: bytes) -> Any:
    if not pa.Codec.is_available("zstd"):
        raise DataError(
            "this Python cannot unpack Zstandard", fix="install pyarrow with zstd, or unpack the file with: zstd -d"
        )
    return pa.CompressedInputStream(pa.BufferReader(data), "zstd")


def _gzip(data: bytes) -> Any:
    return gzip.GzipFile(fileobj=io.BytesIO(data))


def _bzip2(data: bytes) -> Any:
    return bz2.BZ2File(io.BytesIO(data))


def _xz(data: bytes) -> Any:
    return lzma.LZMAFile(io.BytesIO(data))


_UNPACKERS: dict[str, tuple[str, bytes, Callable[[bytes], Any]]] = {
    ".gz": ("gzip", b"\x1f\x8b", _gzip),
    ".bgz": ("gzip", b"\x1f\x8b", _gzip),
    ".bz2": ("bzip2", b"BZh", _bzip2),
    ".xz": ("xz", b"\xfd7zXZ\x00", _xz),
    ".zst": ("Zstandard", b"\x28\xb5\x2f\xfd", _zstandard),
}
"""Suffix to the method's name, the bytes such a file begins with, and the stream that undoes it."""

_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
"""What follows ``BZh`` and a digit: a block, or the end of an empty file."""

_FOREIGN: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (
        lambda data: data.startswith(b"PK\x03\x04") and b"xl/" in data,
        "an Excel workbook",
        "save the sheet as CSV UTF-8 from Excel (File, Save As)",
    ),
    (lambda data: data.startswith(b"\xd0\xcf\x11\xe0"), "an old Excel workbook", "save the sheet as CSV UTF-8"),
    (
        lambda data: (
            data.startswith((b"\x93NUMPY", b"\x89HDF\r\n")) or (data.startswith(b"PK") and b".npy" in data[:99])
        ),
        "a file of arrays (NumPy or HDF5)",
        "give the sequences as text: letters of a one-hot array are ''.join('ACGT'[i] for i in row.argmax(0))",
    ),
    (lambda data: data.startswith(b"PK\x03\x04"), "a ZIP archive", "unzip it and name one file inside it"),
    (lambda data: data[257:262] == b"ustar", "a tar archive", "unpack it (tar -xf) and name one file inside it"),
    (lambda data: data.startswith(b"7z\xbc\xaf"), "a 7z archive", "unpack it and name one file inside it"),
    (
        lambda data: data.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")),
        "a pickle (reading it would run code)",
        "write it as a table: frame.to_parquet('records.parquet')",
    ),
    (lambda data: data.startswith(b"ARROW1"), "a Feather or Arrow file", "write it as Parquet: frame.to_parquet(...)"),
    (lambda data: data.startswith(b"%PDF"), "a PDF", "give the records as FASTA or a table"),
    (lambda data: data.startswith(b"SQLite format 3"), "a database", "write the query's rows as CSV"),
    (
        lambda data: data.startswith((b"RDX2", b"RDX3", b"X\n\0\0", b"RDA")),
        "a file of R objects",
        "write it as a table in R: write.csv(x, 'records.csv', row.names = FALSE)",
    ),
    (lambda data: data.startswith(b"BAM\x01"), "a BAM file of alignments", "turn it into FASTA: samtools fasta"),
    (
        lambda data: data[:4] in (b"\x43\x27\x41\x1a", b"\x1a\x41\x27\x43"),
        "a 2bit genome",
        "turn it into FASTA: twoBitToFa",
    ),
    (
        lambda data: data[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")),
        "a web page (html)",
        "download the file itself; a login or an error page may have been saved in its place",
    ),
)
"""Whether some bytes are of a kind that no reader reads, what that is, and what to do about it."""


def unpacked(path: Path, data: bytes) -> bytes:
    """The bytes of a file with its packing undone, which is told by its first bytes and not by its name.

    Raises DataError for a damaged file, a name that promises another packing, or a kind of file that holds no records.
    """
    method = next((entry for entry in _UNPACKERS.values() if data.startswith(entry[1])), None)
    if method is not None and method[0] == "bzip2" and data[4:10] not in _BZIP2_BLOCKS:
        method = None  # a text that begins so
    promised = _UNPACKERS.get(path.suffix.lower())
    if promised is not None and data and method is None:
        raise DataError(
            f"the file is called {path.suffix} but is not {promised[0]}",
            where=str(path),
            fix=f"drop the {path.suffix} from its name",
        )
    if method is not None:
        data = _undone(path, data, *method)
    for fits, kind, fix in _FOREIGN:
        if fits(data):
            raise DataError(f"this is {kind}, which holds no records that can be read", where=str(path), fix=fix)
    return data


def _undone(path: Path, data: bytes, name: str, _: bytes, undo: Callable[[bytes], Any]) -> bytes:
    try:
        with undo(data) as stream:
            return _whole(stream, data, path)
    except (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise DataError(
            f"the {name} file is damaged", found=str(error), where=str(path), fix="download or copy it again"
        ) from None


def without_packing(path: Path) -> Path:
    """A path without the suffix of its packing."""
    return path.with_suffix("") if path.suffix.lower() in PACKED else path
