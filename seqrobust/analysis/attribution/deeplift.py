"""DeepLIFT through whatever computes the outputs, functions and modules alike, without a hook on any module.

The network is run twice, on the baseline and on the record. Torch tells of every function that is called
(:class:`torch.overrides.TorchFunctionMode`); the first run notes inputs and outputs of those a rule is for, and in the
second the rule stands in their place. So functional pooling and activations, a module that is called twice and the
conversion of probabilities to logits are met like any layer. Hooks on modules, captum's way, pass functions by their
plain gradient, without a word; and where one hooked module follows another at once, as pooling follows an activation,
captum 0.9 hands on the gradient that the second one's rule has yet to change. Where an operation has no rule here its
derivative is used, and the sum of the contributions shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from seqrobust.analysis.attribution.found import Found, contributions, summed
from seqrobust.analysis.attribution.operations import Noted, Operation, varying
from seqrobust.analysis.attribution.question import Question, finite
from seqrobust.errors import ModelError
from seqrobust.models.gradients import slope, told

_OTHER_WAY = "the model does not compute its baseline the way it computes the record"


def deeplift(question: Question) -> Found:
    """Contributions by DeepLIFT's rescale rule; see :mod:`~.rules` for what it means for each kind of operation.

    Records of one length go together, so that no padding enters. With several baselines it is the mean over them, which
    is DeepSHAP (Lundberg & Lee 2017).
    """
    predictor, settled = question.predictor, question.baselines
    values = torch.zeros_like(question.encoded)
    differences = values.new_zeros(len(values))
    for length in sorted(set(question.lengths.tolist())):
        rows = torch.nonzero(question.lengths == length).flatten()
        lengths, weights = question.lengths[rows], question.weights[rows]
        points = question.encoded[rows, :, :length]

        def scored(at: Tensor, lengths: Tensor = lengths, weights: Tensor = weights) -> Tensor:
            return (predictor.differentiable(at, lengths) * weights).sum(1)

        for baseline in settled[:, rows, :, :length]:
            found, difference = multipliers(scored, points, baseline)
            values[rows, :, :length] += contributions(found, baseline) / len(settled)
            differences[rows] += difference / len(settled)
    return summed(question, values, differences)


def multipliers(function: Callable[[Tensor], Tensor], points: Tensor, baseline: Tensor) -> tuple[Tensor, Tensor]:
    """DeepLIFT's multipliers of a function, and the differences they share out.

    Args:
        function: from (m, K, L) to (m,), each row's number from that row alone.
        points, baseline: (m, K, L).

    Returns:
        Multipliers (m, K, L), and f(points) - f(baseline) (m,).

    Raises ModelError for a recurrent layer, and for a function that runs another way for the baseline.
    """
    notes: list[Noted] = []
    with torch.enable_grad(), told():
        start = baseline.detach().clone().requires_grad_(True)
        with _Noting(notes):
            before = function(start.clone()).detach()
        inputs = points.detach().clone().requires_grad_(True)
        with _Ruling(notes) as ruling:
            after = function(inputs.clone())
        if ruling.used != len(notes):
            raise ModelError(_OTHER_WAY, fix="leave deeplift out")
        return finite(slope(after.sum(), inputs)), after.detach() - before


class _Noting(TorchFunctionMode):
    """Notes what goes into and comes out of operations that have a rule."""

    def __init__(self, notes: list[Noted]) -> None:
        super().__init__()
        self._notes = notes

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = varying((args, kwargs))
        operation = Operation.of(func, args, kwargs, tensors) if tensors else None
        if operation is None:
            return func(*args, **kwargs)
        noted = operation.noted([tensor.detach().clone() for tensor in tensors])
        out = func(*args, **kwargs)
        self._notes.append(noted._replace(in_place=out is tensors[0]))
        return out


class _Ruling(TorchFunctionMode):
    """Puts rules in place of the operations that were noted, in the same order."""

    def __init__(self, notes: list[Noted]) -> None:
        super().__init__()
        self._notes = notes
        self.used = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = varying((args, kwargs))
        operation = Operation.of(func, args, kwargs, tensors) if tensors else None
        if operation is None:
            return func(*args, **kwargs)
        if self.used == len(self._notes) or not self._notes[self.used].fits(operation.name, tensors):
            raise ModelError(_OTHER_WAY, found=f"another {operation.name}", fix="leave deeplift out")
        noted = self._notes[self.used]
        self.used += 1
        out = operation.ruled(tensors, noted)
        return tensors[0].copy_(out) if noted.in_place else out
