"""Checkpoints that say themselves what they hold: alphabet, task, class names, architecture, and how they were made.

A checkpoint is a dictionary of plain values and tensors, and is read with ``weights_only=True``: a file from a stranger
can be wrong, but it cannot run code.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from seqrobust.alphabet import Alphabet, alphabet_named
from seqrobust.errors import InputError, ModelError
from seqrobust.files import replacing
from seqrobust.models.base import HyperParameter, SequenceModel
from seqrobust.models.registry import build_model
from seqrobust.sequences.encoding import Unknown
from seqrobust.sequences.targets import TASKS, Task

FORMAT = "seqrobust-checkpoint"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a checkpoint says about its model.

    Attributes:
        alphabet: the letters it reads.
        task: what its outputs mean.
        labels: class names in output order (binary: negative, positive), or value names.
        architecture, hyperparameters, input_length: what :func:`~seqrobust.models.registry.build_model` is told.
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
        return 1 if self.task == "binary" else len(self.labels)


def save_checkpoint(path: Path, module: SequenceModel, card: ModelCard) -> None:
    """Write a model and its card, whole or not at all."""
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
        "provenance": dict(card.provenance),
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
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(
            "not a checkpoint of seqrobust",
            where=str(path),
            fix="for a model of your own give its code: --model file.py:factory --weights " + path.name,
        )
    if content.get("version") != VERSION:
        raise ModelError(
            "the checkpoint is of another format version",
            expected=str(VERSION),
            found=str(content.get("version")),
            where=str(path),
            fix="use the version of seqrobust that wrote it, or a newer one",
        )
    try:
        card = _card(content)
        module = build_model(
            card.architecture,
            alphabet_size=card.alphabet.size,
            outputs=card.outputs,
            input_length=card.input_length,
            **card.hyperparameters,
        )
        module.load_state_dict(content["state_dict"])
    except InputError as error:
        raise error.at(str(path)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise ModelError("the checkpoint contradicts itself", found=reason, where=str(path)) from None
    check_finite(content["state_dict"], path)
    return module.eval(), card


def _card(content: Mapping[str, Any]) -> ModelCard:
    if content["task"] not in TASKS:
        raise ModelError("the checkpoint has an unknown task", expected=", ".join(TASKS), found=str(content["task"]))
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


def read_weights(path: Path) -> Any:
    """What a file of weights holds, read without running anything in it. Raises ModelError where that fails."""
    if not path.is_file():
        raise ModelError("there is no such file of weights", where=str(path), fix="check --model or --weights")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        needs_code = "Unsupported" in str(error) or "GLOBAL" in str(error)
        raise ModelError(
            "the file would have to run code to be read, and is refused" if needs_code else "not a file of weights",
            found=str(error).splitlines()[0][:160],
            where=str(path),
            fix="ask for a plain state dict (torch.save(model.state_dict(), ...)) or safetensors",
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise ModelError("the file of weights cannot be read", found=reason, where=str(path)) from None


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise ModelError("safetensors is not installed", where=str(path), fix="pip install safetensors") from None
    try:
        loaded: dict[str, torch.Tensor] = load_file(path)
    except Exception as error:  # the library's own error type is not public
        raise ModelError("the file of weights cannot be read", found=str(error)[:160], where=str(path)) from None
    return loaded


def check_finite(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Raises ModelError that names the first tensor with NaN or infinity in it."""
    for name, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ModelError(
                "a weight is not finite", found=name, where=str(path), fix="training diverged; do not use it"
            )
