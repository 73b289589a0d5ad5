"""A model and its explanation as one model, so that attacks can have goals about both.

Its outputs are, side by side, what the model says, the importance of every position, and which letter stands at every
position. The letters are there so that a goal, which sees outputs alone, can leave edited positions out of a
comparison: at an edited position an explanation has every reason to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seqrobust.analysis.attribution.explained import explain
from seqrobust.analysis.stability.profiles import PROFILES, Profile
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of


class Parts(NamedTuple):
    """Outputs of an explained model taken apart.

    Attributes:
        logits: (M, outputs) of the model.
        importance: (M, L) never negative.
        letters: (M, L) a code of each position's letter, 0 where it is unknown or there is none.
    """

    logits: Tensor
    importance: Tensor
    letters: Tensor


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What stands where among the outputs of an explained model.

    Attributes:
        task: of the model itself.
        outputs: how many logits it gives.
        output: which value of a regression is explained.
    """

    task: Task
    outputs: int
    output: int = 0

    def parts(self, matrix: Tensor) -> Parts:
        """Of (M, outputs + 2 L) outputs."""
        width = (matrix.shape[1] - self.outputs) // 2
        logits, importance, letters = torch.split(matrix, [self.outputs, width, width], dim=1)
        return Parts(logits, importance, letters)


class ExplainedModel(nn.Module):
    """From one-hot (M, K, L) to (M, outputs + 2 L): see the head of this module, and :class:`Layout`.

    Args:
        predictor: the model, attached wherever this one is.
        profile: the attribution. What it explains of a record is what is predicted of it, as in
            :func:`~seqrobust.analysis.attribution.explained.explain`.
        output: name of the output explained instead; None for that.
    """

    def __init__(self, predictor: Predictor, profile: Profile, output: str | None = None) -> None:
        super().__init__()
        self.inner = predictor.module
        self._predictor, self._profile, self._output = predictor, profile, output

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The outputs; differentiable where the input asks for it."""
        wanted = torch.is_grad_enabled() and encoded.requires_grad
        asked = self._predictor
        sizes = torch.full((len(encoded),), encoded.shape[2], device=encoded.device) if lengths is None else lengths
        with torch.enable_grad():
            points = encoded if wanted else encoded.detach().requires_grad_(True)
            logits = asked.differentiable(points, sizes)
            weights = explain(asked, logits.detach(), self._output).weights.to(logits.device)

            def gradients(place: Tensor) -> Tensor:
                there = logits if place is points else asked.differentiable(place, sizes)
                (found,) = torch.autograd.grad((there * weights).sum(), place, create_graph=wanted)
                return found

            importance = self._profile(points, gradients)
        codes = torch.arange(1.0, encoded.shape[1] + 1, device=encoded.device) / (encoded.shape[1] + 1)
        joined = torch.cat([logits, importance, torch.einsum("k,mkl->ml", codes, points)], dim=1)
        return joined if wanted else joined.detach()


class ExplainedPredictor(Predictor):
    """A predictor of what another one says and of its explanation.

    Args:
        plain: the other one, checked.
        method: a name in :data:`~seqrobust.analysis.stability.profiles.PROFILES`.
        output: name of the output explained; None for what is predicted.

    Attributes:
        plain: the other one.
        method: the name.
        layout: of the outputs.

    Raises ConfigError for another method. Before it is asked anything it has to be checked on records of the width at
    which it will be asked.
    """

    def __init__(self, plain: Predictor, method: str, output: str | None = None) -> None:
        if method not in PROFILES:
            known = ", ".join(PROFILES)
            raise ConfigError("an explanation that no search can follow", expected=known, found=repr(method))
        super().__init__(
            ExplainedModel(plain, PROFILES[method], output),
            alphabet=plain.alphabet,
            # To the driver the outputs are so many numbers; what they mean is the goal's affair.
            task="regression",
            unknown=plain.unknown,
            device=str(plain.device),
            batch_size=plain.batch_size,
        )
        self.plain, self.method = plain, method
        shifted = 0 if output is None or not task_of(plain.task).measured else (plain.labels or ()).index(output)
        self.layout = Layout(task=plain.task, outputs=plain.outputs, output=shifted)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """See :meth:`Predictor.attached`."""
        with self.plain.attached(), super().attached():
            yield

    @contextmanager
    def fresh_draws(self, number: int = 0) -> Iterator[None]:
        """See :meth:`Predictor.fresh_draws`."""
        with self.plain.fresh_draws(number), super().fresh_draws(number):
            yield

    def check(self, tokens: Tensor) -> None:
        """See :meth:`Predictor.check`. What there is to say of the model has been said of the plain one."""
        super().check(tokens)
        self.notices.clear()
