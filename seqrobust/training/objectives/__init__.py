"""Objectives: what a training step minimises. Each is one file; a new one is exported here."""

from seqrobust.training.objectives.adversarial import Adversarial, worst_case
from seqrobust.training.objectives.base import Objective
from seqrobust.training.objectives.ordinary import Ordinary

__all__ = ["Adversarial", "Objective", "Ordinary", "worst_case"]
