"""Genes made by Biopython alone, and all that is synonymous to them, by going through every codon."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
from Bio import SeqIO
from Bio.Data.CodonTable import unambiguous_dna_by_id
from Bio.Seq import Seq, complement
from Bio.SeqFeature import BeforePosition, CompoundLocation, SeqFeature, SimpleLocation
from Bio.SeqRecord import SeqRecord

TRIPLES = ["".join(letters) for letters in product("ACGT", repeat=3)]


def place(parts: Sequence[tuple[int, int, int]]) -> Any:
    """A location of (start, end, strand) parts in the order they are read."""
    simple = [SimpleLocation(*part) for part in parts]
    return simple[0] if len(simple) == 1 else CompoundLocation(simple)


def cds(parts: Sequence[tuple[int, int, int]], **qualifiers: Any) -> SeqFeature:
    """A coding sequence."""
    given = {key: value if isinstance(value, list) else [str(value)] for key, value in qualifiers.items()}
    return SeqFeature(place(parts), type="CDS", qualifiers=given)


def put(text: str, feature: SeqFeature, coding: str) -> str:
    """A record's text with the letters of a coding sequence written where they belong."""
    letters = list(text)
    strands = [part.strand for part in feature.location.parts for _ in range(len(part))]
    for at, strand, letter in zip(feature.location, strands, coding, strict=True):
        letters[at] = letter if strand == 1 else complement(letter)
    return "".join(letters)


def orf(rng: np.random.Generator, codons: int, table: int = 1, start: str = "ATG", stop: bool = True) -> str:
    """An open reading frame: a start, sense codons, a stop."""
    code = unambiguous_dna_by_id[table]
    sense = [codon for codon in TRIPLES if codon in code.forward_table and codon not in code.stop_codons]
    body = [str(rng.choice(sense)) for _ in range(codons - 1 - stop)]
    return start + "".join(body) + (str(rng.choice(code.stop_codons)) if stop else "")


def noise(rng: np.random.Generator, length: int) -> str:
    """Random letters."""
    return "".join(rng.choice(list("ACGT"), length))


def record_of(text: str, *features: SeqFeature, name: str = "rec1", circular: bool = False) -> SeqRecord:
    """A record that can be written."""
    annotations = {"molecule_type": "DNA", "topology": "circular" if circular else "linear"}
    record = SeqRecord(Seq(text), id=name, name=name, annotations=annotations)
    record.features = list(features)
    return record


def proteins(text: str, features: Sequence[SeqFeature]) -> list[str]:
    """Every coding sequence by Biopython, from its frame on."""
    found = []
    for feature in features:
        start = int(feature.qualifiers.get("codon_start", ["1"])[0]) - 1
        letters = str(feature.extract(Seq(text)))[start:]
        table = int(feature.qualifiers.get("transl_table", ["1"])[0])
        found.append(str(Seq(letters[: len(letters) // 3 * 3]).translate(table=table)))
    return found


def codon_places(feature: SeqFeature) -> list[tuple[list[int], bool]]:
    """(places, on the minus strand) of each codon, from Biopython's own walk along a location."""
    start = int(feature.qualifiers.get("codon_start", ["1"])[0]) - 1
    walk = list(feature.location)[start:]
    strands = [part.strand for part in feature.location.parts for _ in range(len(part))][start:]
    return [(walk[i : i + 3], strands[i] == -1) for i in range(0, len(walk) - 2, 3)]


def single_changes(text: str, feature: SeqFeature, every: Sequence[SeqFeature], first: int = 1) -> list[set[str]]:
    """Of each codon from number ``first`` on, the texts with it changed that leave every protein as it is."""
    wanted = proteins(text, every)
    found = []
    for places, minus in codon_places(feature)[first:]:
        here = set()
        for triple in TRIPLES:
            letters = list(text)
            for at, letter in zip(places, triple, strict=True):
                letters[at] = complement(letter) if minus else letter
            if (edited := "".join(letters)) != text and proteins(edited, every) == wanted:
                here.add(edited)
        found.append(here)
    return found


def all_synonymous(text: str, feature: SeqFeature, k: int, first: int = 1) -> set[str]:
    """All texts with at most k codons changed and the protein kept, of a coding sequence that nothing overlaps."""
    changes = single_changes(text, feature, [feature], first)
    return {
        _merged(text, texts)
        for count in range(k + 1)
        for some in combinations(changes, count)
        for texts in product(*some)
    }


def _merged(text: str, texts: tuple[str, ...]) -> str:
    letters = list(text)
    for edited in texts:
        for at, letter in enumerate(edited):
            if letter != text[at]:
                letters[at] = letter
    return "".join(letters)


def write(record: SeqRecord, path: Path) -> Path:
    """A record as GenBank or EMBL by the suffix, or as FASTA with its coding sequences in GFF3 or GTF beside it."""
    if path.suffix in (".gb", ".embl"):
        SeqIO.write([record], path, "genbank" if path.suffix == ".gb" else "embl")
        return path
    SeqIO.write([record], path.with_suffix(".fa"), "fasta")
    lines = []
    for number, feature in enumerate(record.features):
        start = int(feature.qualifiers.get("codon_start", ["1"])[0]) - 1
        read = -start
        rows = []
        for part in feature.location.parts:
            said = _attributes(feature, number, gtf=path.suffix == ".gtf")
            strand = "+" if part.strand == 1 else "-"
            ends = (int(part.start) + 1, int(part.end))
            rows.append("\t".join([record.id, "x", "CDS", *map(str, ends), ".", strand, str(-read % 3), said]))
            read += len(part)
        # Files give rows by position, whatever the strand.
        lines += sorted(rows, key=lambda row: int(row.split("\t")[3]))
    path.write_text("##gff-version 3\n" * (path.suffix == ".gff3") + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def _attributes(feature: SeqFeature, number: int, *, gtf: bool) -> str:
    if gtf:
        return f'gene_id "g{number}"; transcript_id "t{number}"; tag "basic"; tag "CCDS";'
    partial = ";partial=true" if isinstance(feature.location.start, BeforePosition) else ""
    table = feature.qualifiers.get("transl_table", ["1"])[0]
    return f"ID=cds{number};Parent=t{number};Name=P{number}.1;transl_table={table}{partial}"
