"""What a module returned, turned into logits of one shape: (N, 1) binary, (N, T) otherwise.

A model that ends in softmax or sigmoid is noticed and its probabilities are turned back: log p differs from the logits
by a constant per record, which no margin sees, and log(p / (1 - p)) is the logit itself. Rounding makes this inexact
where float32 probabilities are saturated, and there the gradient is lost as well; that is said.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqrobust.errors import ModelError
from seqrobust.sequences.kinds import OutputScale as OutputScale
from seqrobust.sequences.kinds import Task

_SATURATED = 1e-6


def outputs_matrix(raw: object, records: int, task: Task) -> Tensor:
    """(N, T) float32 of whatever a module returned. Raises ModelError for another kind or shape."""
    expected = f"a tensor of shape ({records}, outputs)" + (f" or ({records},)" if task != "classification" else "")
    if not isinstance(raw, Tensor):
        raise ModelError("the model does not return a tensor", expected=expected, found=type(raw).__name__)
    if raw.ndim == 1 and task != "classification":
        raw = raw[:, None]
    if raw.ndim != 2 or raw.shape[0] != records or (task == "classification" and raw.shape[1] < 2):
        raise ModelError(
            "the model's output has another shape than its task",
            expected=expected + (" with two or more classes" if task == "classification" else ""),
            found=str(tuple(raw.shape)),
            fix="wrap the model in a factory that returns one row of outputs per record, and check --task",
        )
    if task == "binary" and raw.shape[1] > 2:
        raise ModelError("a binary model has one output (or two)", found=f"{raw.shape[1]} outputs", fix="check --task")
    return raw.float()


def detect_scale(matrix: Tensor, task: Task, module: nn.Module) -> tuple[OutputScale, str | None]:
    """Whether (N, T) outputs are logits or probabilities, and what to tell the user about it."""
    bounded = bool(((matrix >= 0) & (matrix <= 1)).all())
    if matrix.shape[1] > 1 and task != "multilabel":
        probable = bounded and bool(((matrix.sum(1) - 1).abs() < 1e-3).all())
    else:
        # A single output may lie in [0, 1] by chance; a sigmoid at the end, or many records and some spread, settle it.
        last = list(module.modules())[-1]
        spread = len(matrix) >= 32 and float(matrix.max() - matrix.min()) > 0.05
        probable = bounded and (isinstance(last, nn.Sigmoid) or spread)
    if not probable:
        return "logits", None
    saturated = int(((matrix > 1 - _SATURATED) | (matrix < _SATURATED)).any(1).sum())
    notice = "the model returns probabilities; they are turned back to logits (--outputs logits if that is wrong)"
    if saturated:
        notice += (
            f"; {saturated} of {len(matrix)} records are saturated, where gradients vanish and robustness looks better"
            " than it is: give a model without its last softmax or sigmoid"
        )
    return "probabilities", notice


def as_logits(matrix: Tensor, task: Task, scale: OutputScale) -> Tensor:
    """(N, T) logits of outputs of a known scale; a binary pair becomes its difference."""
    if scale == "probabilities":
        tiny = torch.finfo(matrix.dtype).tiny
        if matrix.shape[1] > 1 and task != "multilabel":
            matrix = matrix.clamp(min=tiny).log()
        else:
            matrix = matrix.clamp(min=tiny).log() - (1 - matrix).clamp(min=torch.finfo(matrix.dtype).eps / 2).log()
    if task == "binary" and matrix.shape[1] == 2:
        return matrix[:, 1:] - matrix[:, :1]
    return matrix
