"""Do codon edits keep proteins in real annotated files? Counted by code that shares nothing with the package.

    python benchmarks/codon_files.py FILE.gb FILE.embl GENES.gff3=GENOME.fa ... [--draws 20]

Each file's coding sequences are edited at random, from one codon up to all of them, and every coding sequence that the
file annotates is translated before and after: by a parser of feature tables, GFF3 and GTF, and by genetic codes written
out below, which know nothing of the package or of Biopython. A row a file: coding sequences, codons that may change,
edited sequences, proteins that changed (must be 0), starts or recoded codons that changed (must be 0), letters outside
coding sequences that changed (must be 0), or why the file was refused.
"""

from __future__ import annotations

import argparse
import gzip
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import torch

from seqrobust.errors import SeqRobustError
from seqrobust.sequences.readers import read_sequences
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, Codons

_ORDER = [a + b + c for a in "TCAG" for b in "TCAG" for c in "TCAG"]
_STANDARD = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
_CODES = {
    1: _STANDARD,
    2: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG",
    3: "FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    4: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    5: "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG",
    6: "FFLLSSSSYYQQCC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    11: _STANDARD,
    12: "FFLLSSSSYY**CC*WLLLSPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    # A small letter: an amino acid or a stop, by where it stands.
    27: "FFLLSSSSYYQQCCwWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    28: "FFLLSSSSYYqqCCwWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
    31: "FFLLSSSSYYeeCCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
}
_COMPLEMENT = str.maketrans("ACGTRYKMBVDHSWN", "TGCAYRMKVBHDSWN")


@dataclass
class Gene:
    """A coding sequence: places of its letters on the record in the order they are read, each with its strand."""

    letters: list[tuple[int, int]]
    phase: int = 0
    table: int = 1
    open_start: bool = False
    recoded: list[int] = field(default_factory=list)

    def codons(self, text: str) -> list[str]:
        """Whole codons."""
        read = "".join(
            letter if strand > 0 else letter.translate(_COMPLEMENT)
            for at, strand in self.letters
            for letter in [text[at] if 0 <= at < len(text) else "N"]
        )[self.phase :]
        return [read[i : i + 3] for i in range(0, len(read) - 2, 3)]

    def protein(self, text: str) -> str:
        """Amino acids, ``*`` for a stop, ``?`` for a codon with another letter than A, C, G and T."""
        code = dict(zip(_ORDER, _CODES.get(self.table, _STANDARD), strict=True))
        return "".join(code.get(codon, "?") for codon in self.codons(text))


def flat_genes(text: str) -> list[list[Gene]]:
    """The coding sequences of every record of a GenBank or EMBL file."""
    found: list[list[Gene]] = []
    for record in re.split(r"(?m)^//.*\n?", text):
        if not record.strip():
            continue
        features: list[list[str]] = []
        current: list[str] | None = None
        for line in record.split("\n"):
            body = line[5:] if line.startswith(("     ", "FT   ")) else None
            if body is None or re.match(r"\s*\d+ [a-z]", line) or line.startswith("     //"):
                continue
            key, rest = body[:16].strip(), body[16:]
            if key and not key.startswith("/"):
                current = [key, rest.strip()]
                features.append(current)
            elif current is not None:
                current.append(rest.strip())
        length = re.search(r"(?m)^(?:LOCUS\s+\S+\s+|ID .*?)(\d+) (?:bp|BP)", record)
        size = int(length[1]) if length else 0
        found.append([_flat_gene(one[1:], size) for one in features if one[0] == "CDS"])
    return found


def _flat_gene(lines: list[str], size: int) -> Gene:
    where, rest = "", lines
    while rest and not rest[0].startswith("/"):
        where, rest = where + rest[0], rest[1:]
    said = " ".join(rest)
    letters = [(at % size if size else at, strand) for at, strand in _letters(where.replace(" ", ""), size)]
    start = re.search(r'/codon_start="?(\d)', said)
    table = re.search(r'/transl_table="?(\d+)', said)
    recoded = [int(one) - 1 for one in re.findall(r"pos:\s*(?:complement\()?(?:join\()?(\d+)", said)]
    head = re.sub(r"[^<>\d.,]", "", where)
    outer = re.search(r">(\d+)\D*$", head) if letters and letters[0][1] < 0 else re.match(r"\D*<", head)
    return Gene(
        letters,
        phase=int(start[1]) - 1 if start else 0,
        table=int(table[1]) if table else 1,
        open_start=bool(outer) or "<" in where or ">" in where,
        recoded=recoded,
    )


def _letters(where: str, size: int) -> list[tuple[int, int]]:
    """Places of a location on a record of that size. Parts on other records have none."""
    if where.startswith("complement("):
        return [(at, -strand) for at, strand in reversed(_letters(where[11:-1], size))]
    for word in ("join(", "order("):
        if where.startswith(word):
            return [one for part in _parts(where[len(word) : -1]) for one in _letters(part, size)]
    if ":" in where or "^" in where:
        return []
    ends = [int(one) for one in re.findall(r"\d+", where)]
    last = ends[-1] + (size if ends and ends[-1] < ends[0] else 0) if ends else 0  # 90..12 of a circle goes round
    return [(at, 1) for at in range(ends[0] - 1, last)] if ends else []


def _parts(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def row_genes(text: str, *, gtf: bool, table: int, lengths: dict[str, int]) -> dict[str, list[Gene]]:
    """The coding sequences of a GFF3 or GTF file by sequence: every transcript's by itself."""
    rows: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
    for line in text.split("##FASTA")[0].split("\n"):
        fields = line.split("\t")
        if len(fields) != 9 or fields[2] != "CDS" or line.startswith("#"):
            continue
        pairs = re.findall(r'(\w+) "([^"]*)"' if gtf else r"([^;=]+)=([^;]*)", fields[8])
        said = {key.strip(): unquote(value) for key, value in pairs}
        fields[8] = fields[8] if not said.get("transl_table") else f"T{said['transl_table']} {fields[8]}"
        names = [said["transcript_id"]] if gtf else said.get("Parent", "").split(",")
        own = "" if gtf else said.get("ID", "")
        for name in names:
            rows[fields[0], f"{name} {own if name == '' or own.count('-') else ''}"].append(fields)
    genes: dict[str, list[Gene]] = defaultdict(list)
    for (seqid, _), group in rows.items():
        strand = -1 if group[0][6] == "-" else 1
        group.sort(key=lambda fields: int(fields[3]) * strand)
        letters = []
        for fields in group:
            places = list(range(int(fields[3]) - 1, int(fields[4])))
            letters += [(at, strand) for at in (places if strand > 0 else places[::-1])]
        size = lengths.get(unquote(seqid), 0)
        letters = [(at % size if size and at >= size else at, one) for at, one in letters]
        stated = re.match(r"T(\d+) ", group[0][8])
        recoded = [int(one) - 1 for one in re.findall(r"pos:(?:complement\()?(\d+)", unquote(group[0][8]))]
        phase = int(group[0][7]) if group[0][7].isdigit() else 0
        partial = "partial=true" in group[0][8] or "_NF" in group[0][8] or phase > 0
        genes[unquote(seqid)].append(Gene(letters, phase, int(stated[1]) if stated else table, partial, recoded))
    return genes


def text_of(path: Path) -> str:
    """A file's text, unpacked where it is packed."""
    return (gzip.open(path, "rt") if path.suffix == ".gz" else path.open()).read().replace("\r\n", "\n")


def checked(argument: str, draws: int, region: str) -> dict[str, Any]:
    """What came of one file."""
    first, _, second = argument.partition("=")
    path = Path(first)
    records = read_sequences(Path(second), annotation=path) if second else read_sequences(path)
    sequences = records.sequences
    lengths = dict(zip(sequences.ids, map(len, sequences.texts), strict=True))
    stated = int(region.rpartition(":")[2]) if region.rpartition(":")[2].isdigit() else 1
    if second:
        by_name = row_genes(text_of(path), gtf=".gtf" in path.name, table=stated, lengths=lengths)
        genes = [by_name.get(name, []) for name in sequences.ids]
    else:
        genes = list(flat_genes(text_of(path)))
    coded = CodedSet.of(
        sequences,
        Codons(source=sequences.alphabet, region=region.split(":")[0], table=stated if ":" in region else None),
    )
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(1)), coded.coding).bind(coded)
    found = {
        "records": len(sequences),
        "genes": sum(map(len, genes)),
        "free": int(threat.permitted.sum(1).gt(1).sum()),
        "edited": 0,
        "proteins": 0,
        "fixed": 0,
        "outside": 0,
    }
    rng = torch.Generator().manual_seed(0)
    for draw in range(draws):
        # What is permitted is so in every combination; from a few codons up to all of them.
        weights = torch.rand(threat.permitted.shape, generator=rng) * threat.permitted
        drawn = weights.argmax(1).to(torch.uint8)
        chosen = torch.rand(drawn.shape, generator=rng) < (draw + 1) / draws
        members = torch.where(chosen & threat.permitted.any(1), drawn, threat.tokens)
        decoded = coded.coding.decode(members).numpy()
        for row, clean in enumerate(sequences.texts):
            letters = np.array(list("ACGT"))
            after = np.array(list(clean.replace("U", "T")))
            changed = np.flatnonzero(sequences.tokens[row, : len(clean)] != decoded[row, : len(clean)])
            after[changed] = letters[decoded[row, changed]]
            _compare(genes[row], clean.replace("U", "T"), "".join(after), changed, found)
    return found


def _compare(genes: list[Gene], before: str, after: str, changed: np.ndarray[Any, Any], found: dict[str, Any]) -> None:
    if not len(changed):
        return
    found["edited"] += 1
    inside = {at for gene in genes for at, _ in gene.letters}
    found["outside"] += sum(at not in inside for at in changed.tolist())
    for gene in genes:
        found["proteins"] += gene.protein(before) != gene.protein(after)
        order = {at: number for number, (at, _) in enumerate(gene.letters)}
        old, new = gene.codons(before), gene.codons(after)
        held = {(order[at] - gene.phase) // 3 for at in gene.recoded if at in order}
        held |= {0} if not gene.open_start and gene.phase == 0 else set()
        found["fixed"] += sum(old[one] != new[one] for one in held if one < len(old))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--region", default="CDS")
    asked = parser.parse_args()
    print("| file | records | CDS | free codons | edited | proteins changed | fixed changed | outside |")
    print("|---|---|---|---|---|---|---|---|")
    for argument in asked.files:
        name = Path(argument.partition("=")[0]).name
        try:
            found = checked(argument, asked.draws, asked.region)
        except SeqRobustError as error:
            print(f"| {name} | refused: {error.problem}: {str(error.found)[:150]} ||||||| ", flush=True)
            continue
        print(f"| {name} | {' | '.join(str(value) for value in found.values())} |", flush=True)


if __name__ == "__main__":
    main()
