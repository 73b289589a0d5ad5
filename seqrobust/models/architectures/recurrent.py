"""A gated recurrent network (Cho et al. 2014) that reads both ways.

The two directions are two plain layers; the backward one reads each record reversed within its own length. So padded
steps never come before real ones, batches need no packing, and a record's outputs do not depend on its neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqrobust.models.architectures.base import (
    SequenceModel,
    at_fixed_length,
    check_at_least,
    dropout_layer,
    fixed_length,
    readout,
)
from seqrobust.models.masking import global_features, reversed_within, valid_positions, zero_padding


class BidirectionalGRU(nn.Module):
    """One layer in each direction over (N, W, C) steps; (N, W, 2 * hidden) out."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.onward = nn.GRU(inputs, hidden, batch_first=True)
        self.backward_ = nn.GRU(inputs, hidden, batch_first=True)

    def forward(self, steps: Tensor, lengths: Tensor | None) -> Tensor:
        """States at every step; those behind a record's end mean nothing."""
        onward: Tensor = self.onward(steps)[0]
        back: Tensor = self.backward_(reversed_within(steps, lengths))[0]
        return torch.cat([onward, reversed_within(back, lengths)], dim=2)


class RecurrentTrunk(nn.Module):
    """Layers of bidirectional recurrence with dropout between, then features of the whole record.

    Args:
        inputs: channels of a step.
        hidden: units a direction.
        layers: how many.
        dropout: between layers.
        steps: number of steps of a record, where every state is a feature by itself; None to take the maximum and the
            mean over them.
    """

    def __init__(self, inputs: int, hidden: int, layers: int, dropout: float, steps: int | None) -> None:
        super().__init__()
        check_at_least(1, hidden=hidden, layers=layers)
        sizes = [inputs] + [2 * hidden] * (layers - 1)
        self.layers = nn.ModuleList(BidirectionalGRU(size, hidden) for size in sizes)
        self.dropout = dropout_layer(dropout)
        self.steps = steps
        self.features = 2 * hidden * (2 if steps is None else steps)

    def forward(self, steps: Tensor, lengths: Tensor | None) -> Tensor:
        """(N, features)."""
        for number, layer in enumerate(self.layers):
            steps = layer(self.dropout(steps) if number else steps, lengths)
        valid = valid_positions(lengths, steps.shape[1])
        if self.steps is None:
            return global_features(steps.transpose(1, 2), valid)
        return zero_padding(steps.transpose(1, 2), valid).flatten(1)


class GRU(SequenceModel):
    """A recurrent trunk over letters and a read-out.

    Args:
        alphabet_size, outputs: K and the number of outputs.
        input_length: largest record; needed by the flattened head.
        hidden: units a direction.
        layers: recurrent layers.
        head: ``global`` or ``flatten``, as in the CNN.
        readout_hidden: units of the layer before the outputs; 0 for none.
        dropout: between layers and in the read-out.
    """

    def __init__(
        self,
        alphabet_size: int,
        outputs: int,
        input_length: int | None,
        *,
        hidden: int = 64,
        layers: int = 1,
        head: str = "global",
        readout_hidden: int = 64,
        dropout: float = 0.2,
    ) -> None:
        fixed = fixed_length(head, input_length)
        super().__init__(outputs, fixed)
        self.trunk = RecurrentTrunk(alphabet_size, hidden, layers, dropout, fixed)
        self.readout = readout(self.trunk.features, readout_hidden, outputs, dropout, "relu")

    def scores(self, encoded: Tensor, lengths: Tensor | None) -> Tensor:
        """See :class:`~seqrobust.models.SequenceModel`."""
        if self.input_length is not None:
            encoded, lengths = at_fixed_length(encoded, self.input_length, lengths)
        scores: Tensor = self.readout(self.trunk(encoded.transpose(1, 2), lengths))
        return scores
