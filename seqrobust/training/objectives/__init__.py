"""Objectives: what a training step minimises. Each is one file; a new one is a row of :mod:`.registry`."""

from seqrobust.training.objectives.adversarial import Adversarial
from seqrobust.training.objectives.base import Objective
from seqrobust.training.objectives.continued import Continued
from seqrobust.training.objectives.distillation import Distillation
from seqrobust.training.objectives.hinge import Hinge
from seqrobust.training.objectives.invariance import Invariance
from seqrobust.training.objectives.making import make_objective
from seqrobust.training.objectives.mart import Mart
from seqrobust.training.objectives.ordinary import Ordinary
from seqrobust.training.objectives.penalty import Penalty
from seqrobust.training.objectives.random_members import RandomMembers
from seqrobust.training.objectives.registry import OBJECTIVES, adversarial_settings
from seqrobust.training.objectives.replay import Memory, Replay
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import worst_case, worst_cases
from seqrobust.training.objectives.trades import Trades

__all__ = [
    "OBJECTIVES",
    "Adversarial",
    "Continued",
    "Distillation",
    "Hinge",
    "Invariance",
    "Mart",
    "Memory",
    "Objective",
    "Ordinary",
    "Penalty",
    "RandomMembers",
    "Replay",
    "Robust",
    "Trades",
    "adversarial_settings",
    "make_objective",
    "worst_case",
    "worst_cases",
]
