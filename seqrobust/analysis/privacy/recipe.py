"""How the audited model came about, so that shadow models can be made the same way: from its card, or from a config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from seqrobust.errors import ConfigError, InputError
from seqrobust.files import is_file
from seqrobust.models import ModelCard, SequenceModel, build_model
from seqrobust.models.architectures.base import HyperParameter
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.sequences.encoding import Unknown
from seqrobust.training import AdversarialSettings, TrainingSettings
from seqrobust.training.config import RecipeConfig, TrainConfig
from seqrobust.training.data import Labelled
from seqrobust.training.objectives import make_objective
from seqrobust.yaml_file import load_config, read_text


@dataclass(frozen=True, kw_only=True, eq=False)
class Recipe:
    """What a shadow model is made by.

    Attributes:
        architecture, hyperparameters: as :func:`~seqrobust.models.build_model` takes them.
        alphabet_size, outputs, input_length: of the pool.
        unknown: how unknown letters are encoded.
        settings: of training.
        adversarial: against whom; None for ordinary training.
        last: the epoch whose weights the audited model has; None where that is not known.
    """

    architecture: str
    hyperparameters: Mapping[str, HyperParameter]
    alphabet_size: int
    outputs: int
    input_length: int
    unknown: Unknown
    settings: TrainingSettings
    adversarial: AdversarialSettings | None
    last: int | None

    @property
    def epochs(self) -> int:
        """That each shadow model is trained for."""
        return self.settings.epochs if self.last is None else min(self.last, self.settings.epochs)

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that training reads beside the records: a table of permitted letters, a teacher."""
        named = () if self.adversarial is None else self.adversarial.files
        return tuple(path for path in named if is_file(path))

    def build(self) -> SequenceModel:
        """One with weights from torch's current generator."""
        return build_model(
            self.architecture,
            alphabet_size=self.alphabet_size,
            outputs=self.outputs,
            input_length=self.input_length,
            **self.hyperparameters,
        )


def find_recipe(
    config: Path | None, card: ModelCard | None, targets: Targets, sequences: SequenceSet, notices: list[str]
) -> tuple[Recipe | None, str]:
    """The recipe, or None and the reason; what should be known of it is added to ``notices``.

    Args:
        config: of the user's, which counts before the checkpoint's own.
        card: of the checkpoint, None for a stranger's model.
        targets, sequences: of the pool.
        notices: what should be known of the recipe.

    Raises ConfigError for a config that cannot be read or builds no model for these records.
    """
    given: tuple[str, Mapping[str, Any], Unknown, TrainConfig]
    if config is not None:
        whole = load_config(read_text(config), RecipeConfig, where=str(config))
        if whole.task != targets.task:
            raise ConfigError("the recipe is for another task", expected=targets.task, found=whole.task, where="task")
        given = (whole.model.architecture, whole.model.hyperparameters, whole.model.unknown, whole.training)
    else:
        if card is None:
            return None, "how the model was trained is not known: give its config with --recipe"
        try:
            training = TypeAdapter(TrainConfig).validate_python(dict(card.provenance["training"]))
        except (KeyError, TypeError, ValueError, InputError, ValidationError):
            return None, "the checkpoint does not say how it was trained: give a config with --recipe"
        given = (card.architecture, card.hyperparameters, card.unknown, training)
    architecture, hyperparameters, unknown, training = given
    settings = _ordinary(training)
    recipe = Recipe(
        architecture=architecture,
        hyperparameters=hyperparameters,
        alphabet_size=sequences.alphabet.size,
        outputs=targets.outputs,
        input_length=int(sequences.lengths.max()),
        unknown=unknown,
        settings=settings,
        adversarial=_adversary(training, Labelled(sequences=sequences, targets=targets), unknown, settings, notices),
        last=_last(card) if config is None else None,
    )
    with torch.random.fork_rng(devices=[]):
        recipe.build()
    return recipe, ""


def _adversary(
    training: TrainConfig, pool: Labelled, unknown: Unknown, settings: TrainingSettings, notices: list[str]
) -> AdversarialSettings | None:
    """The recipe's adversary, where it can be trained against on these records."""
    if training.adversarial is None:
        return None
    try:
        make_objective(pool, unknown, settings, training.adversarial)
    except InputError as error:
        reason = " ".join(str(error).split())
        notices.append(
            "the model was trained against an adversary, and shadow models are trained in the ordinary way, for theirs "
            f"cannot be had here ({reason}): what they say of members holds for it less well, and shadow attacks "
            "may seem weaker than they are"
        )
        return None
    return training.adversarial


def _last(card: ModelCard | None) -> int | None:
    """The epoch whose weights training kept."""
    metrics = card.provenance.get("metrics") if card else None
    epoch = metrics.get("best_epoch") if isinstance(metrics, Mapping) else None
    return epoch if isinstance(epoch, int) and epoch > 0 else None


def _ordinary(training: TrainConfig) -> TrainingSettings:
    names = TrainingSettings.__dataclass_fields__
    return TrainingSettings(**{name: getattr(training, name) for name in names})
