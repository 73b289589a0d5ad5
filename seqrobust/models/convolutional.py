"""A convolutional network in the line of Basset (Kelley et al. 2016): convolve, normalise, activate, pool, read out."""

from __future__ import annotations

import math

from torch import Tensor, nn

from seqrobust.errors import ConfigError
from seqrobust.models.base import (
    SequenceModel,
    activation_named,
    at_fixed_length,
    check_at_least,
    dropout_layer,
    fixed_length,
    readout,
)
from seqrobust.models.masking import MaskedBatchNorm, global_features, max_pool, valid_positions, zero_padding


class ConvolutionBlock(nn.Module):
    """Convolution, batch norm, activation, maxima of windows, dropout; with ``residual`` the input is added before
    pooling."""

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
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ConfigError(
                "kernel and first_kernel have a middle", expected="an odd size", found=str(kernel), where="model"
            )
        check_at_least(1, channels=channels, kernel=kernel, pool=pool, dilation=dilation)
        padding = dilation * (kernel - 1) // 2
        self.convolution = nn.Conv1d(inputs, channels, kernel, padding=padding, dilation=dilation, bias=False)
        self.norm = MaskedBatchNorm(channels)
        self.activation = activation_named(activation)
        self.dropout = dropout_layer(dropout)
        self.pool = pool
        self.residual = residual and inputs == channels

    def forward(self, features: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(N, C, W) features and their (N, W) validity, pooled."""
        new = self.activation(self.norm(self.convolution(features), valid))
        if self.residual:
            new = new + features
        pooled, valid = max_pool(zero_padding(new, valid), valid, self.pool)
        return self.dropout(pooled), valid


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
        activation: ``relu``, ``gelu`` or ``silu``.
        head: ``global`` reads maximum and mean over positions, for records of any length; ``flatten`` reads every
            position by itself, for records where place matters.
        hidden: units of the layer before the outputs; 0 for none.
        dropout: behind every block and in the read-out.
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
        head: str = "global",
        hidden: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(outputs, fixed_length(head, input_length))
        check_at_least(1, blocks=blocks)
        self.head = head
        self.blocks = nn.ModuleList(
            ConvolutionBlock(
                channels if number else alphabet_size,
                channels,
                kernel if number else first_kernel,
                pool=pool,
                dilation=dilation**number,
                # The first layer reads letters: dropping out motif detectors there costs more than it teaches.
                dropout=dropout if number else 0.0,
                activation=activation,
                residual=residual,
            )
            for number in range(blocks)
        )
        width = input_length or 1
        for _ in range(blocks):
            width = math.ceil(width / pool)
        features = channels * width if head == "flatten" else 2 * channels
        self.readout = readout(features, hidden, outputs, dropout, activation)

    def scores(self, encoded: Tensor, lengths: Tensor | None) -> Tensor:
        """See :class:`~seqrobust.models.base.SequenceModel`."""
        if self.input_length is not None:
            encoded, lengths = at_fixed_length(encoded, self.input_length, lengths)
        features, valid = encoded, valid_positions(lengths, encoded.shape[2])
        for block in self.blocks:
            features, valid = block(features, valid)
        if self.head == "flatten":
            scores: Tensor = self.readout(features.flatten(1))
        else:
            scores = self.readout(global_features(features, valid))
        return scores
