"""Whether an index (``.fai``, and ``.gzi`` of a file packed with bgzip) was made of the file that it lies beside.

Held to the file are every name and offset, the length of every sequence, the line ends where the index puts them, and
that nothing is left over. Formats: samtools faidx(5); bgzip's blocks in the SAM specification, section 4.1.
"""

from __future__ import annotations

import bisect
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

_LONGEST_HEADER = 1 << 20
_SAMPLED = 64
"""Line ends of a sequence that are looked at, beside the first and the last."""

_ReadAt = Callable[[int, int], bytes]
"""Bytes of the unpacked file: from where, and how many."""


class _Entry(NamedTuple):
    name: bytes
    length: int
    offset: int
    letters: int
    """Letters of a line."""
    width: int
    """Bytes of a line, with its end."""


class _Block(NamedTuple):
    packed: int
    plain: int
    """Where the block begins in the packed file, and in the unpacked one."""
    size: int
    """Bytes it unpacks to."""


def is_bgzip(start: bytes) -> bool:
    """Whether a file that begins so is packed in bgzip's blocks (gzip with an extra field ``BC``)."""
    return start[:4] == b"\x1f\x8b\x08\x04" and start[12:14] == b"BC"


def index_fits(path: Path, fai: Path, gzi: Path) -> bool:
    """Whether the index beside a FASTA file, plain or packed with bgzip, is of that very file."""
    try:
        entries = [_entry(line) for line in fai.read_bytes().splitlines()]
        with path.open("rb") as handle:
            if not is_bgzip(handle.read(18)):
                return _fits(entries, lambda at, count: _read(handle, at, count), path.stat().st_size)
            blocks = list(_blocks(handle, path.stat().st_size))
            if gzi.is_file() and not _lists(gzi.read_bytes(), blocks):
                return False
            size = blocks[-1].plain + blocks[-1].size
            starts = [block.plain for block in blocks]
            plain = lru_cache(maxsize=4)(lambda number: _unpacked(handle, blocks, number))
            return _fits(entries, lambda at, count: _read_packed(plain, starts, at, count), size)
    except (OSError, ValueError, IndexError, struct.error, zlib.error):
        return False


def _entry(line: bytes) -> _Entry:
    name, *numbers = line.split(b"\t")
    length, offset, letters, width = map(int, numbers)
    return _Entry(name, length, offset, letters, width)


def _fits(entries: list[_Entry], read: _ReadAt, size: int) -> bool:
    end = 0
    for entry in entries:
        if not 0 < entry.offset - end < _LONGEST_HEADER:
            return False
        header = read(end, entry.offset - end).strip(b"\r\n")
        while end == 0 and header.startswith(b";") and b"\n" in header:  # comments above the first record
            header = header.split(b"\n", 1)[1].lstrip(b"\r\n")
        if not header.startswith(b">") or b"\n" in header or header[1:].split()[:1] != [entry.name]:
            return False
        if not _lines_fit(entry, read):
            return False
        end = _end(entry)
    # The last line may lack its end; blank lines may follow.
    return bool(entries) and end <= size + 2 and size - end < _LONGEST_HEADER and not read(end, size - end).strip()


def _end(entry: _Entry) -> int:
    """The byte behind a sequence and its last line's end."""
    if not entry.letters:
        return entry.offset
    return entry.offset + entry.length + -(-entry.length // entry.letters) * (entry.width - entry.letters)


def _lines_fit(entry: _Entry, read: _ReadAt) -> bool:
    """Whether lines end where the index says: the first, the last, and some between."""
    if not entry.length:
        return True
    lines = -(-entry.length // entry.letters)
    looked_at = {0, lines - 1, *range(0, lines, max(1, lines // _SAMPLED))}
    for line in looked_at:
        letters = min(entry.letters, entry.length - line * entry.letters)
        found = read(entry.offset + line * entry.width, letters + entry.width - entry.letters)
        if b"\n" in found[:letters] or b">" in found[:letters] or len(found) < letters or found[letters:].strip():
            return False
        if line < lines - 1 and not found.endswith(b"\n"):
            return False
    return True


def _read(handle: BinaryIO, at: int, count: int) -> bytes:
    handle.seek(at)
    return handle.read(max(count, 0))


def _blocks(handle: BinaryIO, size: int) -> Iterator[_Block]:
    """The blocks of a bgzip file by their own headers, without unpacking them. Raises ValueError for other content."""
    packed = plain = 0
    while packed < size:
        header = _read(handle, packed, 18)
        if not is_bgzip(header):
            raise ValueError("not a block of bgzip")
        length = int.from_bytes(header[16:18], "little") + 1
        count = int.from_bytes(_read(handle, packed + length - 4, 4), "little")
        yield _Block(packed, plain, count)
        packed, plain = packed + length, plain + count


def _lists(data: bytes, blocks: list[_Block]) -> bool:
    """Whether a ``.gzi`` lists those blocks: all but the first, and perhaps the empty last one."""
    count = struct.unpack_from("<Q", data)[0]
    numbers = struct.unpack_from(f"<{2 * count}Q", data, 8)
    listed = list(zip(numbers[::2], numbers[1::2], strict=True))
    made = [(block.packed, block.plain) for block in blocks[1:]]
    return listed == made or (blocks[-1].size == 0 and listed == made[:-1])


def _unpacked(handle: BinaryIO, blocks: list[_Block], number: int) -> bytes:
    block = blocks[number]
    after = blocks[number + 1].packed - block.packed if number + 1 < len(blocks) else -1
    return zlib.decompress(_read(handle, block.packed, 1 << 16 if after < 0 else after), 31)


def _read_packed(plain: Callable[[int], bytes], starts: list[int], at: int, count: int) -> bytes:
    pieces, number = [], bisect.bisect_right(starts, at) - 1
    while count > 0 and number < len(starts):
        piece = plain(number)[at - starts[number] : at - starts[number] + count]
        pieces.append(piece)
        at, count, number = at + len(piece), count - len(piece), number + 1
    return b"".join(pieces)
