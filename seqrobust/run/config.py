"""The config of ``seqrobust run`` and ``seqrobust train``: what a YAML file may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from seqrobust.analysis.attack.settings import MeasuredAttackSettings
from seqrobust.errors import ConfigError
from seqrobust.files import is_file, sha256
from seqrobust.memory import parse_memory
from seqrobust.resources import configs_root
from seqrobust.run.inherited import with_attack
from seqrobust.run.question_settings import (
    AttributeConfig,
    CertifyConfig,
    PrivacyConfig,
    ProbeConfig,
    Question,
    StabilityConfig,
)
from seqrobust.sequences import Task
from seqrobust.sequences.data_config import DataConfig
from seqrobust.training.config import ModelConfig as ModelConfig
from seqrobust.training.config import TrainConfig as TrainConfig
from seqrobust.yaml_file import load_config, read_text


@dataclass(frozen=True, kw_only=True)
class AttackConfig(MeasuredAttackSettings):
    """Which records are attacked, and how.

    Attributes:
        split: the records.
        batch_size, memory: of scoring; see :class:`~seqrobust.neighbours.NeighbourScores`.
        samples: draws that the answers of a random model are means of; None for the usual number.
        one_by_one: send every record through the model by itself.
        average_strands: attack the mean of the logits of a record and of its reverse complement.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    split: str = "test"
    batch_size: int | None = None
    memory: str | None = None
    samples: int | None = None
    one_by_one: bool = False
    average_strands: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples is not None and self.samples < 1:
            raise ConfigError("a mean is over at least one sample", found=str(self.samples), where="attack.samples")
        if self.memory is not None:
            parse_memory(self.memory, "attack.memory")


QUESTIONS = ("certify", "attribute", "probe", "stability", "privacy")
"""Sections of what is asked of the trained model beside the attack, in that order."""


class RunConfig(BaseModel):
    """A whole run; with ``seeds`` one for each of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    task: Task
    seed: int = Field(0, ge=0)
    seeds: tuple[NonNegativeInt, ...] | None = None
    device: str = "auto"
    data: DataConfig
    model: ModelConfig = Field(default_factory=ModelConfig)
    training: TrainConfig = Field(default_factory=TrainConfig)
    attack: AttackConfig | None = None
    certify: CertifyConfig | None = None
    attribute: AttributeConfig | None = None
    probe: ProbeConfig | None = None
    stability: StabilityConfig | None = None
    privacy: PrivacyConfig | None = None
    sweep: Mapping[str, Any] | None = Field(None, description="what seqrobust sweep varies; runs pass it over")

    @model_validator(mode="before")
    @classmethod
    def _sections_take_from_attack(cls, content: Any) -> Any:
        return with_attack(content) if isinstance(content, Mapping) else content

    @model_validator(mode="after")
    def _seed_or_seeds(self) -> RunConfig:
        if self.seeds is None:
            return self
        if "seed" in self.model_fields_set:
            raise ConfigError(
                "a run has one seed, or several",
                expected="seed or seeds",
                found=f"seed: {self.seed} and seeds: {list(self.seeds)}",
                where="seeds",
                fix="leave one of them out (--set seeds=null for a single run)",
            )
        if twice := [seed for seed in self.seeds if self.seeds.count(seed) > 1]:
            raise ConfigError("a seed is named twice", found=str(twice[0]), where="seeds", fix="name it once")
        if not self.seeds:
            raise ConfigError("the list of seeds is empty", expected="seeds: [1, 2, 3]", found="[]", where="seeds")
        return self

    @property
    def questions(self) -> dict[str, Question]:
        """What is asked of the trained model beside the attack, in that order."""
        named: dict[str, Question | None] = {name: getattr(self, name) for name in QUESTIONS}
        return {name: question for name, question in named.items() if question is not None}

    def with_seed(self, seed: int) -> RunConfig:
        """The config of one run with that seed, ordinary in every other way."""
        return self.model_copy(update={"seed": seed, "seeds": None})

    @property
    def teacher_sha256(self) -> str | None:
        """Of the teacher's file, so that a run tells apart two teachers of one name; None without a teacher.

        Raises ConfigError for a file that cannot be read.
        """
        against = self.training.adversarial
        if against is None or not against.own_files:
            return None
        (teacher,) = against.own_files
        try:
            return sha256(teacher)
        except OSError as error:
            raise ConfigError(
                "the teacher cannot be read",
                found=error.strerror or str(error),
                where=f"training.adversarial.teacher, {teacher}",
                fix="give a checkpoint of seqrobust, such as model.ckpt of a run",
            ) from None


def find_config(name: str) -> Path:
    """A config file by path, or a shipped one by name (``quickstart``)."""
    path = Path(name)
    if is_file(path) or path.suffix:
        return path
    shipped = configs_root() / f"{name}.yaml"
    return shipped if is_file(shipped) else path


def read_config(path: Path, overrides: tuple[str, ...] = ()) -> RunConfig:
    """A checked config. Raises ConfigError that names key and line."""
    return load_config(read_text(path), RunConfig, where=str(path), overrides=overrides)
