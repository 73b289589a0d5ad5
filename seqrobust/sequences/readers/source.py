"""A file as bytes: opened, unzipped, its format told by its suffix, and held to what its first letters say."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seqrobust.errors import DataError

SUFFIXES = {
    "fasta": (".fa", ".fasta", ".fna", ".faa", ".fas", ".ffn"),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet", ".pq"),
    "genbank": (".gb", ".gbk", ".genbank", ".gp", ".gpff", ".gbff", ".gbwithparts"),
    "embl": (".embl", ".emb"),
    "swissprot": (".dat", ".swiss", ".sprot"),
    "uniprot-xml": (".xml",),
    "bed": (".bed",),
}
"""Format to the suffixes that name it, each also behind ``.gz``; ``.txt`` is told by what stands in the file."""


def _first_line(start: bytes) -> bytes:
    return start.split(b"\n", 1)[0].strip().upper()


_OPENS_WITH: dict[str, Callable[[bytes], bool]] = {
    "fasta": lambda start: start.startswith(b">"),
    "genbank": lambda start: start.startswith(b"LOCUS") or b"\nLOCUS " in start,
    # Both open with an ID line; EMBL's ends in a number of base pairs, Swiss-Prot's in one of amino acids.
    "embl": lambda start: start.startswith(b"ID   ") and _first_line(start).endswith((b"BP.", b"BP")),
    "swissprot": lambda start: start.startswith(b"ID   ") and not _first_line(start).endswith((b"BP.", b"BP")),
    "uniprot-xml": lambda start: start.startswith(b"<"),
    "parquet": lambda start: start.startswith(b"PAR1"),
}
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file's bytes, unzipped, and what they are.

    Attributes:
        path: where they came from.
        data: the bytes, without a byte-order mark.
        format: a key of :data:`SUFFIXES`.
    """

    path: Path
    data: bytes
    format: str

    @cached_property
    def text(self) -> str:
        """The file as text with ``\\n`` line ends. Raises DataError where it is not UTF-8."""
        try:
            text = self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = self.data[: error.start].count(b"\n") + 1
            raise DataError(
                "the file is not text",
                expected="UTF-8",
                found=f"byte {self.data[error.start]:#04x}",
                where=f"{self.path}, line {line}",
                fix="save it as UTF-8 text, or force another --format",
            ) from None
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def open_source(path: Path, format: str | None = None) -> Source:
    """Read and unzip a file and settle its format.

    Args:
        path: the file.
        format: a key of :data:`SUFFIXES`; None takes it from the suffix, and from the content of a ``.txt``.

    Raises DataError for a file that is missing, empty, damaged, of an unknown kind, or not what its suffix says.
    """
    data = _unzipped(path, _read_bytes(path)).removeprefix(_BYTE_ORDER_MARK)
    if not data.strip():
        raise DataError("the file is empty", where=str(path))
    if format is not None and format not in SUFFIXES:
        raise DataError("unknown format", expected=", ".join(SUFFIXES), found=repr(format))
    known = format or _format_by_suffix(path) or _format_by_content(data)
    if known is None:
        raise DataError(
            "the format of the file cannot be told from its name",
            expected=", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
            + ", each also with .gz",
            found=path.name,
            fix=f"rename it, or say --format {'|'.join(SUFFIXES)}",
        )
    _check_content(path, data, known)
    return Source(path=path, data=data, format=known)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path)) from None
    except IsADirectoryError:
        raise DataError("this is a folder, not a file", where=str(path), fix="name one file inside it") from None
    except OSError as error:
        raise DataError("the file cannot be read", found=error.strerror, where=str(path)) from None


def _unzipped(path: Path, data: bytes) -> bytes:
    zipped = data.startswith(_GZIP)
    if path.suffix == ".gz" and data and not zipped:
        raise DataError("the file is called .gz but is not gzip", where=str(path), fix="drop the .gz from its name")
    try:
        return gzip.decompress(data) if zipped else data
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(
            "the gzip file is damaged", found=str(error), where=str(path), fix="download or copy it again"
        ) from None


def _format_by_suffix(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else suffixes[-1] if suffixes else ""
    return next((name for name, known in SUFFIXES.items() if last in known), None)


def _format_by_content(data: bytes) -> str | None:
    start = data[:4096].lstrip()
    for name, fits in _OPENS_WITH.items():
        if fits(start):
            return name
    header = start.split(b"\n", 1)[0]
    return "tsv" if b"\t" in header else "csv" if b"," in header else None


def _check_content(path: Path, data: bytes, format: str) -> None:
    """Many a .fa is a table and many a .txt a FASTA: say so before a parser makes little sense of it."""
    start = data[:4096].lstrip()
    fits = _OPENS_WITH.get(format)
    looks_like = next((name for name, opens in _OPENS_WITH.items() if opens(start)), None)
    if (fits is not None and not fits(start)) or (fits is None and looks_like is not None):
        looks_like = looks_like or _format_by_content(data)
        raise DataError(
            f"the file does not read as {format}",
            found=f"its first line: {start.splitlines()[0][:60].decode('ascii', 'replace')!r}",
            where=str(path),
            fix=f"it looks like {looks_like}: say --format {looks_like}" if looks_like else "check the file",
        )
