"""Attacks: searches of a threat for a goal, run by one driver."""

from seqrobust.attacks.beam import Beam
from seqrobust.attacks.discrete_pgd import DiscretePGD
from seqrobust.attacks.driver import run_shard
from seqrobust.attacks.exchange import Exchange
from seqrobust.attacks.exhaustive import Exhaustive
from seqrobust.attacks.frank_wolfe import FrankWolfe
from seqrobust.attacks.goals import Goal, Shift, Targeted, Untargeted, predictions, true_margin
from seqrobust.attacks.greedy import Greedy
from seqrobust.attacks.one_step import OneStep
from seqrobust.attacks.presets import ATTACKS, DEFAULT_ATTACKS, PRESETS, attacks_named
from seqrobust.attacks.problem import Problem, ShardRun
from seqrobust.attacks.random_substitutions import RandomSubstitutions
from seqrobust.attacks.search import Attack

__all__ = [
    "ATTACKS",
    "DEFAULT_ATTACKS",
    "PRESETS",
    "Attack",
    "Beam",
    "DiscretePGD",
    "Exchange",
    "Exhaustive",
    "FrankWolfe",
    "Goal",
    "Greedy",
    "OneStep",
    "Problem",
    "RandomSubstitutions",
    "ShardRun",
    "Shift",
    "Targeted",
    "Untargeted",
    "attacks_named",
    "predictions",
    "run_shard",
    "true_margin",
]
