"""Whatever a user's code or file gave, made into a module from one-hot (N, K, L) to outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.adapters.axes import Channels, Layout
from seqrobust.models.adapters.form import Form
from seqrobust.models.adapters.functions import (
    BlackBox,
    class_names,
    estimator_function,
    is_estimator,
    linear_of_kmers,
)
from seqrobust.models.adapters.select import Select
from seqrobust.models.adapters.streams import Streams
from seqrobust.models.adapters.tokens import Tokens
from seqrobust.models.adapters.vocabulary import vocabulary_of


def adapted(
    thing: object,
    form: Form,
    alphabet: Alphabet,
    *,
    labels: Sequence[str] | None = None,
    measured: bool = False,
    input_length: int | None = None,
) -> tuple[nn.Module, tuple[str, ...] | None]:
    """A module around a model, and the names of its outputs where the model has any.

    Args:
        thing: a module, a function, or an estimator of scikit-learn.
        form: what the user says of its input and output.
        alphabet: of the records.
        labels: what the user calls the outputs.
        measured: whether the model predicts measured values.
        input_length: that records are filled up to.

    Raises ModelError for what cannot be a model, or not in this form.
    """
    _check_filled_up(form, input_length)
    names: tuple[str, ...] | None = None
    if (linear := linear_of_kmers(thing, alphabet)) is not None and form.takes in ("onehot", "strings"):
        names, thing, form = class_names(thing, labels), linear, replace(form, takes="onehot")
    elif is_estimator(thing):
        thing, names = estimator_function(thing, labels=labels, measured=measured)
        form = _taking_texts(form)
    if not isinstance(thing, nn.Module) or form.takes in ("strings", "array"):
        thing = _black_box(thing, form, alphabet)
    if form.streams is not None:
        thing = Streams(thing, form.streams, form.layout)
    elif form.layout != "NCL":
        thing = Layout(thing, form.layout)
    if form.letters is not None:
        thing = Channels(thing, form.letters, alphabet)
    if form.vocabulary is not None:
        thing = Tokens(thing, vocabulary_of(form.vocabulary, alphabet), alphabet)
    if form.output_of is not None:
        thing = Select(thing, form.output_of)
    return thing, names


def _check_filled_up(form: Form, input_length: int | None) -> None:
    """Raise ConfigError where records are filled up for a model that would take what is added for unknown letters."""
    if input_length is not None and form.takes in ("tokens", "strings"):
        raise ConfigError(
            "records are filled up with zeros, which are unknown letters to a model of tokens or texts",
            found=f"--input-length {input_length} and --takes {form.takes}",
            fix="give records of one length, or fill up in a factory, as the model was trained to see it",
        )


def _taking_texts(form: Form) -> Form:
    """An estimator is given texts unless something else is said."""
    return form if form.takes != "onehot" or form.layout != "NCL" else replace(form, takes="strings")


def _black_box(thing: Any, form: Form, alphabet: Alphabet) -> nn.Module:
    if not callable(thing) or form.takes == "tokens" or (form.takes == "onehot" and not isinstance(thing, nn.Module)):
        raise ModelError(
            "a function outside torch is taken for a model only when its input is named",
            expected="--takes strings (a list of texts) or --takes array (one-hot, NumPy)",
            found=f"{type(thing).__name__} and --takes {form.takes}",
        )
    if form.streams is not None:
        raise ModelError(
            "a function outside torch is given one input",
            found=f"--streams {form.streams}",
            fix="cut each text, or array, in the function itself",
        )
    return BlackBox(thing, alphabet if form.takes == "strings" else None)
