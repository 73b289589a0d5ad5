"""What a config says of a model and its training: enough to train another one alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from seqrobust.sequences.kinds import Unknown
from seqrobust.training import AdversarialSettings, TrainingSettings


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

    adversarial: AdversarialSettings | None = None
