"""What stands around a module without being one: a step before it that has no derivative, and the other strand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ModelError

BPDA = (
    "wrap the step that has no derivative in seqrobust.models.StraightThrough(step), or name it with "
    "--preprocess file.py:function (BPDA, Athalye et al. 2018); or use what needs no gradient "
    "(--attack greedy_all,genetic; for attributions --methods ism,occlusion)"
)
"""What to do about a step that cuts the gradient off."""


class StraightThrough(nn.Module):
    """A step without a useful derivative, which takes its derivative from another function.

    Forwards it is the step, to the bit; backwards it is the substitute. This is the backward pass differentiable
    approximation of Athalye, Carlini and Wagner (2018, "Obfuscated gradients give a false sense of security", section
    4.1), and with the identity as substitute the straight-through estimator of Bengio et al. (2013). Without it a
    rounding, an arg-max or a look-up hides the model from attacks that need gradients, and the model looks robust.

    Args:
        forward: the step, from a tensor such as one-hot (N, K, L) to a tensor. It is called without gradients, and may
            leave torch for NumPy or Python.
        backward: a function that resembles the step and can be differentiated, called on the same tensor; its
            derivative stands for that of the step, its values are not used. None for the identity, where the step
            keeps the shape.

    Raises ModelError where step and substitute differ in shape.

    In a factory for ``--model file.py:factory``::

        class Quantised(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.quantise = StraightThrough(lambda x: torch.round(8 * x) / 8)
                self.inner = inner

            def forward(self, encoded):
                return self.inner(self.quantise(encoded))

    >>> x = torch.tensor([0.2, 0.9], requires_grad=True)
    >>> StraightThrough(torch.round)(x).tolist()
    [0.0, 1.0]
    >>> torch.autograd.grad(StraightThrough(torch.round, torch.square)(x).sum(), x)[0].tolist()
    [0.4000000059604645, 1.7999999523162842]
    """

    def __init__(self, forward: Callable[[Tensor], Tensor], backward: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.step = forward
        self.substitute = backward

    def forward(self, values: Tensor) -> Tensor:
        """The step's values, with the substitute's derivative."""
        with torch.no_grad():
            hard = self.step(values.detach().clone())  # Some steps change what they are given.
        if not torch.is_grad_enabled():
            return hard.to(values.dtype)
        soft = values if self.substitute is None else self.substitute(values)
        if soft.shape != hard.shape:
            raise ModelError(
                "a step and what stands for it in the backward pass differ in shape",
                expected=str(tuple(hard.shape)),
                found=str(tuple(soft.shape)),
                fix="give a differentiable function of the same shape as backward",
            )
        # The difference is exactly zero, so the value is the step's.
        return hard.to(soft.dtype) + (soft - soft.detach())


def reverse_complement(encoded: Tensor, lengths: Tensor | None, alphabet: Alphabet) -> Tensor:
    """(N, K, L) one-hot or relaxed input read from the other strand.

    Args:
        encoded: the input; zeros behind each record's end.
        lengths: (N,) letters of each record, which alone are reversed: what is behind stays there. None where all
            records fill the batch.
        alphabet: of nucleotides. Raises ConfigError for protein.
    """
    rows = alphabet.complement_table[: alphabet.size].tolist()
    if lengths is None or bool((lengths == encoded.shape[2]).all()):
        if rows == list(range(alphabet.size))[::-1]:
            return encoded.flip(1, 2)
        return encoded[:, rows].flip(2)
    place = torch.arange(encoded.shape[2], device=encoded.device)
    source = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    return encoded[:, rows].gather(2, source[:, None, :].expand_as(encoded))
