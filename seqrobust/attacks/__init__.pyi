from .annealing import Annealing
from .beam import Beam
from .block_search import BlockSearch
from .coded import Scores, coded, scores_for
from .decision_based import DecisionBased
from .discrete_pgd import DiscretePGD
from .driver import run_shard
from .exchange import Exchange
from .exhaustive import Exhaustive
from .frank_wolfe import FrankWolfe
from .genetic import Genetic
from .goals import Goal, Shift, Targeted, Untargeted, predictions, true_margin
from .greedy import Greedy
from .gumbel import GumbelSoftmax
from .one_step import OneStep
from .presets import ATTACKS, DEFAULT_ATTACKS, PRESETS, attacks_named
from .problem import Problem, ShardRun
from .random_substitutions import RandomSubstitutions
from .relaxed_pgd import RelaxedPGD
from .search import Attack

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
