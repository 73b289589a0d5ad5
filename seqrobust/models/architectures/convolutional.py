"""A convolutional network in the line of Basset (Kelley et al. 2016): convolve, normalise, activate, pool, read out.

Options bound how far it can carry a small change: every layer's norm at exactly 1, or below a limit; see
:mod:`~seqrobust.models.architectures.lipschitz` for what follows.
"""

from __future__ import annotations

import math
from typing import cast

from torch import Tensor, nn

from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.architectures.activations import activation_named
from seqrobust.models.architectures.base import (
    SequenceModel,
    at_fixed_length,
    check_at_least,
    dropout_layer,
    fixed_length,
    readout,
)
from seqrobust.models.architectures.layer_constants import layer_constant, product
from seqrobust.models.architectures.lipschitz import GLOBAL_FEATURES, check_one_lipschitz
from seqrobust.models.architectures.spectral import CappedBatchNorm, bound_layers
from seqrobust.models.implicit import ImplicitBlock
from seqrobust.models.masking import MaskedBatchNorm, global_features, max_pool, valid_positions, zero_padding


class ConvolutionBlock(nn.Module):
    """Convolution, batch norm, activation, maxima of windows, dropout.

    With ``residual`` the input is added before pooling, with ``implicit_step`` an implicit residual block stands there.
    With ``lipschitz`` no difference is widened: the convolution has norm 1 and a bias, there is no batch norm, and a
    residual connection is a mean. With ``spectral_norm`` convolution and batch norm have at most that constant.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        kernel: int,
        *,
        pool: int,
        dilation: int = 1,
        dropout: float = 0.0,
        activation: str = "relu",
        residual: bool = False,
        implicit_step: float = 0.0,
        lipschitz: bool = False,
        spectral_norm: float = 0.0,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ConfigError(
                "kernel and first_kernel have a middle", expected="an odd size", found=str(kernel), where="model"
            )
        check_at_least(1, channels=channels, kernel=kernel, pool=pool, dilation=dilation)
        padding = dilation * (kernel - 1) // 2
        self.convolution = nn.Conv1d(inputs, channels, kernel, padding=padding, dilation=dilation, bias=lipschitz)
        self.norm = None if lipschitz else _norm(channels, spectral_norm)
        self.activation = activation_named(activation)
        self.dropout = dropout_layer(dropout)
        self.pool = pool
        self.residual = residual and inputs == channels
        self.weight_of_sum = 0.5 if lipschitz else 1.0
        hold(self.convolution, lipschitz, spectral_norm)
        self.implicit = ImplicitBlock(channels, min(kernel, 5), implicit_step) if implicit_step else None

    def forward(self, features: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(N, C, W) features and their (N, W) validity, pooled."""
        new = self.convolution(features)
        new = self.activation(new if self.norm is None else self.norm(new, valid))
        if self.residual:
            new = new + features
            new = new if self.weight_of_sum == 1 else new * self.weight_of_sum
        new = zero_padding(new, valid)
        if self.implicit is not None:
            new = self.implicit(new, valid)
        pooled, valid = max_pool(new, valid, self.pool)
        return self.dropout(pooled), valid

    @property
    def lipschitz_bound(self) -> float:
        """By how much a difference of features can grow, in l2 and in evaluation mode."""
        layers = [layer for layer in (self.convolution, self.norm, self.activation) if layer is not None]
        grown = product(layer_constant(layer) for layer in layers)
        grown = self.weight_of_sum * (1 + grown) if self.residual else grown
        # Windows of maxima stand side by side, and dropout rests: each has constant 1.
        return product([grown, layer_constant(self.dropout), 1.0 if self.implicit is None else self.implicit.constant])


def _norm(channels: int, limit: float) -> MaskedBatchNorm:
    return CappedBatchNorm(channels, limit) if limit else MaskedBatchNorm(channels)


def hold(module: nn.Module, lipschitz: bool, spectral_norm: float) -> None:
    """Hold the convolutions and linear layers of a module at norm 1, or at most at a limit; 0 for none."""
    if lipschitz:
        bound_layers(module, limit=1.0, at_most=False)
    elif spectral_norm:
        bound_layers(module, limit=spectral_norm, at_most=True)


class CNN(SequenceModel):
    """Blocks of convolutions and a read-out.

    Args:
        alphabet_size, outputs: K and the number of outputs.
        input_length: largest record; needed by the flattened head.
        channels: filters of every block.
        blocks: how many.
        first_kernel, kernel: sizes of the first and the later filters, odd.
        pool: window of the maxima behind each block.
        dilation: factor by which each block after the first widens its steps; 1 for none.
        residual: add a block's input to its output.
        activation: ``relu``, ``gelu``, ``silu``, ``exponential`` or ``group_sort``.
        first_activation: that of the first block, where it should be another one: ``exponential`` makes its filters
            readable as motifs. ``same`` for no other.
        head: ``global`` reads maximum and mean over positions, for records of any length; ``flatten`` reads every
            position by itself, for records where place matters.
        hidden: units of the layer before the outputs; 0 for none.
        dropout: behind every block and in the read-out.
        lipschitz: hold every layer at norm 1, without batch norm, so that ``lipschitz_bound`` is ``lipschitz_scale`` or
            less. Needs ``relu`` or ``group_sort``.
        lipschitz_scale: what the scores of such a model are multiplied by; those of a 1-Lipschitz model are close
            together. With a smaller one the loss asks for wider margins: more robust, and less accurate.
        spectral_norm: hold the norm of every convolution, batch norm and linear layer at or below this; 0 for no limit.
            Scores are not scaled here, and at 1 hardly move: 2 or more, unless ``lipschitz`` is what is wanted.
        implicit: an implicit residual block (:mod:`~seqrobust.models.implicit`) in every block, before pooling.
        implicit_step: its step.
    """

    def __init__(
        self,
        alphabet_size: int,
        outputs: int,
        input_length: int | None,
        *,
        channels: int = 64,
        blocks: int = 3,
        first_kernel: int = 15,
        kernel: int = 5,
        pool: int = 2,
        dilation: int = 1,
        residual: bool = False,
        activation: str = "relu",
        first_activation: str = "same",
        head: str = "global",
        hidden: int = 64,
        dropout: float = 0.2,
        lipschitz: bool = False,
        lipschitz_scale: float = 4.0,
        spectral_norm: float = 0.0,
        implicit: bool = False,
        implicit_step: float = 1.0,
    ) -> None:
        super().__init__(outputs, fixed_length(head, input_length))
        check_at_least(1, blocks=blocks)
        _check_bounds(lipschitz, lipschitz_scale, spectral_norm, implicit_step)
        self.head = head
        self.scale = lipschitz_scale if lipschitz else 1.0
        first = activation if first_activation == "same" else first_activation
        check_activations([first, activation], [channels, hidden], lipschitz=lipschitz)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(
                channels if number else alphabet_size,
                channels,
                kernel if number else first_kernel,
                pool=pool,
                dilation=dilation**number,
                # The first layer reads letters: dropping out motif detectors there costs more than it teaches.
                dropout=dropout if number else 0.0,
                activation=activation if number else first,
                residual=residual,
                implicit_step=implicit_step if implicit else 0.0,
                lipschitz=lipschitz,
                spectral_norm=spectral_norm,
            )
            for number in range(blocks)
        )
        width = input_length or 1
        for _ in range(blocks):
            width = math.ceil(width / pool)
        features = channels * width if head == "flatten" else 2 * channels
        self.readout = readout(features, hidden, outputs, dropout, activation)
        hold(self.readout, lipschitz, spectral_norm)
        if lipschitz and head == "global":
            self.scale /= GLOBAL_FEATURES

    def scores(self, encoded: Tensor, lengths: Tensor | None) -> Tensor:
        """See :class:`~seqrobust.models.SequenceModel`."""
        if self.input_length is not None:
            encoded, lengths = at_fixed_length(encoded, self.input_length, lengths)
        features, valid = encoded, valid_positions(lengths, encoded.shape[2])
        for block in self.blocks:
            features, valid = block(features, valid)
        features = features.flatten(1) if self.head == "flatten" else global_features(features, valid)
        scores: Tensor = self.readout(features)
        return scores if self.scale == 1 else scores * self.scale

    @property
    def lipschitz_bound(self) -> float:
        """See :class:`~seqrobust.models.SequenceModel`. It is found anew from the weights as they are.

        Raises ModelError in training mode.
        """
        if self.training:
            raise ModelError("a Lipschitz bound holds in evaluation mode", fix="call .eval() first")
        blocks = product(cast(ConvolutionBlock, block).lipschitz_bound for block in self.blocks)
        head = 1.0 if self.head == "flatten" else GLOBAL_FEATURES
        scale = self.scale * float(self.output_std.abs().max())
        return product([blocks, head, layer_constant(self.readout), scale])


def _check_bounds(lipschitz: bool, scale: float, spectral_norm: float, step: float) -> None:
    check_at_least(0, lipschitz_scale=scale, spectral_norm=spectral_norm, implicit_step=step)
    if not scale > 0:
        raise ConfigError("scores are scaled by more than nothing", found=str(scale), where="model.lipschitz_scale")
    if not step > 0:
        raise ConfigError("an implicit block takes a step", found=str(step), where="model.implicit_step")
    if lipschitz and spectral_norm:
        raise ConfigError(
            "lipschitz holds every layer at norm 1, and spectral_norm below another limit",
            found=f"spectral_norm {spectral_norm}",
            where="model",
            fix="set one of them",
        )


def check_activations(names: list[str], sizes: list[int], *, lipschitz: bool = False) -> None:
    """Raises ConfigError for unknown activations, and for what they cannot go with."""
    for name in names:
        found = activation_named(name)
        if lipschitz:
            check_one_lipschitz(found)
    if "group_sort" in names and any(size % 2 for size in sizes):
        raise ConfigError(
            "group_sort sorts channels in pairs",
            expected="an even number of channels and of hidden units",
            found=", ".join(map(str, sizes)),
            where="model",
        )
