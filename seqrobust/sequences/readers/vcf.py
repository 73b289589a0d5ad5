"""The lines of VCF: variants with plain alleles; what stands for no letters is left out and counted, or refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from seqrobust.errors import DataError
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.wording import counted, is_whole

_LETTERS = re.compile(r"[ACGTNacgtn]+")
_NOTHING = {".": "no other allele", "<NON_REF>": "no other allele", "<*>": "no other allele", "*": "an allele *"}
"""Alternatives that name no letters: a site without a variant, or one that another line's deletion covers."""


class Variant(NamedTuple):
    """One alternative allele of a line: ``start`` is 0-based, ``info`` the line's further columns."""

    line: int
    chrom: str
    start: int
    name: str
    ref: str
    alt: str
    info: Mapping[str, str]

    @property
    def id(self) -> str:
        """The file's name of it, told apart where a line has several alleles, or its place and letters."""
        return self.name or f"{self.chrom}:{self.start + 1}:{self.ref}>{self.alt}"


@dataclass
class Vcf:
    """A file's variants, read line by line, and what was left out so far."""

    source: Source
    left_out: Counter[str] = field(default_factory=Counter)
    samples: int = 0

    def variants(self) -> Iterator[Variant]:
        """One for each alternative allele. Raises DataError that names the line of what cannot be applied."""
        for number, line in enumerate(self.source.text.split("\n"), start=1):
            if line.startswith("#CHROM"):
                self.samples = max(len(line.rstrip().split("\t")) - 9, 0)
            if not line.strip() or line.startswith("#"):
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 5 or not is_whole(fields[1]) or int(fields[1]) < 1:
                raise self._refusal(
                    number,
                    "a VCF line cannot be read",
                    "CHROM, POS (from 1), ID, REF, ALT, parted by tabs",
                    line[:80],
                    "save it with tabs, as bcftools and others write it",
                )
            yield from self._alleles(number, fields)

    def _alleles(self, number: int, fields: list[str]) -> Iterator[Variant]:
        chrom, position, name, ref, alternatives = fields[:5]
        if not _LETTERS.fullmatch(ref):
            raise self._refusal(number, "a reference allele is no sequence", "letters A, C, G, T or N", ref[:80])
        ref = ref.upper()
        alleles = [alt for alt in alternatives.split(",") if self._is_plain(number, alt)]
        names = [] if name in ("", ".") else [name] * len(alleles)
        if len(alternatives.split(",")) > 1:
            names = [f"{name}:{ref}>{alt.upper()}" for alt, name in zip(alleles, names, strict=False)]
        info = _info(fields)
        for place, alt in enumerate(alleles):
            if alt.upper() == ref:
                self.left_out["an alternative equal to the reference"] += 1
                continue
            own = names[place] if names else ""
            yield Variant(number, chrom, int(position) - 1, own, ref, alt.upper(), info)

    def _is_plain(self, number: int, alt: str) -> bool:
        if alt in _NOTHING:
            self.left_out[_NOTHING[alt]] += 1
            return False
        if _LETTERS.fullmatch(alt):
            return True
        kind = "a symbolic allele" if alt.startswith("<") else "a breakend" if "[" in alt or "]" in alt else "an allele"
        raise self._refusal(
            number,
            f"{kind} does not say which letters stand there",
            "letters A, C, G, T or N, in every alternative allele",
            alt[:80],
            "leave such variants out (bcftools view -V other,bnd), or write their letters",
        )

    def _refusal(self, number: int, problem: str, expected: str, found: str, fix: str | None = None) -> DataError:
        where = f"{self.source.path}, line {number}"
        return DataError(problem, expected=expected, found=repr(found), where=where, fix=fix)

    def notices(self) -> list[str]:
        """What was left out or not used."""
        said = [f"{counted(count, 'alternative')} left out: {what}" for what, count in self.left_out.items()]
        if self.samples:
            said.append(f"genotypes of {counted(self.samples, 'sample')} are not used: each alternative is a record")
        return said


def _info(fields: list[str]) -> dict[str, str]:
    """QUAL, FILTER and every key of INFO, which never are targets or splits unless named."""
    found = dict(zip(("QUAL", "FILTER"), fields[5:7], strict=False))
    for item in (fields[7] if len(fields) > 7 else "").split(";"):
        key, _, value = item.partition("=")
        if key and key != ".":
            found[f"INFO_{key}"] = value or "1"
    return found
