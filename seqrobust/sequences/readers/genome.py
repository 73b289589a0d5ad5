"""A genome by random access: its FASTA opened with an index that has been held to the file.

An index lies beside the genome and outlives it: one of another genome cuts other letters without a word. So it is used
only where the file bears it out; else the genome is indexed anew in a scratch folder. A file that cannot be indexed as
it stands (lines of several lengths, blank lines, packed otherwise than by bgzip) is read from a tidy copy there.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyfaidx
from Bio.SeqIO.FastaIO import SimpleFastaParser

from seqrobust.errors import DataError
from seqrobust.files import is_file
from seqrobust.sequences.readers.genome_index import index_fits, is_bgzip
from seqrobust.sequences.readers.packing import Unpacking

_LINE = 60
_UNREADABLE = (pyfaidx.UnsupportedCompressionFormat, pyfaidx.FastaIndexingError)
_Unpack = Callable[[Any], Any]

_PACKED: tuple[tuple[bytes, _Unpack], ...] = (
    (b"\x1f\x8b", lambda handle: gzip.GzipFile(fileobj=handle)),
    (b"BZh", lambda handle: bz2.BZ2File(handle)),
    (b"\xfd7zXZ\x00", lambda handle: lzma.LZMAFile(handle)),  # noqa: SIM115 (closed with its handle)
    (b"\x28\xb5\x2f\xfd", lambda handle: pa.CompressedInputStream(handle, "zstd")),
)
"""The bytes a packed file begins with, and what unpacks it as it is read."""


@dataclass(frozen=True, kw_only=True)
class Genome:
    """Named sequences that pieces are cut from.

    Attributes:
        path: the FASTA file.
        lengths: name to the number of its letters.
        notices: what was done to read it.
    """

    path: Path
    lengths: dict[str, int]
    notices: tuple[str, ...]
    _fasta: Any

    def cut(self, name: str, start: int, end: int) -> str:
        """The letters ``[start, end)`` of a sequence. Raises DataError where the file's lines are not as indexed."""
        letters: str = self._fasta[name][start:end]
        if len(letters) != end - start:
            raise DataError(
                "the genome gives another number of letters than it was asked for",
                expected=str(end - start),
                found=str(len(letters)),
                where=f"{self.path}, {name}:{start}-{end}",
                fix=f"the file is damaged, or its index is: delete {self.path.name}.fai",
            )
        return letters


@contextmanager
def opened_genome(path: Path) -> Iterator[Genome]:
    """A genome to cut pieces from, open within the block.

    Raises DataError for a file that is missing, no FASTA, or holds a name twice.
    """
    if not is_file(path):
        raise DataError("there is no such genome file", where=str(path))
    with tempfile.TemporaryDirectory() as folder:
        fasta, notices = _opened(path, Path(folder))
        try:
            lengths = {name: len(fasta[name]) for name in fasta.keys()}  # noqa: SIM118 (iterating gives records)
            yield Genome(path=path, lengths=lengths, notices=tuple(notices), _fasta=fasta)
        finally:
            fasta.close()


def _opened(path: Path, scratch: Path) -> tuple[Any, list[str]]:
    with path.open("rb") as handle:
        start = handle.read(1 << 16)
    try:
        unpack = next((unpack for magic, unpack in _PACKED if start.startswith(magic)), None)
        if unpack is not None and not (is_bgzip(start) and path.suffix.lower() in (".gz", ".bgz")):
            return _tidy(path, unpack, scratch), [
                f"the genome was unpacked for this run; packed with bgzip, {path.name} is read as it is"
            ]
        try:
            if unpack is None and b"\n" not in start and b"\r" in start:
                raise pyfaidx.FastaIndexingError("line ends of old Macs")
            return _indexed(path, scratch)
        except (pyfaidx.FastaIndexingError, RuntimeError, UnicodeDecodeError):
            # pyfaidx raises RuntimeError for blank lines.
            return _tidy(path, unpack, scratch), [
                "the genome's lines differ in length or end as on old Macs: read from a tidy copy, made anew each run"
            ]
    except (*_UNREADABLE, OSError, EOFError, RuntimeError, ValueError, lzma.LZMAError) as error:
        twice = "Duplicate key" in str(error)
        raise DataError(
            "a name stands twice in the genome" if twice else "the genome cannot be read",
            expected="FASTA, plain or packed",
            found=str(error)[:200],
            where=str(path),
            fix="rename one of the sequences" if twice else "check that it is a whole FASTA file",
        ) from None


def _indexed(path: Path, scratch: Path) -> tuple[Any, list[str]]:
    beside = (Path(f"{path}.fai"), Path(f"{path}.gzi"))
    elsewhere = (scratch / "genome.fai", scratch / "genome.gzi")
    there = any(index.is_file() for index in beside)
    if not there or index_fits(path, *beside):
        try:
            return _checked(path, beside, made=not there), []
        except OSError:  # nothing may be written there
            pass
        return _checked(path, elsewhere, made=False), []
    fasta = _checked(path, elsewhere, made=False)
    return fasta, [f"the index beside {path.name} belongs to another file and was not used; delete {beside[0].name}"]


def _checked(path: Path, index: tuple[Path, Path], *, made: bool) -> Any:
    """The genome by an index that fits it; one that was made for this and does not fit is taken away.

    Raises FastaIndexingError for an index that does not fit: pyfaidx lets a last line be longer than the others, and
    then cuts other letters than it is asked for.
    """
    fasta = _faidx(path, *index)
    if index_fits(path, *index):
        return fasta
    fasta.close()
    if made:
        for file in index:
            file.unlink(missing_ok=True)
    raise pyfaidx.FastaIndexingError("a line is longer than the first of its sequence")


def _faidx(path: Path, fai: Path, gzi: Path) -> Any:
    return pyfaidx.Fasta(str(path), as_raw=True, indexname=str(fai), gzi_indexname=str(gzi))


def _tidy(path: Path, unpack: _Unpack | None, scratch: Path) -> Any:
    """The genome from a copy in ``scratch``, plain and with lines of one length."""
    copy = scratch / "genome.fa"
    with path.open("rb") as packed, copy.open("w", encoding="utf-8") as out:
        size = path.stat().st_size
        plain = packed if unpack is None else io.BufferedReader(Unpacking(unpack(packed), size, path), 1 << 20)
        handle = io.TextIOWrapper(plain, encoding="utf-8-sig")
        records = 0
        for title, sequence in SimpleFastaParser(handle):
            out.write(f">{title}\n")
            out.writelines(f"{sequence[at : at + _LINE]}\n" for at in range(0, len(sequence), _LINE))
            records += 1
    if not records:
        raise ValueError("no line begins with >")
    return _faidx(copy, scratch / "genome.fa.fai", scratch / "genome.fa.gzi")
