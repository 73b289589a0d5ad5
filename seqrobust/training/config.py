"""What a config says of a model and its training: enough to train another one alike."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from seqrobust.errors import ConfigError
from seqrobust.sequences.data_config import DataConfig
from seqrobust.sequences.kinds import Task, Unknown
from seqrobust.training import TrainingSettings
from seqrobust.training.objectives.registry import AnyAdversary


class ModelConfig(BaseModel):
    """An architecture; every other key is one of its hyper-parameters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    architecture: str = "cnn"
    unknown: Unknown = "zeros"

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """What the architecture is built with."""
        return dict(self.model_extra or {})


@dataclass(frozen=True, kw_only=True)
class TrainConfig(TrainingSettings):
    """How to train; with ``adversarial``, against whom."""

    __pydantic_config__ = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    adversarial: AnyAdversary | None = None


class RecipeConfig(BaseModel):
    """What of a run's config decides its model: task, seed, records, architecture and training.

    Other sections are passed over, whatever they hold; one whose name is nearly that of a section read here is refused,
    for a recipe whose ``trainig`` is passed over would be another recipe.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    task: Task
    seed: int = Field(0, ge=0)
    data: DataConfig
    model: ModelConfig = Field(default_factory=ModelConfig)
    training: TrainConfig = Field(default_factory=TrainConfig)

    @model_validator(mode="before")
    @classmethod
    def _no_misspelt_section(cls, content: Any) -> Any:
        known = list(cls.model_fields)
        for name in content if isinstance(content, dict) else ():
            near = get_close_matches(str(name), known, n=1, cutoff=0.75)
            if near and name not in (*known, _SEVERAL_SEEDS):
                raise ConfigError(
                    "unknown key in the config",
                    expected=", ".join(known),
                    found=str(name),
                    fix=f"did you mean {near[0]}?",
                )
        return content


_SEVERAL_SEEDS = "seeds"
"""A section of its own, however near its name."""
