"""Checkpoints that say themselves what they hold: alphabet, task, class names, architecture, and how they were made.

A checkpoint is a dictionary of plain values and tensors, so that it can be read without running anything in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from seqrobust.alphabet import Alphabet, alphabet_named
from seqrobust.errors import InputError, InternalError, ModelError
from seqrobust.files import replacing
from seqrobust.models.architectures.base import HyperParameter, SequenceModel
from seqrobust.models.architectures.registry import build_model
from seqrobust.models.files.weights import check_finite, first_line, read_weights
from seqrobust.sequences.encoding import Unknown
from seqrobust.sequences.targets import TASKS, Task
from seqrobust.tasks import task_of

FORMAT = "seqrobust-checkpoint"
VERSION = 1
_REPEATED, _FEW = ("blocks", "layers"), 100
"""Hyper-parameters that say how often something is built, and how often is always tried."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a checkpoint says about its model.

    Attributes:
        alphabet: the letters it reads.
        task: what its outputs mean.
        labels: class names in output order (binary: negative, positive), or value names.
        architecture, hyperparameters, input_length: what :func:`~seqrobust.models.build_model` is told.
        unknown: what an unknown letter's column holds.
        provenance: how it came about: config, versions, seed, metrics; plain values.
    """

    alphabet: Alphabet
    task: Task
    labels: tuple[str, ...]
    architecture: str
    hyperparameters: Mapping[str, HyperParameter]
    input_length: int | None
    unknown: Unknown = "zeros"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        """Outputs per record."""
        return task_of(self.task).outputs(len(self.labels))

    @property
    def target_spread(self) -> dict[str, float]:
        """Standard deviation of a regression's training targets by value, where the checkpoint keeps it."""
        kept = self.provenance.get("target_spread")
        if not isinstance(kept, Mapping):
            return {}
        return {str(name): float(value) for name, value in kept.items() if isinstance(value, int | float) and value > 0}

    @property
    def target_range(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest of a regression's training targets by value, where the checkpoint keeps them."""
        kept = self.provenance.get("target_range")
        if not isinstance(kept, Mapping):
            return {}
        return {str(name): (float(ends[0]), float(ends[1])) for name, ends in kept.items() if len(ends) == 2}


def save_checkpoint(path: Path, module: SequenceModel, card: ModelCard) -> None:
    """Write a model and its card, whole or not at all.

    Numbers of NumPy and paths in the provenance become plain ones. Raises ModelError for weights that are not finite,
    and for a provenance that has no plain form; InternalError for a card of another model.
    """
    if (module.architecture, module.hyperparameters) != (card.architecture, dict(card.hyperparameters)):
        raise InternalError(f"a card of {card.architecture} does not describe this {module.architecture}")
    check_finite(module.state_dict(), path)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "alphabet": card.alphabet.name,
        "task": card.task,
        "labels": list(card.labels),
        "architecture": card.architecture,
        "hyperparameters": dict(card.hyperparameters),
        "input_length": card.input_length,
        "unknown": card.unknown,
        "provenance": _plain(card.provenance, path),
        "state_dict": {name: value.detach().cpu() for name, value in module.state_dict().items()},
    }
    with replacing(path) as temporary:
        torch.save(content, temporary)


def load_checkpoint(path: Path) -> tuple[SequenceModel, ModelCard]:
    """The model, on the CPU and in evaluation mode, and its card.

    Raises ModelError for a file that is missing, damaged, not a checkpoint of this package, of a newer format, in need
    of code, or whose weights do not fit its architecture or are not finite.
    """
    content = read_weights(path)
    if not isinstance(content, dict) or not _is(content.get("format"), FORMAT):
        raise ModelError(
            "not a checkpoint of seqrobust",
            found="a state dict" if _is_state_dict(content) else type(content).__name__,
            where=str(path),
            fix="for a model of your own give its code: --model package.module:factory (or file.py:factory) --weights "
            + path.name,
        )
    version = content.get("version")
    if type(version) is not int or version != VERSION:
        raise ModelError(
            "the checkpoint is of another format version",
            expected=str(VERSION),
            found=str(version)[:80],
            where=str(path),
            fix="use the version of seqrobust that wrote it, or a newer one",
        )
    module, card = _rebuilt(content, path)
    check_finite(content["state_dict"], path)
    return module.eval(), card


def _rebuilt(content: Mapping[str, Any], path: Path) -> tuple[SequenceModel, ModelCard]:
    try:
        card = _card(content)
        # A model without memory first: a few bytes can declare a model that no machine holds.
        _require_few(card.hyperparameters, content["state_dict"])
        with torch.device("meta"):
            _require_fit(_built(card), content["state_dict"])
        # The random weights of a new model are overwritten at once: nobody else's draws should move for them.
        with torch.random.fork_rng(devices=[]):
            module = _built(card)
        module.load_state_dict(content["state_dict"])
    except InputError as error:
        # Whatever key of a config it would be elsewhere, here it is the checkpoint that is wrong.
        fix = error.fix or "it was changed after it was written, or is of a newer version of seqrobust"
        said = ModelError(error.problem, expected=error.expected, found=error.found, where=error.where, fix=fix)
        raise said.at(str(path)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        # Torch says which weights do not fit in the lines behind its first.
        raise ModelError(
            "the checkpoint contradicts itself",
            found=" ".join(f"{type(error).__name__}: {error}".split())[:240],
            where=str(path),
            fix="it was changed or damaged after it was written: train again, or fetch it again",
        ) from None
    return module, card


def _built(card: ModelCard) -> SequenceModel:
    return build_model(
        card.architecture,
        alphabet_size=card.alphabet.size,
        outputs=card.outputs,
        input_length=card.input_length,
        **card.hyperparameters,
    )


def _require_few(hyperparameters: Mapping[str, HyperParameter], weights: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError for more layers than there are weights of: even without memory, each takes its time."""
    for name in _REPEATED:
        count = hyperparameters.get(name, 0)
        if isinstance(count, int) and count > max(len(weights), _FEW):
            raise ValueError(f"{count} {name}, and weights of {len(weights)} names")


def _require_fit(module: SequenceModel, weights: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError unless the weights have the names and shapes of the model's."""
    own = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if own != found:
        wrong = sorted(name for name in {*own, *found} if own.get(name) != found.get(name))
        name = wrong[0]
        kind = "Missing key" if name not in found else "Unexpected key" if name not in own else "size mismatch"
        raise ValueError(f"{kind} {name}: {found.get(name)} for {own.get(name)}, {len(wrong)} such in all")


def _is(found: object, wanted: str) -> bool:
    """Whether a value is that text: a tensor would compare by element."""
    return isinstance(found, str) and found == wanted


def _is_state_dict(content: object) -> bool:
    if isinstance(content, dict) and "state_dict" in content:
        content = content["state_dict"]
    return isinstance(content, dict) and any(isinstance(value, torch.Tensor) for value in content.values())


def _plain(provenance: Mapping[str, Any], path: Path) -> Any:
    """The provenance as JSON holds it: anything else would be written, but refused when it is read."""
    try:
        return json.loads(json.dumps(provenance, default=_as_plain))
    except (TypeError, ValueError) as error:
        raise ModelError("a provenance is plain values", found=first_line(error), where=str(path)) from None


def _as_plain(value: object) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (np.generic, np.ndarray, torch.Tensor)):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no plain form")


def _card(content: Mapping[str, Any]) -> ModelCard:
    if content["task"] not in TASKS:
        raise ModelError("the checkpoint has an unknown task", expected=", ".join(TASKS), found=str(content["task"]))
    if content["unknown"] not in get_args(Unknown):
        raise ModelError("the checkpoint has an unknown encoding of unknown letters", found=str(content["unknown"]))
    labels, task = content["labels"], task_of(content["task"])
    if (
        not isinstance(labels, list)
        or len(labels) < task.fewest_labels
        or not all(isinstance(name, str) for name in labels)
    ):
        raise ModelError("the checkpoint has no names of its outputs", found=str(labels)[:160])
    if len(labels) > task.most_labels:
        raise ModelError("a binary checkpoint names two classes", found=", ".join(labels[:8]))
    if not isinstance(content["provenance"], dict):
        raise ModelError("the checkpoint's provenance is no table", found=type(content["provenance"]).__name__)
    return ModelCard(
        alphabet=alphabet_named(content["alphabet"]),
        task=content["task"],
        labels=tuple(content["labels"]),
        architecture=content["architecture"],
        hyperparameters=content["hyperparameters"],
        input_length=content["input_length"],
        unknown=content["unknown"],
        provenance=content["provenance"],
    )
