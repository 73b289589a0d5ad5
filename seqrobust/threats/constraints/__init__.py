"""Constraints: what an adversary's candidates must still look like, beside how many letters may change.

``parse_constraint("gc:0.3-0.7; no-gain:TATAAT", DNA).bind(sequences).allows(tokens, records)`` judges candidates, and
``.reason`` says why one is refused. :mod:`seqrobust.threats.constraints.base` states what all constraints keep to,
:mod:`seqrobust.threats.constraints.parsing` the grammar.
"""

from seqrobust.threats.constraints.base import BoundConstraint, Constraint
from seqrobust.threats.constraints.composition import GCContent
from seqrobust.threats.constraints.conjunction import AllOf
from seqrobust.threats.constraints.hits import Forbids
from seqrobust.threats.constraints.homopolymers import LongestRun
from seqrobust.threats.constraints.markov import MarkovModel, MarkovPlausibility
from seqrobust.threats.constraints.matrices import WeightMatrix, read_matrices
from seqrobust.threats.constraints.motif_hits import MotifHits, Pattern
from seqrobust.threats.constraints.parsing import parse_constraint
from seqrobust.threats.constraints.restriction import RestrictionSites

__all__ = [
    "AllOf",
    "BoundConstraint",
    "Constraint",
    "Forbids",
    "GCContent",
    "LongestRun",
    "MarkovModel",
    "MarkovPlausibility",
    "MotifHits",
    "Pattern",
    "RestrictionSites",
    "WeightMatrix",
    "parse_constraint",
    "read_matrices",
]
