"""A file as bytes: opened, unpacked, its format told by its suffix, and held to what its first letters say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seqrobust.errors import DataError
from seqrobust.sequences.readers.packing import PACKED, unpacked, without_packing
from seqrobust.sequences.wording import counted

SUFFIXES = {
    "fasta": (".fa", ".fasta", ".fna", ".faa", ".fas", ".ffn"),
    "fastq": (".fastq", ".fq"),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet", ".pq"),
    "genbank": (".gb", ".gbk", ".genbank", ".gp", ".gpff", ".gbff", ".gbwithparts"),
    "embl": (".embl", ".emb"),
    "swissprot": (".dat", ".swiss", ".sprot"),
    "uniprot-xml": (".xml",),
    "bed": (".bed", ".bed3", ".bed6", ".bed12", ".narrowpeak", ".broadpeak", ".gappedpeak", ".bedgraph", ".bdg"),
    "vcf": (".vcf",),
}
"""Format to the suffixes that name it, in any case, each also behind ``.gz``, ``.bz2``, ``.xz`` or ``.zst``; ``.txt``
is told by what stands in the file."""


def _first_line(start: bytes) -> bytes:
    return start.split(b"\n", 1)[0].strip().upper()


_OPENS_WITH: dict[str, Callable[[bytes], bool]] = {
    # Lines that begin with ; are comments of the first FASTA programs.
    "fasta": lambda start: re.match(rb"(?:;[^\r\n]*\s+)*>", start) is not None,
    "fastq": lambda start: re.match(rb"@[^\r\n]*\s+(?:[A-Za-z.*-]+\s+)+(?:\+|$)", start) is not None,
    "genbank": lambda start: start.startswith(b"LOCUS") or b"\nLOCUS " in start,
    # Both open with an ID line; EMBL's ends in a number of base pairs, Swiss-Prot's in one of amino acids.
    "embl": lambda start: start.startswith(b"ID   ") and _first_line(start).endswith((b"BP.", b"BP")),
    "swissprot": lambda start: start.startswith(b"ID   ") and not _first_line(start).endswith((b"BP.", b"BP")),
    "uniprot-xml": lambda start: start.startswith(b"<"),
    "parquet": lambda start: start.startswith(b"PAR1"),
    "vcf": lambda start: start.startswith((b"##fileformat=VCF", b"#CHROM")),
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WIDE = {b"\xff\xfe\x00\x00": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte-order marks of encodings with wide characters (Excel's "Unicode Text" is UTF-16)."""
_NO_SEQUENCES = {
    (".gff", ".gff3", ".gtf"): (
        "features on sequences",
        "give it with --annotation beside the file of the sequences; a ##FASTA part in a file of its own",
    ),
    (".sto", ".stk", ".aln", ".clustal", ".phy", ".phylip", ".nex", ".nexus", ".msf", ".a2m", ".a3m"): (
        "an alignment",
        "write the ungapped sequences as FASTA (Biopython: AlignIO.read, then remove '-' and '.')",
    ),
    (".json", ".jsonl", ".ndjson"): (
        "JSON",
        "turn it into a table: pandas.read_json(FILE, lines=True or False).to_csv('records.csv', index=False)",
    ),
    (".bcf",): ("variants of a genome in binary form", "turn it into VCF (bcftools view FILE), and give --genome"),
    (".sam", ".cram", ".paf", ".maf"): ("alignments", "turn it into FASTA (samtools fasta)"),
    (".bw", ".bigwig", ".wig"): ("a track of values along a genome", "give intervals as BED with --genome"),
    (".fai", ".gzi"): ("the index of another file", "give the file it belongs to"),
}
"""Suffixes of files that no reader takes for records to what they hold, and what to do."""
_NOT_TEXT = ("parquet", "uniprot-xml")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file's bytes, unpacked, and what they are.

    Attributes:
        path: where they came from.
        data: the bytes, text in UTF-8 without a byte-order mark.
        format: a key of :data:`SUFFIXES`.
        notices: what was changed to read them.
    """

    path: Path
    data: bytes
    format: str
    notices: tuple[str, ...] = ()

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
    if format is None:
        _refuse_without_sequences(path)
    data = unpacked(path, _read_bytes(path))
    if not data.strip():
        raise DataError("the file is empty", where=str(path))
    if format is not None and format not in SUFFIXES:
        raise DataError("unknown format", expected=", ".join(SUFFIXES), found=repr(format))
    known = format or _format_by_suffix(path)
    notices: list[str] = []
    if known not in _NOT_TEXT and not data.startswith(b"PAR1"):
        data, notices = _as_utf8(path, data)
    known = known or _format_by_content(data)
    if known is None:
        raise _unknown(path)
    _check_content(path, data, known)
    return Source(path=path, data=data, format=known, notices=tuple(notices))


def _refuse_without_sequences(path: Path) -> None:
    last = without_packing(path).suffix.lower()
    for suffixes, (kind, fix) in _NO_SEQUENCES.items():
        if last in suffixes:
            raise DataError(f"the file holds {kind}, not records", found=path.name, where=str(path), fix=fix)


def _unknown(path: Path) -> DataError:
    return DataError(
        "the format of the file can be told neither from its name nor from its first line",
        expected=", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
        + f", each also with {', '.join(PACKED)}",
        found=path.name,
        where=str(path),
        fix=f"if it is one of these under another name, say --format {'|'.join(SUFFIXES)}",
    )


def _as_utf8(path: Path, data: bytes) -> tuple[bytes, list[str]]:
    """Text in UTF-8 without byte-order marks, also those inside a file that was joined of several."""
    notices = []
    if encoding := next((name for mark, name in _WIDE.items() if data.startswith(mark)), None):
        try:
            data = data.decode(encoding).encode()
        except UnicodeDecodeError as error:
            raise DataError(f"the {encoding.upper()} text is damaged", found=str(error), where=str(path)) from None
        notices.append(f"the text is {encoding.upper()}, as Excel writes it")
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if inside := data.count(_BYTE_ORDER_MARK):
        data = data.replace(_BYTE_ORDER_MARK, b"")
        notices.append(f"{counted(inside, 'byte-order mark')} inside the file left out (files were joined?)")
    if b"\0" in data[:4096]:
        raise DataError(
            "the file is not text",
            expected="UTF-8",
            found="NUL characters: it is binary, or UTF-16 without a byte-order mark",
            where=str(path),
            fix="save it as UTF-8 text",
        )
    return data, notices


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", where=str(path)) from None
    except IsADirectoryError:
        raise DataError("this is a folder, not a file", where=str(path), fix="name one file inside it") from None
    except OSError as error:
        raise DataError("the file cannot be read", found=error.strerror, where=str(path)) from None


def _format_by_suffix(path: Path) -> str | None:
    last = without_packing(path).suffix.lower()
    return next((name for name, known in SUFFIXES.items() if last in known), None)


def _format_by_content(data: bytes) -> str | None:
    start = data[:4096].lstrip()
    for name, fits in _OPENS_WITH.items():
        if fits(start):
            return name
    lines = start.replace(b"\r", b"\n").split(b"\n")
    header = next((line for line in lines if line.strip() and not line.startswith((b"#", b"sep="))), lines[0])
    return "tsv" if b"\t" in header else "csv" if b"," in header or b";" in header else None


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
