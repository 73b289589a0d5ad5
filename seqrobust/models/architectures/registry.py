"""Models by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping

from seqrobust.errors import ConfigError
from seqrobust.models.architectures.base import HyperParameter, SequenceModel, check_at_least
from seqrobust.models.architectures.convolutional import CNN
from seqrobust.models.architectures.hybrid import CNNGRU
from seqrobust.models.architectures.recurrent import GRU

ARCHITECTURES: Mapping[str, type[SequenceModel]] = {"cnn": CNN, "gru": GRU, "cnn_gru": CNNGRU}


def build_model(
    architecture: str,
    *,
    alphabet_size: int,
    outputs: int,
    input_length: int | None = None,
    **hyperparameters: HyperParameter,
) -> SequenceModel:
    """A new model with random weights from torch's current generator.

    Args:
        architecture: a name in :data:`ARCHITECTURES`.
        alphabet_size, outputs: K and the number of outputs.
        input_length: the longest record.
        hyperparameters: those of the architecture's class; the rest keep their defaults.

    Raises ConfigError for an unknown name, hyper-parameter, or a value of the wrong kind.

    >>> build_model("cnn", alphabet_size=4, outputs=3, channels=8).hyperparameters["channels"]
    8
    """
    if architecture not in ARCHITECTURES:
        raise ConfigError(
            "unknown architecture",
            expected=", ".join(ARCHITECTURES),
            found=repr(architecture),
            where="model.architecture",
        )
    check_at_least(1, outputs=outputs, input_length=1 if input_length is None else input_length)
    defaults = default_hyperparameters(architecture)
    for name, value in hyperparameters.items():
        _check(architecture, name, value, defaults)
    chosen = {**defaults, **hyperparameters}
    # Keyword arguments are checked above; the classes share no signature that mypy could check them against.
    model = ARCHITECTURES[architecture](alphabet_size, outputs, input_length, **chosen)  # type: ignore[call-arg]
    model.architecture = architecture
    model.hyperparameters = chosen
    return model


def default_hyperparameters(architecture: str) -> dict[str, HyperParameter]:
    """Name to default value."""
    parameters = inspect.signature(ARCHITECTURES[architecture].__init__).parameters.values()
    return {item.name: item.default for item in parameters if item.kind is inspect.Parameter.KEYWORD_ONLY}


def _check(architecture: str, name: str, value: object, defaults: Mapping[str, HyperParameter]) -> None:
    if name not in defaults:
        near = difflib.get_close_matches(name, list(defaults), n=1)
        raise ConfigError(
            f"the architecture {architecture} has no such hyper-parameter",
            expected=", ".join(defaults),
            found=name,
            where="model",
            fix=f"did you mean {near[0]}?" if near else None,
        )
    kind = type(defaults[name])
    fits = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(
            "a hyper-parameter is of the wrong kind", expected=kind.__name__, found=repr(value), where=f"model.{name}"
        )
