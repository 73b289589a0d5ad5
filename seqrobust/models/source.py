"""A model as the user names it, and what the user says about it. Opened elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from seqrobust.files import is_read, is_there
from seqrobust.models.adapters.form import Form
from seqrobust.models.imports import code_file, imported_files
from seqrobust.options import MODEL, Option, checked, names_of
from seqrobust.sequences.kinds import TASKS, OutputScale, Task, Unknown

if TYPE_CHECKING:
    from seqrobust.alphabet import Alphabet

SAMPLES = 10
"""Draws of a random model that are averaged over where nobody says how many."""


@dataclass(frozen=True, kw_only=True)
class Reading(Form):
    """What the user says about a model, or about every one of several: what it reads, and how its outputs are taken.

    Attributes:
        weights_prefix: which of several copies in a file of weights is meant.
        alphabet, task, labels: needed for a factory; a checkpoint says them itself.
        unknown: how unknown letters are encoded.
        input_length: fixed input size records are padded to.
        outputs: whether a factory's module gives logits or probabilities.
        samples: draws that the answers of a random model are means of; None for one fresh draw at each question.
        seed: of those draws; a run's own.
        one_by_one: whether every record goes through the model by itself.
        average_strands: whether to average over a record and its reverse complement.
        preprocess: ``package.module:function`` or ``file.py:function`` of a step before the model.
        backward: such a function, whose derivative stands for that of the step; None for the step's own, or
            the identity's where it has none.
    """

    weights_prefix: Annotated[
        str | None,
        Option(help="Which of several copies in the weights' file, such as ema.", metavar="PREFIX", panel=MODEL),
    ] = None
    alphabet: Annotated[str | None, Option(help="DNA, RNA or PROTEIN; else guessed.")] = None
    task: Annotated[Task | None, Option(help="binary, classification, multilabel or regression.")] = None
    labels: Annotated[
        tuple[str, ...] | None, Option(help="Names of the outputs.", metavar="NAME,...", panel=MODEL, read=names_of)
    ] = None
    unknown: Annotated[Unknown | None, Option(help="Unknown letters as zeros or uniform.", panel=MODEL)] = None
    input_length: Annotated[int | None, Option(help="Pad records to this length.", panel=MODEL, least=1)] = None
    outputs: Annotated[OutputScale | Literal["auto"], Option(help="auto, logits or probabilities.", panel=MODEL)] = (
        "auto"
    )
    samples: Annotated[
        int | None, Option(help="Draws averaged over, should the model be random.", panel=MODEL, least=1)
    ] = SAMPLES
    seed: int = 0
    one_by_one: Annotated[bool, Option(help="Records by themselves: no batch shared with others.", panel=MODEL)] = False
    average_strands: Annotated[
        bool, Option(help="Mean logits of each record and its reverse complement.", panel=MODEL)
    ] = False
    preprocess: Annotated[
        str | None, Option(help="A step before the model.", metavar="FILE.PY:FUNCTION", panel=MODEL)
    ] = None
    backward: Annotated[
        str | None,
        Option(
            help="Its derivative stands for that step's (BPDA); else its own, or the identity's.",
            metavar="FILE.PY:FUNCTION",
            panel=MODEL,
        ),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        checked("--task", self.task, TASKS)
        checked("--unknown", self.unknown, ("zeros", "uniform"))
        checked("--outputs", self.outputs, ("auto", "logits", "probabilities"))

    @property
    def known_alphabet(self) -> Alphabet | None:
        """The alphabet the user named."""
        from seqrobust.alphabet import alphabet_named

        return alphabet_named(self.alphabet) if self.alphabet else None

    @property
    def form(self) -> Form:
        """How sequences go in, and outputs come out."""
        return Form(**{one.name: getattr(self, one.name) for one in fields(Form)})

    @property
    def step_files(self) -> list[Path]:
        """Files of the step before the model, and those that they import."""
        return [path for text in (self.preprocess, self.backward) if text for path in _code(text)]

    def source(self, model: str, weights: Path | None = None) -> ModelSource:
        """A model of which all this is said."""
        return ModelSource(
            model=model, weights=weights, **{one.name: getattr(self, one.name) for one in fields(Reading)}
        )


@dataclass(frozen=True, kw_only=True)
class ModelSource(Reading):
    """Which model, and what the user says about it.

    Attributes:
        model: path of a checkpoint, ``package.module:factory`` or ``file.py:factory``; a file of TorchScript,
            torch.export or ONNX, or a folder of Hugging Face; or the address of a server.
        weights: file of weights for a factory's module.
    """

    model: Annotated[
        str, Option(help="A checkpoint, file.py:factory, program (.pt, .pt2, .onnx), folder or http://.", panel=MODEL)
    ]
    weights: Annotated[Path | None, Option(help="Weights for a factory's module.", panel=MODEL)] = None

    @property
    def is_remote(self) -> bool:
        """Whether it is the address of a server."""
        return self.model.startswith(("http://", "https://"))

    @property
    def is_reference(self) -> bool:
        """Whether it names a factory rather than a file or a server."""
        return ":" in self.model and not self.is_remote and not is_there(self.model)

    @property
    def name(self) -> str:
        """What it is called in titles and folders: its file, or its factory."""
        return Path(self.model.rpartition(":")[2] or self.model).stem

    @property
    def files(self) -> list[Path]:
        """Files that are read, as far as they are known by name; of code, those that it imports too."""
        named: list[Path | None] = [*(_code(self.model) if self.is_reference else [Path(self.model)]), self.weights]
        if not self.is_reference and is_there(self.model) and Path(self.model).is_dir():
            named = [*sorted(Path(self.model).rglob("*"))]
        if self.vocabulary is not None:
            named.append(Path(self.vocabulary))
        found = [path for path in named if path is not None and is_read(path)]
        return list(dict.fromkeys([*found, *self.step_files]))


def _code(reference: str) -> list[Path]:
    """The file of code that a reference names, and those that it imports."""
    found = code_file(reference)
    return [] if found is None else [found[0], *imported_files(*found)]


def named_source(text: str, reading: Reading) -> tuple[str, ModelSource]:
    """Name and model from ``NAME=MODEL``; one without a name is called after its factory, its file, or the file's
    folder.
    """
    name, _, model = text.partition("=") if "=" in text and not is_there(text) else ("", "", text)
    return name or called(model), reading.source(model)


def called(model: str) -> str:
    """What a model without a name is called.

    >>> called("runs/cnn/model.ckpt"), called("nets.py:small"), called("nets/wide.ckpt")
    ('cnn', 'small', 'wide')
    """
    path = Path(model)
    if not is_there(path) and ":" in model:
        return model.rpartition(":")[2]
    return path.parent.name if path.name == "model.ckpt" and path.parent.name else path.stem
