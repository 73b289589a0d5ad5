"""Motifs that may not be gained or lost: consensus patterns and weight matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ConfigError, ThreatError
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.simulation.motifs import parse_pattern
from seqrobust.threats.constraints.hits import BoundHits, Forbids, bind_hits, check_forbids
from seqrobust.threats.constraints.matrices import WeightMatrix
from seqrobust.threats.constraints.scanning import Scan, on_strands

_NAMED = 3
"""Motifs a description names before it counts the rest."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A motif as IUPAC codes (``TGASTCA``) or in PROSITE syntax (``N-{P}-[ST]-{P}``)."""

    text: str

    @property
    def name(self) -> str:
        """What a reason calls it: the pattern itself."""
        return self.text

    def scan(self, alphabet: Alphabet) -> Scan:
        """A hit is a window whose every letter is known and accepted. Raises ThreatError for an unreadable pattern."""
        try:
            columns = parse_pattern(self.text, alphabet)
        except ConfigError as error:
            raise ThreatError(error.problem, expected=error.expected, found=error.found) from None
        accepted = np.array([[letter in column for letter in alphabet.letters] for column in columns])
        return Scan(name=self.text, strand="", scores=accepted.astype(np.int32) - 1, least=0)


@dataclass(frozen=True, kw_only=True)
class MotifHits:
    """No hit of some motifs may be gained, or lost, or either.

    A hit is a motif, a strand and a start. Hits of the clean sequence stay allowed, and those it lacks are not asked
    for, so that the clean sequence is always allowed. A window with an unknown letter is never a hit, not even of a
    column that accepts every letter.

    Attributes:
        motifs: patterns and weight matrices, at least one.
        forbids: ``gain``, ``loss`` or ``change``.
        both_strands: whether DNA is read on both strands; RNA and protein have one.

    Raises ThreatError for no motif.
    """

    motifs: tuple[Pattern | WeightMatrix, ...]
    forbids: Forbids
    both_strands: bool = True

    def __post_init__(self) -> None:
        check_forbids(self.forbids)
        if not self.motifs:
            raise ThreatError("a rule about motifs needs a motif", expected="a pattern or a file of motifs")

    def describe(self) -> str:
        """In words, as a sentence's part."""
        names = ", ".join(motif.name for motif in self.motifs[:_NAMED])
        more = f" and {len(self.motifs) - _NAMED} more motifs" if len(self.motifs) > _NAMED else ""
        return f"no {self.forbids} of {names}{more}"

    def scans(self, alphabet: Alphabet) -> list[Scan]:
        """Every motif on every strand. Raises ThreatError for a motif that the alphabet cannot read."""
        scans = (motif.scan(alphabet) for motif in self.motifs)
        return [strand for scan in scans for strand in on_strands(scan, alphabet, self.both_strands)]

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundHits:
        """The rule on those records. Raises ThreatError as :meth:`scans` does."""
        return bind_hits(self.scans(sequences.alphabet), self.forbids, sequences, device)
