"""A published model as a user brings it: OpenSpliceAI (Chao et al. 2025, eLife 14:RP107454) on 60-bp splice windows.

The architecture is SpliceAI's (Jaganathan et al. 2019), written here from its description; the weights (GPL-3.0) come
from OpenSpliceAI's own repository and are not part of this one. The network labels every base of a transcript as donor,
acceptor or neither; a window around a junction is classified by what it says at the junction:

    seqrobust attack --model docs/examples/openspliceai.py:model_80nt --weights model_80nt_rs10.pt \\
        --task classification --labels EI,IE,N --alphabet DNA \\
        --data splice.tsv.gz --protect donor_GT,acceptor_AG --budget 1..5
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

WINDOW, DONOR_INDEX, ACCEPTOR_INDEX = 60, 29, 30
"""Bases of a window; the last base of the exon before the junction, and the first base of the exon after it."""

THRESHOLD_80, THRESHOLD_400 = 6.9e-5, 2.06e-7
"""Probability below which a window is called neither. Windows lack the context the networks were trained with, so
probabilities are low, the lower the more context is missing; each was chosen on the training windows."""


class Residual(nn.Module):
    """Two dilated convolutions behind norm and leaky ReLU, added to their input."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        padding = 5 * dilation
        self.batchnorm1 = nn.BatchNorm1d(channels)
        self.batchnorm2 = nn.BatchNorm1d(channels)
        self.conv1 = nn.Conv1d(channels, channels, 11, padding=padding, dilation=dilation)
        self.conv2 = nn.Conv1d(channels, channels, 11, padding=padding, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(functional.leaky_relu(self.batchnorm1(x), 0.1))
        out: Tensor = x + self.conv2(functional.leaky_relu(self.batchnorm2(hidden), 0.1))
        return out


class Skip(nn.Module):
    """A convolution of width one that adds to the sum the outputs are read from."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class SpliceWindow(nn.Module):
    """Logits EI (donor), IE (acceptor) and N (neither) of 60-bp windows (N, 4, 60).

    Args:
        dilations: of the residual units; a skip follows every fourth.
        context: bases at each end that the outputs are cropped by; the window is padded by as many empty columns.
        threshold: probability below which a window is called neither.
    """

    def __init__(self, dilations: tuple[int, ...], context: int, threshold: float) -> None:
        super().__init__()
        self.context = context
        self.neither = math.log(threshold)
        self.initial_conv = nn.Conv1d(4, 32, 1)
        self.initial_skip = Skip(32)
        units: list[nn.Module] = []
        for number, dilation in enumerate(dilations, start=1):
            units.append(Residual(32, dilation))
            if number % 4 == 0:
                units.append(Skip(32))
        self.residual_units = nn.ModuleList(units)
        self.final_conv = nn.Conv1d(32, 3, 1)

    def forward(self, encoded: Tensor) -> Tensor:
        if encoded.shape[2] != WINDOW:
            raise ValueError(f"a window has {WINDOW} bases with the junction in the middle, not {encoded.shape[2]}")
        x = self.initial_conv(functional.pad(encoded, (self.context, self.context)))
        skip = self.initial_skip(x)
        for unit in self.residual_units:
            if isinstance(unit, Skip):
                skip = skip + unit(x)
            else:
                x = unit(x)
        cropped = skip[:, :, self.context : -self.context]
        # log_softmax, not softmax: where the network is sure, probabilities have no gradient left.
        log_probability = self.final_conv(cropped).log_softmax(1)
        acceptor, donor = log_probability[:, 1, ACCEPTOR_INDEX], log_probability[:, 2, DONOR_INDEX]
        return torch.stack([donor, acceptor, torch.full_like(donor, self.neither)], dim=1)


def model_80nt() -> SpliceWindow:
    """The network with 40 bases of context at each side."""
    return SpliceWindow((1, 1, 1, 1), 40, THRESHOLD_80)


def model_400nt() -> SpliceWindow:
    """The network with 200 bases of context at each side."""
    return SpliceWindow((1, 1, 1, 1, 4, 4, 4, 4), 200, THRESHOLD_400)
