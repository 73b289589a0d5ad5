"""A model as the user names it, made into a predictor: a checkpoint of ours, or anybody's module with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.checkpoint import ModelCard, load_checkpoint
from seqrobust.models.loading import load_function, load_module
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.models.steps import Step
from seqrobust.models.wrappers import StraightThrough


def open_predictor(
    source: ModelSource, *, alphabet: Alphabet | None, device: str, batch_size: int | None
) -> tuple[Predictor, ModelCard | None]:
    """A predictor that has still to be checked on records, and the card of a checkpoint.

    Args:
        source: the model.
        alphabet: of the data, for a model that does not say its own.
        device, batch_size: where and how many at a time; None for as many as suit the device.

    Raises ModelError where something is missing, or contradicts the checkpoint.
    """
    if source.weights_prefix is not None and source.weights is None:
        raise ConfigError(
            "a prefix of no weights",
            expected="--weights FILE beside it",
            found=f"--weights-prefix {source.weights_prefix!r}",
            where="--weights-prefix",
        )
    if source.is_reference:
        return _from_reference(source, alphabet, device, batch_size), None
    if source.weights is not None:
        raise ModelError(
            "a checkpoint holds its own weights",
            found=f"{source.model} with weights {source.weights}",
            fix="leave --weights out, or name a factory with --model file.py:factory",
        )
    module, card = load_checkpoint(Path(source.model))
    said: dict[str, tuple[Any, Any]] = {
        "alphabet": (source.known_alphabet and source.known_alphabet.name, card.alphabet.name),
        "task": (source.task, card.task),
        "labels": (source.labels, card.labels),
        "unknown": (source.unknown, card.unknown),
        "input_length": (source.input_length, card.input_length),
        "outputs": (None if source.outputs == "auto" else source.outputs, "logits"),
    }
    for name, (given, own) in said.items():
        if given is not None and given != own:
            raise ModelError(
                f"the checkpoint was made with another {name}", expected=str(own), found=str(given), where=source.model
            )
    predictor = Predictor(
        module,
        alphabet=card.alphabet,
        task=card.task,
        labels=card.labels,
        unknown=card.unknown,
        input_length=card.input_length,
        device=device,
        batch_size=batch_size,
        scale="logits",
        **_around(source),
    )
    predictor.target_spread = card.target_spread
    _say_step(source, predictor)
    return predictor, card


def _from_reference(source: ModelSource, alphabet: Alphabet | None, device: str, batch_size: int | None) -> Predictor:
    alphabet = source.known_alphabet or alphabet
    if alphabet is None or source.task is None:
        missing = "--task" if source.task is None else "--alphabet"
        raise ModelError(
            f"a model of your own needs {missing}",
            expected="binary, classification, multilabel or regression" if source.task is None else "DNA, RNA, PROTEIN",
            where=source.model,
        )
    predictor = Predictor(
        load_module(source.model, source.weights, prefix=source.weights_prefix),
        alphabet=alphabet,
        task=source.task,
        labels=source.labels,
        unknown=source.unknown or "zeros",
        input_length=source.input_length,
        device=device,
        batch_size=batch_size,
        scale=source.outputs,
        **_around(source),
    )
    _say_step(source, predictor)
    return predictor


def _around(source: ModelSource) -> dict[str, Any]:
    """What stands around the module."""
    if source.backward is not None and source.preprocess is None:
        raise ModelError(
            "a backward pass is given for no preprocessing",
            found=f"--backward {source.backward}",
            fix="name the step it stands for: --preprocess file.py:function",
        )
    step: StraightThrough | Step | None = None
    if source.preprocess is not None:
        own = load_function(source.preprocess, "--preprocess")
        if source.backward is None:
            step = Step(own, source.preprocess)
        else:
            step = StraightThrough(own, load_function(source.backward, "--backward"))
    return {
        "samples": source.samples,
        "seed": source.seed,
        "one_by_one": source.one_by_one,
        "average_strands": source.average_strands,
        "preprocess": step,
    }


def _say_step(source: ModelSource, predictor: Predictor) -> None:
    """What stands for a step's derivative; a step without a substitute is settled by the predictor's check."""
    if source.backward is not None:
        predictor.notices.append(
            f"gradients pass {source.preprocess} by the derivative of {source.backward} (BPDA, Athalye et al. 2018); "
            "scores are its own"
        )
