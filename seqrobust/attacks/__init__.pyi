from .coded import Scores, coded, scores_for
from .driver import run_shard
from .goals import Goal, Shift, Targeted, Untargeted, predictions, true_margin
from .presets import ATTACKS, DEFAULT_ATTACKS, PRESETS, attacks_for, attacks_named, blind
from .problem import Problem, ShardRun
from .search import Attack
from .searches.annealing import Annealing
from .searches.beam import Beam
from .searches.block_search import BlockSearch
from .searches.decision_based import DecisionBased
from .searches.discrete_pgd import DiscretePGD
from .searches.exchange import Exchange
from .searches.exhaustive import Exhaustive
from .searches.frank_wolfe import FrankWolfe
from .searches.genetic import Genetic
from .searches.greedy import Greedy
from .searches.gumbel import GumbelSoftmax
from .searches.one_step import OneStep
from .searches.pairs import Pairs
from .searches.random_substitutions import RandomSubstitutions
from .searches.relaxed_pgd import RelaxedPGD

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
    "Pairs",
    "Problem",
    "RandomSubstitutions",
    "RelaxedPGD",
    "Scores",
    "ShardRun",
    "Shift",
    "Targeted",
    "Untargeted",
    "attacks_for",
    "attacks_named",
    "blind",
    "coded",
    "predictions",
    "run_shard",
    "scores_for",
    "true_margin",
]
