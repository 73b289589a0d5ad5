"""The objectives by name. A new one is a file of its own and a row here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union

from pydantic import BeforeValidator, Field

from seqrobust.errors import ConfigError
from seqrobust.training.objectives.adversarial import WorstCaseSettings
from seqrobust.training.objectives.continued import ContinuedSettings
from seqrobust.training.objectives.distillation import DistillationSettings
from seqrobust.training.objectives.hinge import HingeSettings
from seqrobust.training.objectives.invariance import InvarianceSettings
from seqrobust.training.objectives.mart import MartSettings
from seqrobust.training.objectives.penalty import PenaltySettings
from seqrobust.training.objectives.random_members import RandomSettings
from seqrobust.training.objectives.replay import ReplaySettings
from seqrobust.training.objectives.trades import TradesSettings
from seqrobust.training.settings import AdversarialSettings, one_of

_KINDS: tuple[type[AdversarialSettings], ...] = (
    WorstCaseSettings,
    ContinuedSettings,
    TradesSettings,
    MartSettings,
    ReplaySettings,
    PenaltySettings,
    HingeSettings,
    RandomSettings,
    DistillationSettings,
    InvarianceSettings,
)
OBJECTIVES: Mapping[str, type[AdversarialSettings]] = {kind.objective: kind for kind in _KINDS}

_ONCE_WRITTEN: Mapping[str, object] = {"steps": 1, "converse_weight": 0.0, "first_epochs": 0}
"""What checkpoints of earlier versions say of settings that their objective has not, beside None."""


def adversarial_settings(objective: str = "adversarial", **options: Any) -> AdversarialSettings:
    """The settings of an objective.

    Args:
        objective: its name.
        options: its settings; None for one that is not given.

    Raises ConfigError for an unknown name, a setting of another objective, and a value out of range.

    >>> adversarial_settings("trades", budget=2, weight=6.0).objective
    'trades'
    """
    return OBJECTIVES[_known(objective)](**dict(_given(objective, options)))


def _named(content: Any) -> Any:
    """A config's content with the objective named, without what is not given."""
    if not isinstance(content, Mapping):
        return content
    options = dict(content)
    objective = _known(options.pop("objective", "adversarial"))
    return {"objective": objective, **dict(_given(objective, options))}


def _known(objective: Any) -> str:
    one_of("adversarial.objective", objective, tuple(OBJECTIVES))
    return str(objective)


def _given(objective: str, options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings that were given. Raises ConfigError for one that only other objectives have."""
    having = {name: [field.name for field in fields(kind)] for name, kind in OBJECTIVES.items()}
    for name, value in options.items():
        others = [other for other, own in having.items() if name in own]
        if value is None:
            continue
        if others and objective not in others:
            if value == _ONCE_WRITTEN.get(name):
                continue
            raise ConfigError(
                f"{name} does not belong to the objective {objective}",
                expected=f"objective: {', '.join(others)}",
                found=f"{name}: {value}",
                where=f"training.adversarial.{name}",
                fix=f"leave {name} out, or choose another objective",
            )
        yield name, value


if TYPE_CHECKING:
    AnyAdversary: TypeAlias = AdversarialSettings
else:
    AnyAdversary = Annotated[Union[_KINDS], Field(discriminator="objective"), BeforeValidator(_named)]  # noqa: UP007
    """Settings of any objective, as a config gives them."""
