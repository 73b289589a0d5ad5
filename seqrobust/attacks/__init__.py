"""Attacks: searches of a threat for a goal, run by one driver."""

from seqrobust.attacks.annealing import Annealing
from seqrobust.attacks.beam import Beam
from seqrobust.attacks.block_search import BlockSearch
from seqrobust.attacks.coded import Scores, coded, scores_for
from seqrobust.attacks.decision_based import DecisionBased
from seqrobust.attacks.discrete_pgd import DiscretePGD
from seqrobust.attacks.driver import run_shard
from seqrobust.attacks.exchange import Exchange
from seqrobust.attacks.exhaustive import Exhaustive
from seqrobust.attacks.frank_wolfe import FrankWolfe
from seqrobust.attacks.genetic import Genetic
from seqrobust.attacks.goals import Goal, Shift, Targeted, Untargeted, predictions, true_margin
from seqrobust.attacks.greedy import Greedy
from seqrobust.attacks.gumbel import GumbelSoftmax
from seqrobust.attacks.one_step import OneStep
from seqrobust.attacks.presets import ATTACKS, DEFAULT_ATTACKS, PRESETS, attacks_named
from seqrobust.attacks.problem import Problem, ShardRun
from seqrobust.attacks.random_substitutions import RandomSubstitutions
from seqrobust.attacks.relaxed_pgd import RelaxedPGD
from seqrobust.attacks.search import Attack

__all__ = [
    "ATTACKS",
    "DEFAULT_ATTACKS",
    "PRESETS",
    "Annealing",
    "Attack",
    "Beam",
    "BlockSearch",
    "DecisionBased",
    "DiscretePGD",
    "Exchange",
    "Exhaustive",
    "FrankWolfe",
    "Genetic",
    "Goal",
    "Greedy",
    "GumbelSoftmax",
    "OneStep",
    "Problem",
    "RandomSubstitutions",
    "RelaxedPGD",
    "Scores",
    "ShardRun",
    "Shift",
    "Targeted",
    "Untargeted",
    "attacks_named",
    "coded",
    "predictions",
    "run_shard",
    "scores_for",
    "true_margin",
]
