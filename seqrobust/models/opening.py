"""A model as the user names it, made into a predictor: a checkpoint of ours, or anybody's module with its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.adapters.adapting import adapted
from seqrobust.models.adapters.form import Form
from seqrobust.models.adapters.programs import Opener, form_of_file, opener_of
from seqrobust.models.adapters.remote import remote_of
from seqrobust.models.checkpoint import ModelCard, load_checkpoint
from seqrobust.models.loading import load_function, load_model
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.models.steps import Step
from seqrobust.models.wrappers import StraightThrough
from seqrobust.tasks import task_of


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
    opener = None if source.is_remote else opener_of(Path(source.model))
    if source.is_reference or source.is_remote or opener is not None:
        return _of_their_own(source, opener, alphabet, device, batch_size), None
    if source.weights is not None:
        raise ModelError(
            "a checkpoint holds its own weights",
            found=f"{source.model} with weights {source.weights}",
            fix="leave --weights out, or name a factory with --model file.py:factory",
        )
    if not source.form.plain:
        raise ModelError(
            "a checkpoint of ours has one form",
            expected="one-hot input, and logits",
            found=f"{source.model} with --takes, --layout, --letters, --vocabulary, --pad or --output-of",
            fix="leave them out",
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
    predictor.target_spread, predictor.target_range = card.target_spread, card.target_range
    _say_step(source, predictor)
    return predictor, card


def _of_their_own(
    source: ModelSource, opener: Opener | None, alphabet: Alphabet | None, device: str, batch_size: int | None
) -> Predictor:
    """A model that is no checkpoint of ours: of user's code, in a file of its own, or behind a server."""
    alphabet = source.known_alphabet or alphabet
    if alphabet is None or source.task is None:
        missing = "--task" if source.task is None else "--alphabet"
        raise ModelError(
            f"a model of your own needs {missing}",
            expected="binary, classification, multilabel or regression" if source.task is None else "DNA, RNA, PROTEIN",
            where=source.model,
        )
    thing, form = _found(source, opener)
    measured = task_of(source.task).measured
    module, names = adapted(
        thing, form, alphabet, labels=source.labels, measured=measured, input_length=source.input_length
    )
    predictor = Predictor(
        module,
        alphabet=alphabet,
        task=source.task,
        labels=source.labels or names,
        unknown=source.unknown or "zeros",
        input_length=source.input_length,
        pad=source.pad,
        device=device,
        batch_size=batch_size,
        scale=source.outputs,
        **_around(source),
    )
    _say_step(source, predictor)
    return predictor


def _found(source: ModelSource, opener: Opener | None) -> tuple[object, Form]:
    """What stands for the model, and in which form it is."""
    form = source.form
    if source.is_remote or opener is not None:
        if source.weights is not None:
            raise ModelError(
                "the model holds its own weights",
                found=f"{source.model} with weights {source.weights}",
                fix="leave --weights out",
            )
        if opener is None:
            return remote_of(source.model), replace(form, takes="strings")
        return opener(Path(source.model)), form_of_file(Path(source.model), form)
    taken = form.takes in ("strings", "array")
    return load_model(source.model, source.weights, prefix=source.weights_prefix, function=taken), form


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
