"""Attacks: searches of a threat for a goal, run by one driver."""

from seqrobust.attacks.discrete_pgd import DiscretePGD
from seqrobust.attacks.driver import run_shard
from seqrobust.attacks.frank_wolfe import FrankWolfe
from seqrobust.attacks.goals import Goal, Shift, Targeted, Untargeted, predictions, true_margin
from seqrobust.attacks.greedy import Greedy
from seqrobust.attacks.one_step import OneStep
from seqrobust.attacks.problem import Problem, ShardRun
from seqrobust.attacks.random_substitutions import RandomSubstitutions
from seqrobust.attacks.search import Attack

_KNOWN: tuple[Attack, ...] = (
    RandomSubstitutions(),
    OneStep(),
    DiscretePGD(),
    FrankWolfe(),
    Greedy(),
    Greedy(name="greedy_all", top=None),
)
ATTACKS: dict[str, Attack] = {attack.name: attack for attack in _KNOWN}
"""Every attack at its default settings, by the name the command line knows."""

DEFAULT_ATTACKS = ("one_step", "discrete_pgd", "greedy", "frank_wolfe")
"""Cheap to expensive; each sees only the records that still stand."""

__all__ = [
    "ATTACKS",
    "DEFAULT_ATTACKS",
    "Attack",
    "DiscretePGD",
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
    "predictions",
    "run_shard",
    "true_margin",
]
