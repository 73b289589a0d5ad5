"""What an evaluation is told: a threat and a goal as for an attack, and the methods that are tried."""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.analysis.claims import Method
from seqrobust.attacks import attacks_named
from seqrobust.attacks.search import Access
from seqrobust.errors import ConfigError
from seqrobust.pipeline.attack_stage import AttackSettings

PREFERRED = (
    "one_step",
    "discrete_pgd",
    "frank_wolfe",
    "greedy",
    "beam",
    "auto",
    "greedy_all",
    "block_search",
    "decision_based",
    "random",
)
"""Methods of an evaluation that names none: some that go by gradients, the cascade that is the
default of an attack, black boxes, and chance."""

_SEES: tuple[Access, ...] = ("labels", "scores", "gradients")


def default_methods() -> tuple[str, ...]:
    """Names of the methods tried where none is named."""
    return PREFERRED


def method_named(text: str) -> Method:
    """A method from ``greedy``: an attack or a preset, or several in a row: ``one_step+auto``, ``mine=one_step+auto``.

    Raises ConfigError for an attack that does not exist.

    >>> method_named("cheap=one_step+random")
    Method(name='cheap', attacks=('one_step', 'random'), access='gradients')
    """
    name, _, parts = text.rpartition("=")
    named = [part.strip() for part in parts.split("+")]
    attacks = attacks_named(named)
    access = max((attack.access for attack in attacks), key=_SEES.index)
    return Method(name=name.strip() or "+".join(named), attacks=tuple(one.name for one in attacks), access=access)


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """What an evaluation is told.

    Attributes:
        attack: threat, goal and records; its own list of attacks is not used.
        methods: see :func:`method_named`; each is tried alone. Empty for :func:`default_methods`.
        probe_records: most records that the diagnosis of masked gradients asks about.
    """

    attack: AttackSettings
    methods: tuple[str, ...] = ()
    probe_records: int = 128

    def __post_init__(self) -> None:
        names = [method.name for method in self.chosen]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError("a method is named twice", found=", ".join(sorted(twice)), where="methods")
        if self.probe_records < 1:
            raise ConfigError("the diagnosis needs a record", found=str(self.probe_records), where="probe_records")

    @property
    def chosen(self) -> tuple[Method, ...]:
        """The methods."""
        return tuple(method_named(text) for text in self.methods or default_methods())
