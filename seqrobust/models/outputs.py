"""What a module returned, turned into logits of one shape: (N, 1) binary, (N, T) otherwise.

Probabilities (see :mod:`seqrobust.models.checks.scale`) are turned back: log p differs from the logits
by a constant per record, which no margin sees, and log(p / (1 - p)) is the logit itself. Rounding makes this inexact
where float32 probabilities are saturated, and there the gradient is lost as well; that is said.
"""

from __future__ import annotations

from torch import Tensor

from seqrobust.errors import ModelError
from seqrobust.models.checks.calling import in_words
from seqrobust.sequences.kinds import OutputScale as OutputScale
from seqrobust.sequences.kinds import Task
from seqrobust.tasks import task_of


def outputs_matrix(raw: object, records: int, task: Task) -> Tensor:
    """(N, T) float32 of whatever a module returned. Raises ModelError for another kind or shape."""
    value = task_of(task)
    several = value.fewest_outputs > 1
    expected = f"a tensor of shape ({records}, outputs)" + ("" if several else f" or ({records},)")
    if not isinstance(raw, Tensor):
        raise ModelError(
            "the model does not return a tensor",
            expected=expected,
            found=in_words(raw),
            fix=_as_tensor(raw),
        )
    if raw.is_complex():
        raise ModelError("the model returns complex numbers", expected=expected, fix="return their size or real part")
    if raw.ndim == 1 and not several:
        raw = raw[:, None]
    if raw.ndim != 2 or raw.shape[0] != records or (several and raw.shape[1] < value.fewest_outputs):
        raise ModelError(
            "the model's output has another shape than its task",
            expected=expected + (" with two or more classes" if several else ""),
            found=in_words(raw),
            fix="wrap the model in a factory that returns one row of outputs per record, and check --task",
        )
    if raw.shape[1] > value.most_columns:
        raise ModelError("a binary model has one output (or two)", found=f"{raw.shape[1]} outputs", fix="check --task")
    if type(raw) is not Tensor:
        raw = raw.as_subclass(Tensor)
    # A copy, for a module may write its next answer into the same tensor.
    return raw.float().clone()


def _as_tensor(raw: object) -> str:
    """What to do about an answer that is no tensor."""
    if raw is None:
        return "forward ends without an answer: return the tensor of outputs at its end"
    if isinstance(raw, (float, int)) or hasattr(raw, "__array__"):
        return (
            "leave out .numpy(), .item() or .tolist() at the end of forward; of a model outside torch, give "
            "torch.as_tensor(answer), and use attacks that need no gradient (--attack greedy_all,genetic)"
        )
    part = _first_part(raw)
    return f"name a factory of a module that returns the tensor of outputs alone, such as self.inner(x){part}"


def _first_part(raw: object) -> str:
    """How a tensor is taken out of what a module returned: by the first key, place or field that holds one."""
    if isinstance(raw, dict):
        parts = {f"[{key!r}]": value for key, value in raw.items()}
    elif isinstance(raw, (tuple, list)):
        parts = {f"[{place}]": value for place, value in enumerate(raw)}
    else:
        parts = {f".{name}": value for name, value in getattr(raw, "__dict__", {}).items()}
    return next((name for name, value in parts.items() if isinstance(value, Tensor)), "[0]")


def as_logits(matrix: Tensor, task: Task, scale: OutputScale) -> Tensor:
    """(N, T) logits of outputs of a known scale; a binary pair becomes its difference."""
    value = task_of(task)
    return value.joined(value.logits_of(matrix) if scale == "probabilities" else matrix)
