"""Neighbour scores: what a model says about sequences a few letters away."""

from seqrobust.neighbours.edits import Edits, apply_edits
from seqrobust.neighbours.plain import PlainScores
from seqrobust.neighbours.service import NeighbourScores

__all__ = ["Edits", "NeighbourScores", "PlainScores", "apply_edits"]
