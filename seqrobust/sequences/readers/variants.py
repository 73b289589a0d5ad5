"""VCF as sequences: every variant put into its genome, and a window of the length that a model reads cut around it.

Each alternative allele is applied by itself; others nearby are not. Windows have one length whatever is inserted or
deleted: the left flank stays, letters come in or go out at the right end. What a file says of a variant (that it is
pathogenic, say) is true of its alternative allele alone: the reference beside it has no target.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from seqrobust.errors import DataError
from seqrobust.sequences.readers.genome import Genome, opened_genome
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import Place, Table
from seqrobust.sequences.readers.vcf import Variant, Vcf
from seqrobust.sequences.regions import Region
from seqrobust.sequences.wording import counted

_ASKED = re.compile(r"(\d+)(?::(alt|pairs))?")


class Window(NamedTuple):
    """A record: the variant it shows, which allele, its letters, where they begin on the chromosome, the allele's place
    on them."""

    variant: Variant
    allele: str
    text: str
    start: int
    region: Region


def read_vcf(source: Source, genome: Path | None, asked: str | None) -> Table:
    """Rows of a VCF file.

    Args:
        source: the file.
        genome: FASTA that the variants are called on.
        asked: ``LENGTH`` for a record with each alternative allele, ``LENGTH:pairs`` for one with the reference too;
            both of a variant then are in one ``group``, so that no split parts them.

    Columns: ``id``, ``sequence``, ``allele`` (``ref`` or ``alt``), ``variant``, ``chrom``, ``pos`` (from 1), ``ref``,
    ``alt``, ``QUAL``, ``FILTER``, and ``INFO_KEY`` for every key of INFO. The region ``variant`` marks the allele.

    Raises DataError for a missing genome or length, a reference allele that the genome does not have, an unknown
    chromosome, and alleles that are no letters.
    """
    found = _ASKED.fullmatch(asked or "")
    if genome is None or found is None or not int(found[1]):
        raise DataError(
            "a VCF file holds variants, not sequences",
            expected="a genome, and the length of the windows around each variant",
            found=("no --genome" if genome is None else f"--genome {genome}")
            + f", {'no --variants' if asked is None else f'--variants {asked!r}'}",
            where=str(source.path),
            fix="--genome genome.fa --variants 1000 (a model's input length) for every alternative allele, or "
            "--variants 1000:pairs for reference and alternative",
        )
    vcf = Vcf(source)
    with opened_genome(genome) as opened:
        windows = [
            window
            for variant in vcf.variants()
            for window in _windows(opened, variant, source, int(found[1]), pairs=found[2] == "pairs")
        ]
        notices, lengths = [*opened.notices, *vcf.notices()], opened.lengths
    if not windows:
        raise DataError(
            "the file holds no variant", where=str(source.path), found="; ".join(notices) or "a header alone"
        )
    if short := sum(len(window.text) < int(found[1]) for window in windows):
        notices.append(f"{counted(short, 'window')} shorter than {found[1]} letters, at a chromosome's end")
    return Table(
        columns=_columns(windows, pairs=found[2] == "pairs"),
        where=lambda row: f"line {windows[row].variant.line}",
        regions=[[window.region] for window in windows],
        places=_places(windows, lengths),
        notices=tuple(notices),
    )


def require_targets_of_alleles(table: Table, targets: Sequence[str]) -> None:
    """Raise DataError where reference alleles would carry what the file says of their variants as a target.

    Args:
        table: rows of :func:`read_vcf`, those left that are wanted.
        targets: names of target columns; ``allele`` is the one that is each record's own.
    """
    others = [name for name in targets if name != "allele"]
    references = int((table.columns["allele"] == "ref").sum())
    if others and references:
        raise DataError(
            "what a VCF file says of a variant is not true of the reference allele",
            expected="targets of alternative alleles alone",
            found=f"target {', '.join(others)} on {counted(references, 'record')} with the reference allele",
            fix="--variants LENGTH (without :pairs) or --where allele=alt for labelled alternatives; --no-targets for "
            "both alleles without labels",
        )


def _windows(genome: Genome, variant: Variant, source: Source, length: int, *, pairs: bool) -> Iterator[Window]:
    """The window of the alternative, behind that of the reference where pairs are asked for and it is the first."""
    _check(genome, variant, source)
    if max(len(variant.ref), len(variant.alt)) > length:
        raise DataError(
            "an allele is longer than the window around it",
            expected=f"at most {length} letters",
            found=f"{max(len(variant.ref), len(variant.alt))} letters",
            where=f"{source.path}, line {variant.line}",
            fix="ask for longer windows, or leave the variant out",
        )
    for name, allele in (("ref", variant.ref), ("alt", variant.alt)) if pairs else (("alt", variant.alt),):
        left = min((length - 1) // 2, variant.start, length - len(allele))
        start, behind = variant.start - left, variant.start + len(variant.ref)
        end = min(behind + length - left - len(allele), genome.lengths[variant.chrom])
        text = _cut(genome, variant.chrom, start, variant.start) + allele + _cut(genome, variant.chrom, behind, end)
        yield Window(variant, name, text, start, Region("variant", left, left + len(allele)))


def _cut(genome: Genome, chrom: str, start: int, end: int) -> str:
    return genome.cut(chrom, start, end).upper() if start < end else ""


def _check(genome: Genome, variant: Variant, source: Source) -> None:
    """Raise DataError where the reference allele is not what the genome has there."""
    where = f"{source.path}, line {variant.line}"
    if variant.chrom not in genome.lengths:
        other = variant.chrom[3:] if variant.chrom.startswith("chr") else f"chr{variant.chrom}"
        some = ", ".join(list(genome.lengths)[:8])
        fix = "use the genome that the variants were called on"
        if other in genome.lengths:
            fix = f"the genome calls it {other!r}: rename the file's chromosomes (bcftools annotate --rename-chrs)"
        raise DataError(
            "a variant lies on a sequence that the genome does not hold",
            expected=f"one of {some}" + (" ..." if len(genome.lengths) > 8 else "") + f" ({genome.path})",
            found=repr(variant.chrom),
            where=where,
            fix=fix,
        )
    end = variant.start + len(variant.ref)
    there = _cut(genome, variant.chrom, variant.start, min(end, genome.lengths[variant.chrom]))
    if there != variant.ref:
        there = there[:40] or "no letter, for the sequence ends before"
        raise DataError(
            "a reference allele is not what the genome has there",
            expected=f"{there} at {variant.chrom}:{variant.start + 1}",
            found=variant.ref[:40],
            where=where,
            fix="use the genome (and its version) that the variants were called on",
        )


def _columns(windows: list[Window], *, pairs: bool) -> pd.DataFrame:
    rows = []
    for window in windows:
        variant = window.variant
        rows.append(
            {
                "id": f"{variant.id}/{window.allele}" if pairs else variant.id,
                "sequence": window.text,
                "allele": window.allele,
                **({"group": f"{variant.chrom}:{variant.start + 1}"} if pairs else {}),
                "variant": variant.id,
                "chrom": variant.chrom,
                "pos": str(variant.start + 1),
                "ref": variant.ref,
                "alt": variant.alt,
                **variant.info,
            }
        )
    table: pd.DataFrame = pd.DataFrame(rows, dtype=object).fillna("")
    return table


def _places(windows: list[Window], lengths: dict[str, int]) -> list[Place] | None:
    """Where records lie on the genome; None where insertions or deletions move what stands behind them."""
    if any(len(window.variant.ref) != len(window.variant.alt) for window in windows):
        return None
    return [
        Place(
            chrom=window.variant.chrom,
            start=window.start,
            end=window.start + len(window.text),
            reverse=False,
            chrom_length=lengths[window.variant.chrom],
        )
        for window in windows
    ]
