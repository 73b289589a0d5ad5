"""What every model of ours is: a module from one-hot to logits that can be rebuilt from plain numbers."""

from __future__ import annotations

import math
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.architectures.activations import activation_named
from seqrobust.models.architectures.spectral import settle

HyperParameter: TypeAlias = int | float | str | bool
Model = TypeVar("Model", bound="SequenceModel")


class SequenceModel(nn.Module):
    """Base of the models; a subclass says how ``scores`` come about.

    Attributes:
        architecture: its name in the registry.
        hyperparameters: what it was built with, defaults included.
        input_length: fixed input size of a model with a flattened head, else None.
        output_mean, output_std: (outputs,) buffers that scale and shift the scores last, so that a regression trains
            on standardised values and speaks in the units of its targets.
    """

    output_mean: Tensor
    output_std: Tensor

    def __init__(self, outputs: int, input_length: int | None = None) -> None:
        super().__init__()
        self.architecture = ""
        self.hyperparameters: dict[str, HyperParameter] = {}
        self.input_length = input_length
        self.register_buffer("output_mean", torch.zeros(outputs))
        self.register_buffer("output_std", torch.ones(outputs))

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits, or values in the targets' units.

        Args:
            encoded: (N, K, L) one-hot or a mixture of one-hot inputs; zeros behind a record's end.
            lengths: (N,) letters of each record; None where all fill the batch.

        Returns:
            (N, outputs).
        """
        return self.scores(encoded, lengths) * self.output_std + self.output_mean

    def train(self: Model, mode: bool = True) -> Model:
        """Training or evaluation mode; for evaluation the norms of bounded weights are found exactly."""
        super().train(mode)
        if not mode:
            settle(self)
        return self

    @property
    def lipschitz_bound(self) -> float:
        """By how much the outputs can change, in l2, for each unit of l2 that the one-hot input changes; infinite where
        no bound is known. It holds in evaluation mode, for records of any length."""
        return math.inf

    def scores(self, encoded: Tensor, lengths: Tensor | None) -> Tensor:
        """(N, outputs) on the scale the loss is taken on."""
        raise NotImplementedError

    def set_output_scale(self, mean: Tensor, std: Tensor) -> None:
        """Units of a regression's targets: (outputs,) mean and standard deviation."""
        self.output_mean.copy_(mean)
        self.output_std.copy_(std)


def readout(features: int, hidden: int, outputs: int, dropout: float, activation: str) -> nn.Sequential:
    """The last layers: dropout, a hidden layer (none of size 0), dropout, the outputs.

    Raises ConfigError for a negative size.
    """
    check_at_least(0, hidden=hidden)
    if hidden == 0:
        return nn.Sequential(dropout_layer(dropout), nn.Linear(features, outputs))
    return nn.Sequential(
        dropout_layer(dropout),
        nn.Linear(features, hidden),
        activation_named(activation),
        dropout_layer(dropout),
        nn.Linear(hidden, outputs),
    )


def dropout_layer(share: float) -> nn.Dropout:
    """Dropout of a share of the features. Raises ConfigError for what is no share, NaN included."""
    if not 0 <= share < 1:
        raise ConfigError("dropout is a share", expected="0 to below 1", found=str(share), where="model.dropout")
    return nn.Dropout(share)


def fixed_length(head: str, input_length: int | None) -> int | None:
    """The input length of a flattened head, None for a global one. Raises ConfigError for another head."""
    if head not in ("global", "flatten"):
        raise ConfigError("unknown head", expected="global, flatten", found=repr(head), where="model.head")
    if head == "flatten" and input_length is None:
        raise ConfigError("a flattened head needs a fixed input length", where="model.head")
    return input_length if head == "flatten" else None


def at_fixed_length(encoded: Tensor, size: int, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """One-hot input with zero columns up to ``size``, and its lengths. Raises ModelError for longer input."""
    width = encoded.shape[2]
    if width > size:
        raise ModelError(
            "a record is longer than the model's input",
            expected=f"at most {size} letters",
            found=str(width),
            fix="cut the records with --max-length (data.max_length in a config), or use a model with a global head",
        )
    if width == size:
        return encoded, lengths
    if lengths is None:
        lengths = torch.full((len(encoded),), width, device=encoded.device)
    return functional.pad(encoded, (0, size - width)), lengths


def check_at_least(least: float, **values: float) -> None:
    """Raises ConfigError for a hyper-parameter below ``least``."""
    for name, value in values.items():
        if value < least:
            raise ConfigError(
                "a hyper-parameter is too small", expected=f"{least} or more", found=str(value), where=f"model.{name}"
            )
