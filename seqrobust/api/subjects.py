"""Models and records in memory: loaded, wrapped, read, or made of strings and arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqrobust.alphabet import Alphabet, alphabet_named
from seqrobust.analysis.letter_orders import other_order
from seqrobust.analysis.sides import Sides
from seqrobust.analysis.subject import Subject, spread_rows, with_answers
from seqrobust.errors import DataError, ModelError
from seqrobust.files import is_file
from seqrobust.models import load_checkpoint
from seqrobust.models.adapters.adapting import adapted
from seqrobust.models.adapters.form import Form
from seqrobust.models.opening import open_predictor
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import SAMPLES, ModelSource
from seqrobust.sequences import Region, SequenceSet, Targets, Task, encode_targets
from seqrobust.sequences.readers import guess_alphabet, read_sequences
from seqrobust.tasks import task_of
from seqrobust.training.data import Labelled

Model = Predictor | nn.Module | str | Path
"""A wrapped model, a module, or what names one: a checkpoint, or ``file.py:factory``."""
Records = SequenceSet | Sequence[str] | Tensor | NDArray[Any] | str | Path
"""Records, texts, one-hot (N, K, L), or a file."""


def load(
    model: str | Path,
    *,
    weights: str | Path | None = None,
    alphabet: str | None = None,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    **more: Any,
) -> Predictor:
    """A model from a checkpoint of ours, or from anybody's factory with its weights.

    Args:
        model: path of a checkpoint, ``package.module:factory`` or ``file.py:factory``.
        weights: file of weights for a factory's module.
        alphabet, task, labels: what it reads, predicts, and calls its outputs; a checkpoint says so itself.
        device, batch_size: where it runs, and how many records at a time; None for as many as suit the device.
        more: whatever else :class:`~seqrobust.models.source.ModelSource` knows, such as ``outputs="probabilities"``.

    Raises ModelError where something is missing, or contradicts the checkpoint.
    """
    source = ModelSource(
        model=str(model),
        weights=None if weights is None else Path(weights),
        alphabet=alphabet,
        task=task,
        labels=None if labels is None else tuple(labels),
        **more,
    )
    predictor, _ = open_predictor(source, alphabet=source.known_alphabet, device=device, batch_size=batch_size)
    return predictor


def wrap(
    model: nn.Module | Callable[..., Any],
    *,
    alphabet: str | Alphabet,
    task: Task,
    labels: Sequence[str] | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    **more: Any,
) -> Predictor:
    """A model made ready for questions. A module is given back in the mode and on the device it came with.

    Args:
        model: maps one-hot (N, K, L) float32 to outputs (N, T), one logit (N,) or (N, 1) for a binary task, unless more
            is said; a module, a function, or an estimator of scikit-learn.
        alphabet: ``DNA``, ``RNA`` or ``PROTEIN``: rows of the one-hot matrix are its letters in alphabetical order.
        task: ``binary``, ``classification``, ``multilabel`` or ``regression``.
        labels: names of the outputs, in their order.
        device, batch_size: where it runs, and how many records at a time; None for as many as suit the device.
        more: what :class:`~seqrobust.models.adapters.form.Form` says of input and output, such as ``layout="NLC"``,
            ``takes="strings"`` or ``output_of="counts"``; and whatever else
            :class:`~seqrobust.models.predictor.Predictor` knows, such as ``input_length``.

    Raises ModelError for what is no model, or none in this form.

    >>> from torch import nn
    >>> wrap(nn.Sequential(nn.Flatten(), nn.Linear(32, 1)), alphabet="DNA", task="binary").alphabet.name
    'DNA'
    >>> found = wrap(lambda texts: [text.count("TATA") for text in texts], alphabet="DNA", task="regression",
    ...              takes="strings")
    """
    letters = alphabet if isinstance(alphabet, Alphabet) else alphabet_named(alphabet)
    said = {one.name: more[one.name] for one in fields(Form) if one.name in more}
    rest = {name: value for name, value in more.items() if name not in said or name == "pad"}
    module, names = adapted(
        model,
        Form(**said),
        letters,
        labels=labels,
        measured=task_of(task).measured,
        input_length=more.get("input_length"),
    )
    return Predictor(
        module,
        alphabet=letters,
        task=task,
        labels=labels or names,
        device=device,
        batch_size=batch_size,
        **{"samples": SAMPLES, **rest},
    )


def read(path: str | Path, *, alphabet: str | Alphabet | None = None, **more: Any) -> SequenceSet:
    """Records of a file: FASTA, CSV, TSV, Parquet, GenBank, GenPept, Swiss-Prot, BED or VCF with a genome.

    Args:
        path: the file.
        alphabet: what its letters mean; None to guess.
        more: see :func:`seqrobust.sequences.readers.read_sequences`: ``columns``, ``format``, ``genome``,
            ``annotation``, ``variants``, ``where``, ``max_length``; files as paths or text.

    Raises DataError for a file that cannot be read.
    """
    letters = alphabet_named(alphabet) if isinstance(alphabet, str) else alphabet
    return read_sequences(Path(path), alphabet=letters, **more).sequences


def records(
    sequences: Sequence[str] | Tensor | NDArray[Any],
    *,
    alphabet: str | Alphabet | None = None,
    targets: Sequence[Any] | Mapping[str, Sequence[Any]] | None = None,
    ids: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    clusters: Sequence[str] | None = None,
    regions: Sequence[Mapping[str, tuple[int, int]]] | None = None,
) -> SequenceSet:
    """Records of texts, or of a one-hot array.

    Args:
        sequences: N texts, or one-hot (N, K, L); a column of zeros behind the last letter is padding, before it an
            unknown letter.
        alphabet: what the letters mean; None to guess from texts.
        targets: what is true of them, a value each, or columns of values by name.
        ids: names; ``seq1`` ... by default.
        groups: what must stay on one side of a split.
        clusters: names; records of one name (of one gene, say) are not independent. ``groups`` where it is None.
        regions: for each record, named intervals ``(start, end)``, 0-based and half-open.

    >>> records(["ACGT", "TTGA"], targets=[0, 1], regions=[{"core": (0, 2)}, {}]).regions.names
    ('core',)
    """
    letters = alphabet_named(alphabet) if isinstance(alphabet, str) else alphabet
    texts = _texts(sequences, letters)
    columns = targets if isinstance(targets, Mapping) else None if targets is None else {"label": targets}
    return SequenceSet.from_texts(
        texts,
        letters or guess_alphabet(texts),
        ids=ids,
        targets=None if columns is None else pd.DataFrame({name: list(values) for name, values in columns.items()}),
        groups=groups,
        clusters=clusters,
        regions=None
        if regions is None
        else [[Region(name, start, end) for name, (start, end) in one.items()] for one in regions],
    )


def _texts(sequences: Sequence[str] | Tensor | NDArray[Any], alphabet: Alphabet | None) -> list[str]:
    if isinstance(sequences, str):
        raise DataError("records are a list of sequences", found="one text", fix="put it into a list")
    if not isinstance(sequences, Tensor | np.ndarray):
        return [str(text) for text in sequences]
    if sequences.ndim == 1:
        return [str(text) for text in sequences.tolist()]
    if alphabet is None:
        raise DataError("a one-hot array does not say what its letters are", fix="give alphabet, such as DNA")
    array = np.asarray(sequences.detach().cpu() if isinstance(sequences, Tensor) else sequences)
    if array.ndim != 3 or array.shape[1] != alphabet.size:
        expected = f"(N, {alphabet.size}, L), letters before positions"
        raise DataError("the array is not one-hot", expected=expected, found=str(array.shape))
    count = array.sum(1)
    if not np.isin(array, (0, 1)).all() or not np.isin(count, (0, 1)).all():
        raise DataError("the array is not one-hot", expected="zeros, and at most a single one in every column")
    unknown = {"DNA": "N", "RNA": "N"}.get(alphabet.name, "X")
    signs = np.array([*alphabet.letters, unknown])
    letters = signs[np.where(count == 0, alphabet.size, array.argmax(1))]
    lengths = [int(known[-1]) + 1 if (known := np.flatnonzero(row)).size else 0 for row in count]
    return ["".join(row[:length]) for row, length in zip(letters, lengths, strict=True)]


def subject_of(
    model: Model,
    given: Records,
    *,
    name: str,
    alphabet: str | None = None,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
    labelled: bool = True,
) -> Subject:
    """Model and records as analyses take them, the one tried on the other; targets are left alone unless ``labelled``.

    Raises InputError for a model or records that cannot be used.
    """
    predictor = _predictor(model, given, alphabet, task, labels)
    sequences = _sequences(given, predictor.alphabet)
    predictor.check(torch.tensor(sequences.tokens[spread_rows(len(sequences))]))
    sequences = with_answers(predictor, sequences)
    subject = Subject(name=name, predictor=predictor, sequences=sequences, targets=None)
    if sequences.targets is None or not labelled:
        return subject
    targets = encode_targets(sequences.targets, predictor.task, predictor.labels)
    if (notice := other_order(predictor, sequences, targets)) is not None:
        predictor.notices.append(notice)
    return replace(subject, targets=targets)


def sides_of(
    model: Model, members: Records, nonmembers: Records, population: Records | None, about: Mapping[str, Any]
) -> Sides:
    """A model and the records of either side, as an audit takes them.

    Raises DataError for records without targets.
    """
    inside = subject_of(model, members, name="model", **about)
    outside = subject_of(inside.predictor, nonmembers, name="model")
    others = None if population is None else subject_of(inside.predictor, population, name="model")
    first, second = _targets(inside, "members"), _targets(outside, "non-members")
    named = model if isinstance(model, str | Path) and is_file(model) else None
    return Sides(
        name=inside.name,
        predictor=inside.predictor,
        members=inside.sequences,
        nonmembers=outside.sequences,
        targets=replace(first, values=np.concatenate([first.values, second.values])),
        population=None
        if others is None
        else Labelled(sequences=others.sequences, targets=_targets(others, "population")),
        card=None if named is None else load_checkpoint(Path(named))[1],
        steps_before=inside.predictor.average_strands,
    )


def _targets(subject: Subject, kind: str) -> Targets:
    if subject.targets is None:
        raise DataError(f"the {kind} have no targets", fix="an audit compares answers with what is true of the records")
    return subject.targets


def _predictor(
    model: Model, given: Records, alphabet: str | None, task: Task | None, labels: Sequence[str] | None
) -> Predictor:
    if isinstance(model, Predictor):
        return model
    if isinstance(model, str | Path):
        return load(model, alphabet=alphabet, task=task, labels=labels)
    if task is None:
        raise ModelError(
            "what the model predicts is not known",
            expected="binary, classification, multilabel or regression",
            fix='say it: task="binary", or seqrobust.wrap(module, alphabet="DNA", task="binary")',
        )
    if alphabet is not None:
        return wrap(model, alphabet=alphabet, task=task, labels=labels)
    return wrap(model, alphabet=_sequences(given, None).alphabet, task=task, labels=labels)


def _sequences(given: Records, alphabet: Alphabet | None) -> SequenceSet:
    if isinstance(given, str | Path):
        return read(given, alphabet=alphabet)
    sequences = given if isinstance(given, SequenceSet) else records(given, alphabet=alphabet)
    if alphabet is not None and sequences.alphabet != alphabet:
        raise DataError(
            "the records are not what the model reads",
            expected=alphabet.name,
            found=sequences.alphabet.name,
            fix="give the alphabet to records() or read()",
        )
    return sequences
