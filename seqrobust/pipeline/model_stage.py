"""A model as the user names it, made into a predictor: a checkpoint of ours, or anybody's module with its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seqrobust.alphabet import Alphabet, alphabet_named
from seqrobust.errors import ModelError
from seqrobust.models import ModelCard, StraightThrough, load_checkpoint, load_function, load_module
from seqrobust.models.expectation import SAMPLES
from seqrobust.models.outputs import OutputScale
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Task
from seqrobust.sequences.encoding import Unknown


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """Which model, and what the user says about it.

    Attributes:
        model: path of a checkpoint, ``package.module:factory`` or ``file.py:factory``.
        weights: file of weights for a factory's module.
        alphabet, task, labels: needed for a factory; a checkpoint says them itself.
        unknown: how unknown letters are encoded.
        input_length: fixed input size records are padded to.
        outputs: whether a factory's module gives logits or probabilities.
        samples: draws that the answers of a random model are means of; None for one fresh draw at each question.
        seed: of those draws.
        one_by_one: whether every record goes through the model by itself.
        average_strands: whether to average over a record and its reverse complement.
        preprocess: ``package.module:function`` or ``file.py:function`` of a step before the model.
        backward: such a function, whose derivative stands for that of the step; the identity's where there is none.
    """

    model: str
    weights: Path | None = None
    alphabet: str | None = None
    task: Task | None = None
    labels: tuple[str, ...] | None = None
    unknown: Unknown | None = None
    input_length: int | None = None
    outputs: OutputScale | Literal["auto"] = "auto"
    samples: int | None = SAMPLES
    seed: int = 0
    one_by_one: bool = False
    average_strands: bool = False
    preprocess: str | None = None
    backward: str | None = None

    @property
    def is_reference(self) -> bool:
        """Whether it names a factory rather than a checkpoint."""
        return ":" in self.model and not Path(self.model).exists()

    @property
    def files(self) -> list[Path]:
        """Files that are read, as far as they are known by name."""
        named = [Path(self.model.rpartition(":")[0]) if self.is_reference else Path(self.model), self.weights]
        steps = [Path(text.rpartition(":")[0]) for text in (self.preprocess, self.backward) if text]
        return list(dict.fromkeys(path for path in [*named, *steps] if path is not None and path.is_file()))

    @property
    def known_alphabet(self) -> Alphabet | None:
        """The alphabet the user named."""
        return alphabet_named(self.alphabet) if self.alphabet else None


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
        load_module(source.model, source.weights),
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
    step = None
    if source.preprocess is not None:
        substitute = None if source.backward is None else load_function(source.backward, "--backward")
        step = StraightThrough(load_function(source.preprocess, "--preprocess"), substitute)
    return {
        "samples": source.samples,
        "seed": source.seed,
        "one_by_one": source.one_by_one,
        "average_strands": source.average_strands,
        "preprocess": step,
    }


def _say_step(source: ModelSource, predictor: Predictor) -> None:
    if source.preprocess is not None:
        substitute = f"derivative of {source.backward}" if source.backward else "identity's"
        predictor.notices.append(
            f"gradients pass {source.preprocess} by the {substitute} (BPDA, Athalye et al. 2018); scores are its own"
        )
