"""Convolutions that find words, a recurrence that reads their order (after DanQ, Quang & Xie 2016)."""

from __future__ import annotations

import math

from torch import Tensor, nn

from seqrobust.models.architectures.base import SequenceModel, at_fixed_length, check_at_least, fixed_length, readout
from seqrobust.models.architectures.convolutional import ConvolutionBlock, check_activations
from seqrobust.models.architectures.recurrent import RecurrentTrunk
from seqrobust.models.masking import valid_positions


class CNNGRU(SequenceModel):
    """Convolution blocks, a recurrent trunk over what they found, and a read-out.

    Args:
        alphabet_size, outputs: K and the number of outputs.
        input_length: largest record; needed by the flattened head.
        channels, blocks, first_kernel, kernel, pool, residual, activation, first_activation: of the convolutions, as in
            the CNN.
        hidden, layers, head: of the recurrence, as in the GRU.
        readout_hidden: units of the layer before the outputs; 0 for none.
        dropout: behind later blocks, between layers and in the read-out.
    """

    def __init__(
        self,
        alphabet_size: int,
        outputs: int,
        input_length: int | None,
        *,
        channels: int = 64,
        blocks: int = 1,
        first_kernel: int = 15,
        kernel: int = 5,
        pool: int = 2,
        residual: bool = False,
        activation: str = "relu",
        first_activation: str = "same",
        hidden: int = 48,
        layers: int = 1,
        head: str = "global",
        readout_hidden: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(outputs, fixed_length(head, input_length))
        check_at_least(1, blocks=blocks)
        first = activation if first_activation == "same" else first_activation
        check_activations([first, activation], [channels])
        self.blocks = nn.ModuleList(
            ConvolutionBlock(
                channels if number else alphabet_size,
                channels,
                kernel if number else first_kernel,
                pool=pool,
                dropout=dropout if number else 0.0,
                activation=activation if number else first,
                residual=residual,
            )
            for number in range(blocks)
        )
        steps = self.input_length
        for _ in range(blocks):
            steps = None if steps is None else math.ceil(steps / pool)
        self.trunk = RecurrentTrunk(channels, hidden, layers, dropout, steps)
        self.readout = readout(self.trunk.features, readout_hidden, outputs, dropout, "relu")

    def scores(self, encoded: Tensor, lengths: Tensor | None) -> Tensor:
        """See :class:`~seqrobust.models.SequenceModel`."""
        if self.input_length is not None:
            encoded, lengths = at_fixed_length(encoded, self.input_length, lengths)
        features, valid = encoded, valid_positions(lengths, encoded.shape[2])
        for block in self.blocks:
            features, valid = block(features, valid)
        steps = None if valid is None else valid.sum(1)
        scores: Tensor = self.readout(self.trunk(features.transpose(1, 2), steps))
        return scores
