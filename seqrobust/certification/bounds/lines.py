"""Two lines between which an activation lies over a range: it is replaced by them when a bound is carried through."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

_POINTS = 33
"""At which a smooth activation is compared with its chord; between them it can move by its largest slope at most."""


class Lines(NamedTuple):
    """Slopes and intercepts of a line above and one beneath, of any shape."""

    slope_above: Tensor
    above: Tensor
    slope_below: Tensor
    below: Tensor


def relu_lines(low: Tensor, high: Tensor) -> Lines:
    """Of max(x, 0): the chord above; beneath 0 or x, whichever leaves less area (Zhang et al. 2018, CROWN)."""
    active, dead = low >= 0, high <= 0
    width = torch.where(active | dead, 1.0, high - low)
    slope = torch.where(active, 1.0, torch.where(dead, 0.0, high / width))
    above = torch.where(active | dead, 0.0, -slope * low)
    beneath = torch.where(active | (~dead & (high > -low)), 1.0, 0.0)
    return Lines(slope, above, beneath, torch.zeros_like(low))


def smooth_lines(function: Callable[[Tensor], Tensor], steepest: Tensor | float, low: Tensor, high: Tensor) -> Lines:
    """Parallels to the chord of an activation, which is nowhere steeper, moved until it lies between them."""
    width = high - low
    flat = width <= 1e-9
    ends = function(low), function(high)
    slope = torch.where(flat, 0.0, (ends[1] - ends[0]) / torch.where(flat, 1.0, width))
    share = torch.linspace(0, 1, _POINTS, dtype=low.dtype)
    points = low + width * share.reshape(-1, *[1] * low.ndim)
    rest = function(points) - slope * points
    slack = (steepest + slope.abs()) * width / (2 * (_POINTS - 1)) * (1 + 1e-9) + 1e-12 * rest.abs().amax(0)
    return Lines(slope, rest.amax(0) + slack, slope, rest.amin(0) - slack)
