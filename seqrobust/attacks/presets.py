"""The attacks by name, and presets: cascades from cheap to dear, of which each sees only the records that still stand.

What is in them was chosen by measurement; see ``benchmarks/attack_frontier.md``. Three things decided. Gradients are
cheap and mostly right, so they go first. Each rival class is climbed towards by itself, for the nearest at first is
often not the one that can be reached. And where the gradient ranks edits wrongly, nothing but exact scores of all
single edits helps; those are cheap as neighbour scores, but not as cheap as a gradient. At two edits there is no room
for trading, and pairs whose halves do little are found from many starts: a wide beam behind the exact scores. Where a
constraint binds or letters shift, pairs of edits come before all that moves edit by edit. On a plateau (a quarter of
the single edits or more do nothing), and where gradients do not go with what edits do, no search has a slope: there
every sequence is scored where there are few enough.

A model without gradients gets another cascade: see :func:`attacks_for`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seqrobust.attacks.search import Attack
from seqrobust.attacks.searches.annealing import Annealing
from seqrobust.attacks.searches.beam import Beam
from seqrobust.attacks.searches.block_search import BlockSearch
from seqrobust.attacks.searches.decision_based import DecisionBased
from seqrobust.attacks.searches.discrete_pgd import DiscretePGD
from seqrobust.attacks.searches.exchange import Exchange
from seqrobust.attacks.searches.exhaustive import Exhaustive
from seqrobust.attacks.searches.frank_wolfe import FrankWolfe
from seqrobust.attacks.searches.genetic import Genetic
from seqrobust.attacks.searches.greedy import Greedy
from seqrobust.attacks.searches.gumbel import GumbelSoftmax
from seqrobust.attacks.searches.one_step import OneStep
from seqrobust.attacks.searches.pairs import Pairs
from seqrobust.attacks.searches.random_substitutions import RandomSubstitutions
from seqrobust.attacks.searches.relaxed_pgd import RelaxedPGD
from seqrobust.attacks.settings import DEFAULT_ATTACKS as DEFAULT_ATTACKS
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor

_EXCHANGE = Exchange()
_SCAN = Exchange(name="exchange_scan", scan=True, top=16)
_KICKS = Exchange(name="exchange_kicks", top=16, kicks=20)
_BEAM_ALL = Beam(name="beam_all", top=None)
_EXCHANGE_ALL = Exchange(name="exchange_all", top=None, kicks=3)
_GRADIENTS = (OneStep(), DiscretePGD(name="discrete_pgd_5", steps=5))
_QUICK = (*_GRADIENTS, Pairs(needed=True))
_BEAM_SCAN = Beam(name="beam_scan", width=32, top=4, scan=True)
_PLATEAU = Exhaustive(name="exhaustive_flat", limit=20_000, flat=0.25)
_STANDARD = (*_QUICK, _EXCHANGE, _SCAN, replace(_BEAM_SCAN, deepest=2), _PLATEAU)

PRESETS: dict[str, tuple[Attack, ...]] = {
    "auto": _STANDARD,
    "quick": _QUICK,
    "standard": _STANDARD,
    "thorough": (*_STANDARD, _KICKS, _BEAM_ALL, Exhaustive()),
}
"""Cascades by name."""

_GREEDY_ALL = Greedy(name="greedy_all", top=None)
_BLIND = (_GREEDY_ALL, _BEAM_ALL, Exhaustive(name="exhaustive_small", limit=20_000), DecisionBased())
"""For models without gradients: every single edit, the best of them edited further, all pairs of short records, and a
walk that goes by decisions, for models that give nothing else."""

_SINGLE: tuple[Attack, ...] = (
    RandomSubstitutions(),
    OneStep(),
    DiscretePGD(),
    FrankWolfe(),
    Greedy(),
    _GREEDY_ALL,
    Beam(),
    _BEAM_SCAN,
    _BEAM_ALL,
    _EXCHANGE,
    _SCAN,
    _KICKS,
    _EXCHANGE_ALL,
    Pairs(),
    Exhaustive(),
    RelaxedPGD(),
    GumbelSoftmax(),
    BlockSearch(),
    Genetic(),
    Annealing(),
    DecisionBased(),
)
ATTACKS: dict[str, Attack] = {attack.name: attack for attack in (*_SINGLE, *_GRADIENTS, _PLATEAU, *_BLIND)}
"""Every attack at its default settings, by the name the command line knows."""


def attacks_named(names: Sequence[str]) -> tuple[Attack, ...]:
    """The attacks of those names, presets written out, none twice.

    Raises ConfigError for a name that is neither an attack nor a preset, or where there is none.
    """
    unknown = [name for name in names if name not in ATTACKS and name not in PRESETS]
    if unknown or not names:
        raise ConfigError(
            "unknown attack",
            expected=f"a preset ({', '.join(PRESETS)}) or any of {', '.join(ATTACKS)}",
            found=", ".join(unknown) or "none",
            where="attacks",
        )
    found = [attack for name in names for attack in PRESETS.get(name) or (ATTACKS[name],)]
    return tuple({attack.name: attack for attack in found}.values())


def attacks_for(predictor: Predictor, names: Sequence[str]) -> tuple[Attack, ...]:
    """The attacks of those names that suit a model: in place of every preset, what needs no gradient where it has none.

    Attacks that are named one by one are what they are. Raises ConfigError as :func:`attacks_named` does.
    """
    if not predictor.gradientless:
        return attacks_named(names)
    found = [attack for name in names for attack in (_BLIND if name in PRESETS else attacks_named([name]))]
    return tuple({attack.name: attack for attack in found}.values())


def blind(attacks: Sequence[Attack]) -> bool:
    """Whether attacks can do nothing for a model without gradients: all follow them, and none scores every edit."""
    return all(attack.access == "gradients" and not getattr(attack, "scan", False) for attack in attacks)
