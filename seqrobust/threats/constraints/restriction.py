"""Restriction sites that may not be gained or lost, by the name of the enzyme (Biopython's copy of REBASE)."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache

import torch

from seqrobust.alphabet import DNA, Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.constraints.hits import BoundHits, Forbids, bind_hits, check_forbids
from seqrobust.threats.constraints.motif_hits import Pattern
from seqrobust.threats.constraints.scanning import Scan, on_strands


@cache
def recognition_sites() -> dict[str, tuple[str, ...]]:
    """Enzyme to its recognition sites in IUPAC codes, one for nearly all.

    >>> recognition_sites()["EcoRI"]
    ('GAATTC',)
    """
    # Imported late: Biopython makes a class for each of a thousand enzymes.
    from Bio.Restriction import AllEnzymes

    return {str(enzyme): tuple(enzyme.site.upper().split("|")) for enzyme in AllEnzymes}


@dataclass(frozen=True, kw_only=True)
class RestrictionSites:
    """No recognition site of some enzymes may be gained, or lost, or either, on both strands of DNA.

    Sites of the clean sequence stay allowed, and those it lacks are not asked for. A window with an unknown letter is
    no site. Where the enzyme cuts, and whether methylation stops it, is not looked at.

    Attributes:
        enzymes: names as in REBASE, in any case.
        forbids: ``gain``, ``loss`` or ``change``.

    Raises ThreatError for no enzyme, or an unknown one.
    """

    enzymes: tuple[str, ...]
    forbids: Forbids

    def __post_init__(self) -> None:
        check_forbids(self.forbids)
        if not self.enzymes:
            raise ThreatError("a rule about restriction sites needs an enzyme", expected="a name such as EcoRI")
        object.__setattr__(self, "enzymes", tuple(_known(name) for name in self.enzymes))

    def describe(self) -> str:
        """In words, as a sentence's part."""
        return f"no {self.forbids} of restriction sites of {', '.join(self.enzymes)}"

    def scans(self, alphabet: Alphabet) -> list[Scan]:
        """Every site on every strand. Raises ThreatError for RNA and protein."""
        if alphabet != DNA:
            raise ThreatError("restriction sites are defined for DNA only", found=f"alphabet {alphabet.name}")
        scans = []
        for enzyme in self.enzymes:
            for site in recognition_sites()[enzyme]:
                scores = Pattern(text=site).scan(alphabet).scores
                scan = Scan(name=f"{enzyme} ({site})", strand="", scores=scores, least=0)
                scans += on_strands(scan, alphabet, both=True)
        return scans

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundHits:
        """The rule on those records. Raises ThreatError as :meth:`scans` does."""
        return bind_hits(self.scans(sequences.alphabet), self.forbids, sequences, device)


def _known(name: str) -> str:
    names = {enzyme.lower(): enzyme for enzyme in recognition_sites()}
    if name.lower() in names:
        return names[name.lower()]
    near = difflib.get_close_matches(name.lower(), names, n=4, cutoff=0.5)
    raise ThreatError(
        "unknown restriction enzyme",
        expected=", ".join(names[each] for each in near) or "a name such as EcoRI",
        found=repr(name),
        fix="names are as in REBASE: EcoRI, BamHI, BsaI ...",
    )
