"""Codings: what one edit is, other than the switch of a letter. Each is one file; a new one is exported here."""

from seqrobust.threats.coding.base import CodedSet, CodedThreat, Coding, Moves, Written
from seqrobust.threats.coding.codons import CodonColumns, Codons
from seqrobust.threats.coding.indels import Indels
from seqrobust.threats.coding.parsing import parse_moves

__all__ = ["CodedSet", "CodedThreat", "Coding", "CodonColumns", "Codons", "Indels", "Moves", "Written", "parse_moves"]
