"""Whether a module gives logits or probabilities: by the operations it ends in and the values it gives, or not at all.

Neither the number of records nor the order in which layers were registered says anything. Of several classes the rows
tell: probabilities add up to one, and either reading has the same largest class. A lone output, or one a label, is read
as positive above 0 as a logit and above 0.5 as a probability; so where neither its operations nor its values settle it
nothing is guessed, and the user is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from seqrobust.errors import ModelError
from seqrobust.models.checks.spans import Ends, Span
from seqrobust.models.outputs import OutputScale
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of

SATURATED = 1e-6
"""How near to 0 or 1 a float32 probability has lost its logit; of coarser numbers, their last place."""
_NEAR = 1e-2
"""How near to 0 and 1 the ends of a probability's span are, for it may be clamped a little inside."""
_ASK = "say which it is: --outputs logits or --outputs probabilities (in Python scale=...)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What is known of a module's outputs.

    Attributes:
        task: what it is for.
        matrix: (N, T) outputs for records.
        more: gives (M, T) outputs for other sequences: random ones, and records with random edits.
        ends: gives what its operations say of them.
        odds: whether log-odds can be read off the module, of outputs that are probabilities.
    """

    task: Task
    matrix: Tensor
    more: Callable[[], Tensor]
    ends: Callable[[], Ends]
    odds: Callable[[], bool] = lambda: False

    @cached_property
    def _ends(self) -> Ends:
        return self.ends()

    @property
    def span(self) -> Span | None:
        """The values that the operations allow; None where they are not known."""
        return self._ends.span

    @property
    def dtype(self) -> torch.dtype:
        """The outputs' own number type."""
        return self._ends.dtype

    @property
    def of_classes(self) -> bool:
        """Whether the outputs of a record exclude each other."""
        return task_of(self.task).exclusive and self.matrix.shape[1] > 1


def decided(evidence: Evidence, told: OutputScale | Literal["auto"]) -> tuple[OutputScale, str | None]:
    """The scale of outputs, and what to say of it.

    Args:
        evidence: of the outputs.
        told: what the user says of it, which holds unless the values exclude it.

    Raises ModelError where it cannot be told, for log-probabilities of a lone output or of labels, and for
    probabilities that are not between 0 and 1.
    """
    if told == "logits":
        return "logits", _doubted(evidence)
    if told == "probabilities":
        if not _inside(evidence.matrix):
            raise ModelError(
                "the outputs are said to be probabilities, and are not between 0 and 1",
                found=_range(evidence.matrix),
                fix="leave --outputs out, or say --outputs logits",
            )
        return "probabilities", None if evidence.odds() else saturation(evidence)
    scale = _of_classes(evidence) if evidence.of_classes else _of_each(evidence)
    if scale == "logits":
        return scale, _mixed(evidence)
    if evidence.odds():
        return scale, (
            "the model returns probabilities; their log-odds are read before its last sigmoid or softmax, at full "
            "precision (--outputs logits if that is wrong)"
        )
    notice = "the model returns probabilities; they are turned back to logits (--outputs logits if that is wrong)"
    return scale, "; ".join(part for part in (notice, saturation(evidence)) if part)


def saturation(evidence: Evidence) -> str | None:
    """What to say of probabilities so near to 0 or 1 that their logits are lost."""
    matrix, edge = evidence.matrix, SATURATED
    if evidence.dtype.is_floating_point:
        edge = max(edge, torch.finfo(evidence.dtype).eps)
    saturated = int(((matrix > 1 - edge) | (matrix < SATURATED)).any(1).sum())
    if not saturated:
        return None
    return (
        f"{saturated} of {len(matrix)} records are saturated (0 or 1 as far as float32 tells), and what is squashed "
        "there cannot be read off the model: searches are blind where it does not move, and robustness looks better "
        "than it is; give logits, if the model has any"
    )


def _of_classes(evidence: Evidence) -> OutputScale:
    if not _inside(evidence.matrix.round(decimals=1)):
        return "logits"
    if not _adds_up(evidence.matrix, evidence.dtype):
        return "logits"
    return "probabilities" if _adds_up(evidence.more(), evidence.dtype) else "logits"


def _adds_up(matrix: Tensor, dtype: torch.dtype) -> bool:
    rounding = torch.finfo(dtype).eps if dtype.is_floating_point else 0.0
    allowed = max(1e-3, min(rounding * matrix.shape[1], 0.05))
    within = bool(((matrix >= -allowed) & (matrix <= 1 + allowed)).all())
    return within and bool(((matrix.sum(1) - 1).abs() < allowed).all())


def _of_each(evidence: Evidence) -> OutputScale:
    """Of a lone output, or of labels that do not exclude each other."""
    span = evidence.span
    if span is not None and span.high <= 0 and span.low < span.high:
        raise ModelError(
            "the model returns log-probabilities, or what else is never above 0",
            expected="logits, or probabilities",
            found=f"{_range(evidence.matrix)}; its operations allow no more than {span.high:g}",
            fix="leave out the last logarithm (logsigmoid, log_softmax); or say --outputs logits if 0 is its threshold",
        )
    if span is not None and -_NEAR <= span.low <= _NEAR and abs(span.high - 1) <= _NEAR:
        return "probabilities"
    if span is not None and span.low < -_NEAR:
        return "logits"
    if not _inside(evidence.matrix) or not _inside(seen := torch.cat([evidence.matrix, evidence.more()])):
        return _beyond(evidence.matrix, span)
    if bool(((seen == 0) | (seen == 1)).all()):
        # Decisions: positive and negative by either reading.
        return "probabilities"
    raise ModelError(
        "it cannot be told whether the model's outputs are logits or probabilities",
        expected="values outside 0 to 1, or a sigmoid or softmax at the end that can be seen",
        found=f"{_range(seen)} for {len(seen)} sequences, random ones among them",
        fix=_ASK,
    )


def _beyond(matrix: Tensor, span: Span | None) -> OutputScale:
    """Of outputs that are not all between 0 and 1; ``span`` as far as it is known."""
    if span is None or span.low < 0:
        return "logits"
    raise ModelError(
        "the model returns what is never below 0: percentages, counts or rates",
        expected="logits, or probabilities",
        found=f"{_range(matrix)}; its operations allow no less than {span.low:g}",
        fix="divide percentages by 100, leave out a last exponential or rectifier, or take --task regression; or say "
        "--outputs logits if what is above 0 is positive",
    )


def _mixed(evidence: Evidence) -> str | None:
    """What to say of labels that look like probabilities among others that are logits."""
    if not task_of(evidence.task).independent or evidence.span is not None:
        return None
    if not bool(((evidence.matrix >= 0) & (evidence.matrix <= 1)).all(0).any()):
        return None
    seen = torch.cat([evidence.matrix, evidence.more()])
    within = ((seen >= 0) & (seen <= 1)).all(0)
    if not bool(within.any()) or bool(within.all()):
        return None
    which = ", ".join(str(column) for column in torch.nonzero(within).flatten().tolist())
    return (
        f"outputs {which} (of 0 to {len(within) - 1}) lie between 0 and 1 for each of {len(seen)} sequences, and "
        "others do not: all are read as logits, so that those are always positive; give logits of all"
    )


def _doubted(evidence: Evidence) -> str | None:
    span = None if evidence.of_classes else evidence.span
    if span is None:
        return None
    if span.low < -_NEAR or span.high > 1 + _NEAR:
        return None
    return (
        f"the outputs are read as logits, as told; but the model ends in what lies between {span.low:g} and "
        f"{span.high:g}, so every prediction is positive"
    )


def _inside(matrix: Tensor) -> bool:
    return bool(((matrix >= 0) & (matrix <= 1)).all())


def _range(matrix: Tensor) -> str:
    return f"values from {float(matrix.min()):.4g} to {float(matrix.max()):.4g}"
