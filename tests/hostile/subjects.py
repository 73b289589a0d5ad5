"""What is fuzzed: every reader of files, each with small whole files of its kind to be damaged."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.sequences.checks import check
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.simulation.schema import read_grammar
from seqrobust.sequences.summary import describe
from seqrobust.threats.coding.usage import _read
from seqrobust.threats.constraints.parsing import parse_constraint
from seqrobust.threats.letters import switch_costs

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A reader.

    Attributes:
        files: names of files of the corpus; the first is the one that is damaged most, the others lie beside it.
        read: what is called with the folder they lie in.
    """

    files: tuple[str, ...]
    read: Callable[[Path], object]

    def contents(self) -> dict[str, bytes]:
        """The whole files."""
        return {name: (CORPUS / name).read_bytes() for name in self.files}


def _records(name: str, **options: object) -> Callable[[Path], object]:
    def read(folder: Path) -> object:
        more = {
            key: folder / str(value) if key in ("genome", "annotation") else value for key, value in options.items()
        }
        loaded = read_sequences(folder / name, **more)  # type: ignore[arg-type]
        # What is made of records takes ten times as long as to read them: an eighth of the files are looked at so.
        if zlib.crc32((folder / name).read_bytes()) % 8 == 0:
            describe(loaded.sequences)
            check(loaded.sequences, None)
        return loaded

    return read


def _constraint(text: str) -> Callable[[Path], object]:
    return lambda folder: parse_constraint(text.format(folder=folder), DNA)


SUBJECTS: Mapping[str, Subject] = {
    "fasta": Subject(files=("a.fa",), read=_records("a.fa")),
    "fasta of proteins": Subject(files=("p.faa",), read=_records("p.faa", alphabet=PROTEIN)),
    "fastq": Subject(files=("a.fastq",), read=_records("a.fastq")),
    "csv": Subject(files=("a.csv",), read=_records("a.csv")),
    "tsv": Subject(files=("a.tsv",), read=_records("a.tsv")),
    "text": Subject(files=("a.txt",), read=_records("a.txt")),
    "parquet": Subject(files=("a.parquet",), read=_records("a.parquet")),
    "genbank": Subject(files=("a.gb",), read=_records("a.gb")),
    "genpept": Subject(files=("p.gp",), read=_records("p.gp")),
    "embl": Subject(files=("a.embl",), read=_records("a.embl")),
    "swissprot": Subject(files=("p.dat",), read=_records("p.dat")),
    "uniprot xml": Subject(files=("p.xml",), read=_records("p.xml")),
    "bed": Subject(files=("a.bed", "genome.fa"), read=_records("a.bed", genome="genome.fa")),
    "bed12": Subject(files=("b.bed12", "genome.fa"), read=_records("b.bed12", genome="genome.fa")),
    "vcf": Subject(files=("a.vcf", "genome.fa"), read=_records("a.vcf", genome="genome.fa", variants="9:pairs")),
    "gff3": Subject(files=("a.gff3", "a.fa"), read=_records("a.fa", annotation="a.gff3")),
    "gtf": Subject(files=("a.gtf", "a.fa"), read=_records("a.fa", annotation="a.gtf")),
    "bed as annotation": Subject(files=("c.bed", "a.fa"), read=_records("a.fa", annotation="c.bed")),
    "jaspar": Subject(files=("m.jaspar",), read=_constraint("no-change:{folder}/m.jaspar@80%")),
    "meme": Subject(files=("m.meme",), read=_constraint("no-change:{folder}/m.meme@80%")),
    "meme xml": Subject(files=("m.xml",), read=_constraint("no-change:{folder}/m.xml@80%")),
    "markov background": Subject(files=("a.fa",), read=_constraint("markov:1@0.1:{folder}/a.fa")),
    "letter costs": Subject(files=("costs.tsv",), read=lambda folder: switch_costs(str(folder / "costs.tsv"), DNA)),
    "codon usage": Subject(files=("usage.txt",), read=lambda folder: _read(folder / "usage.txt")),
    "grammar": Subject(files=("grammar.yaml",), read=lambda folder: read_grammar(folder / "grammar.yaml")),
}
