"""What an evaluation is told: a threat and a goal as for an attack, and the methods that are tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import ConfigError
from seqrobust.models.source import Reading, named_source
from seqrobust.options import GOAL, Option, names_of

if TYPE_CHECKING:
    from seqrobust.analysis.evaluate.claims import Method

ENSEMBLE = "ensemble"
"""Name of the surrogate that is the mean of the others."""
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

_SEES = ("labels", "scores", "gradients")


def default_methods() -> tuple[str, ...]:
    """Names of the methods tried where none is named."""
    return PREFERRED


def method_named(text: str) -> Method:
    """A method from ``greedy``: an attack or a preset, or several in a row: ``one_step+auto``, ``mine=one_step+auto``.

    Raises ConfigError for an attack that does not exist.

    >>> method_named("cheap=one_step+random")
    Method(name='cheap', attacks=('one_step', 'random'), access='gradients', asked=())
    """
    from seqrobust.analysis.evaluate.claims import Method
    from seqrobust.attacks import attacks_named

    name, _, parts = text.rpartition("=")
    named = [part.strip() for part in parts.split("+")]
    attacks = attacks_named(named)
    access = max((attack.access for attack in attacks), key=_SEES.index)
    expanded = tuple(one.name for one in attacks)
    asked = () if tuple(named) == expanded else tuple(named)
    return Method(name=name.strip() or "+".join(named), attacks=expanded, access=access, asked=asked)


_MOST_SURROGATES = 1000
"""Each is trained: nobody means more."""


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(AttackSettings):
    """What an evaluation is told; the list of attacks is not used, :attr:`methods` are.

    Attributes:
        methods: see :func:`method_named`; each is tried alone. Empty for :func:`default_methods`.
        probe_records: most records that the diagnosis of masked gradients asks about.
        transfer_from: other models, ``NAME=MODEL`` or ``MODEL``, whose adversarial sequences are shown to this one.
        surrogates: so many more are trained on this one's own answers.
        surrogate_split: the records that they are trained on.

    Raises ConfigError for methods or models of one name, and for numbers out of range.
    """

    methods: Annotated[
        tuple[str, ...],
        Option(
            help="Attacks or presets, each tried alone on all records; a+b runs b where a fails, mine=a+b names that.",
            panel=GOAL,
            metavar="NAME[,NAME]",
            read=names_of,
        ),
    ] = ()
    probe_records: Annotated[int, Option(help="Records asked about masked gradients.", panel=GOAL, least=1)] = 128
    transfer_from: Annotated[
        tuple[str, ...],
        Option(
            help="Another model whose adversarial sequences are shown to this one; repeat for more.",
            panel=GOAL,
            metavar="[NAME=]MODEL",
            repeat=True,
        ),
    ] = ()
    surrogates: Annotated[
        int,
        Option(
            help="Models trained on this one's answers, whose adversarial sequences are shown to it too.",
            panel=GOAL,
            least=0,
        ),
    ] = 0
    surrogate_split: Annotated[
        str,
        Option(help="The split they are trained on; the records attacked where there is no split.", panel=GOAL),
    ] = "train"

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [method.name for method in self.chosen]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ConfigError("a method is named twice", found=", ".join(sorted(twice)), where="methods")
        if self.probe_records < 1:
            raise ConfigError("the diagnosis needs a record", found=str(self.probe_records), where="probe_records")
        if not 0 <= self.surrogates <= _MOST_SURROGATES:
            raise ConfigError(
                "surrogates are counted",
                expected=f"0 to {_MOST_SURROGATES}",
                found=str(self.surrogates)[:40],
                where="--surrogates",
            )
        _distinct([named_source(text, Reading())[0] for text in self.transfer_from], self.surrogates)

    @property
    def chosen(self) -> tuple[Method, ...]:
        """The methods."""
        return tuple(method_named(text) for text in self.methods or default_methods())

    @property
    def files(self) -> list[Path]:
        """Files that the threat and the other models name."""
        others = [named_source(text, Reading())[1] for text in self.transfer_from]
        return [*super().files, *(file for source in others for file in source.files)]


def _distinct(names: list[str], trained: int) -> None:
    """Raise ConfigError where a model is called as a surrogate that is made here, or as another one."""
    made = [ENSEMBLE, *(f"trained-{number}" for number in range(1, trained + 1))]
    if twice := {name for name in names if [*names, *made].count(name) > 1}:
        fix = "name them: --transfer-from NAME=MODEL"
        raise ConfigError("two models have one name", found=", ".join(sorted(twice)), fix=fix)
