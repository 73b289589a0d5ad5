"""Neighbour scores: what a model says about sequences a few letters away."""

from seqrobust.neighbours.edits import Edits, apply_edits
from seqrobust.neighbours.plain import PlainScores

__all__ = ["Edits", "PlainScores", "apply_edits"]
