"""Convolutions that find words, a recurrence that reads their order (after DanQ, Quang & Xie 2016)."""

from __future__ import annotations

from torch import Tensor, nn

from seqrobust.models.base import SequenceModel, check_at_least, readout
from seqrobust.models.convolutional import ConvolutionBlock
from seqrobust.models.masking import valid_positions
from seqrobust.models.recurrent import RecurrentTrunk


class CNNGRU(SequenceModel):
    """Convolution blocks, a recurrent trunk over what they found, and a read-out.

    Args:
        alphabet_size, outputs: K and the number of outputs.
        input_length: unused; records of any length are read.
        channels, blocks, first_kernel, kernel, pool: of the convolutions, as in the CNN.
        hidden, layers: of the recurrence, as in the GRU.
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
        hidden: int = 48,
        layers: int = 1,
        readout_hidden: int = 64,
        dropout: float = 0.2,
    ) -> None:
        super().__init__(outputs)
        check_at_least(1, blocks=blocks)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(
                channels if number else alphabet_size,
                channels,
                kernel if number else first_kernel,
                pool=pool,
                dropout=dropout if number else 0.0,
            )
            for number in range(blocks)
        )
        self.trunk = RecurrentTrunk(channels, hidden, layers, dropout)
        self.readout = readout(self.trunk.features, readout_hidden, outputs, dropout, "relu")

    def scores(self, encoded: Tensor, lengths: Tensor | None) -> Tensor:
        """See :class:`~seqrobust.models.base.SequenceModel`."""
        features, valid = encoded, valid_positions(lengths, encoded.shape[2])
        for block in self.blocks:
            features, valid = block(features, valid)
        steps = None if valid is None else valid.sum(1)
        scores: Tensor = self.readout(self.trunk(features.transpose(1, 2), steps))
        return scores
