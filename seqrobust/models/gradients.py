"""Gradients of a stranger's module, and what to say where there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from seqrobust.errors import ModelError
from seqrobust.memory import lacks_memory
from seqrobust.models.wrappers import BPDA

_AT_ONCE = 4
"""Records whose gradient is tried together."""


class Gradient(NamedTuple):
    """Outputs (M, outputs), an objective (M,) and its gradient (M, K, L) with respect to the one-hot input.

    ``missing`` (M,) bool marks rows whose gradient is none, and stands as zeros; None where every row has one.
    """

    logits: Tensor
    value: Tensor
    gradient: Tensor
    missing: Tensor | None = None


class Blindness(NamedTuple):
    """Why gradients are of no use: in words, and whether there is none to be had at all."""

    text: str
    absent: bool


def without(function: Callable[[Tensor], Tensor], inputs: Tensor, objective: Callable[[Tensor], Tensor]) -> Gradient:
    """What :func:`of_one` says of a function that has no gradient: zeros, all of them missing."""
    with torch.no_grad():
        logits = function(inputs)
        missing = torch.ones(len(inputs), dtype=torch.bool, device=inputs.device)
        return Gradient(logits, objective(logits), torch.zeros_like(inputs), missing)


def of_one(function: Callable[[Tensor], Tensor], inputs: Tensor, objective: Callable[[Tensor], Tensor]) -> Gradient:
    """The objective of a function's logits, and its gradient at inputs that require it."""
    with told():
        logits = function(inputs)
    value = objective(logits)
    with told():
        return Gradient(logits, value, slope(value.sum(), inputs))


def of_mean(
    draws: Sequence[Callable[[Tensor], Tensor]], inputs: Tensor, objective: Callable[[Tensor], Tensor]
) -> Gradient:
    """The objective of the mean of several functions' logits, and its gradient.

    The objective's slope at the mean is pulled back through each function in turn, so that memory holds one of them.
    """
    with torch.no_grad():
        logits = torch.stack([draw(inputs.detach()) for draw in draws]).mean(0)
    logits.requires_grad_(True)
    value = objective(logits)
    outer = slope(value.sum(), logits)
    total = torch.zeros_like(inputs)
    for draw in draws:
        with told():
            total += slope((draw(inputs) * outer).sum(), inputs)
    return Gradient(logits, value, total / len(draws))


def joined(parts: Sequence[Gradient], rows: int, *, lenient: bool = False, blind: bool = False) -> Gradient:
    """Of the first ``rows`` rows of batches, one after another.

    If lenient, gradients that are no number are zeros and marked, as are all of a function without any (``blind``).
    Raises ModelError otherwise where a gradient is not finite.
    """
    columns = ([getattr(one, name) for one in parts] for name in ("logits", "value", "gradient"))
    whole = Gradient(*(torch.cat(one)[:rows] for one in columns))
    missing = ~whole.gradient.isfinite().all(2).all(1) | blind
    if not bool(missing.any()):
        return whole
    if lenient:
        return whole._replace(gradient=whole.gradient.masked_fill(missing[:, None, None], 0), missing=missing)
    row = int(torch.nonzero(missing)[0, 0])
    raise ModelError(
        "the model's gradient is not finite",
        found=f"in row {row + 1} of a batch",
        fix="look for a division, a logarithm or a square root of zero inside (add a small number there), or "
        "use attacks that need no gradient (--attack genetic)",
    )


def slope(value: Tensor, inputs: Tensor) -> Tensor:
    """Gradient of a number. Raises ModelError where it does not depend on the inputs in a way torch can follow."""
    if not value.requires_grad:
        raise ModelError(
            "the model passes no gradient to its input",
            found="an arg-max, a rounding, detach() or no_grad() inside",
            fix=f"compute on the one-hot input itself (an embedding is a matrix product with it), or {BPDA}",
        )
    (found,) = torch.autograd.grad(value, inputs)
    return found


@contextmanager
def told() -> Iterator[None]:
    """What a stranger's module raises when a gradient is wanted, such as for leaving torch, told as a ModelError."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        if lacks_memory(error):
            raise
        raise ModelError(
            "the model fails when its gradient is taken",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            fix=BPDA,
        ) from error


def _pieces(encoded: Tensor, lengths: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(encoded), _AT_ONCE):
        yield encoded[start : start + _AT_ONCE], lengths[start : start + _AT_ONCE]


def blindness(function: Callable[[Tensor, Tensor], Tensor], encoded: Tensor, lengths: Tensor) -> Blindness | None:
    """What to say of a function whose gradient at its input is zero or cannot be had.

    Args:
        function: from one-hot input (m, K, L) and its lengths (m,) to logits.
        encoded, lengths: records to try.

    Returns:
        None where there is a gradient for any record.
    """
    lost = False
    for part, size in _pieces(encoded, lengths):
        points = part.clone().requires_grad_(True)
        try:
            with torch.enable_grad(), told():
                logits = function(points, size)
                weights = torch.arange(1.0, logits.shape[1] + 1, device=logits.device)
                found = slope((logits * weights).sum(), points)
        except ModelError as error:
            return Blindness(
                f"{error.problem} ({error.found}), so gradients cannot guide an attack. Attacks that need none go on: "
                f"every single edit is scored, all pairs of short records, decisions alone; or {BPDA}",
                absent=True,
            )
        except (RuntimeError, MemoryError) as error:  # who asks for gradients will hear of it
            if lacks_memory(error):
                return None
            raise
        if bool(found.nan_to_num().any()):
            return None
        lost = lost or bool(found.isnan().any())
    if not len(encoded):
        return None
    return Blindness(
        f"the gradient at the model's input is {'no number' if lost else 'exactly zero'} for every record tried, so it "
        f"cannot guide an attack; if there is a rounding, an arg-max or a look-up inside, {BPDA}; if outputs are "
        "saturated, give logits",
        absent=False,
    )
