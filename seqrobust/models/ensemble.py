"""Several models as one, and how far they disagree: deep ensembles, and dropout that stays on.

Members trained from different seeds agree where the data decide and differ elsewhere (Lakshminarayanan, Pritzel &
Blundell 2017, "Simple and scalable predictive uncertainty estimation using deep ensembles"); dropout that stays on
draws from many thinned copies of one model (Gal & Ghahramani 2016, "Dropout as a Bayesian approximation"). What varies
between members is uncertainty.

An ensemble for ``--model file.py:factory``::

    from seqrobust.models import ensemble_of

    def factory():
        return ensemble_of(["runs/seed1/model.ckpt", "runs/seed2/model.ckpt", "runs/seed3/model.ckpt"])
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from seqrobust.errors import ModelError
from seqrobust.models.architectures.base import SequenceModel
from seqrobust.models.checkpoint import ModelCard, load_checkpoint
from seqrobust.models.outputs import as_logits
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of

Average = Literal["logits", "probabilities"]
"""What the mean of an ensemble is taken of."""

Wrapper = TypeVar("Wrapper", bound="MonteCarloDropout")


class Ensemble(nn.Module):
    """The mean of several models of one task, as logits.

    Args:
        members: modules from one-hot (N, K, L) and lengths (N,) or None to logits (N, outputs).
        task: of all members.
        average: ``logits``; or ``probabilities``, whose mean is turned back to logits.

    Raises ModelError for no member, and for probabilities of a regression.
    """

    def __init__(self, members: Sequence[nn.Module], *, task: Task, average: Average = "logits") -> None:
        super().__init__()
        if not members:
            raise ModelError("an ensemble has members", expected="one or more", found="none")
        if average not in get_args(Average) or (average == "probabilities" and task_of(task).measured):
            raise ModelError(
                "an ensemble cannot average this",
                expected="logits" if task_of(task).measured else ", ".join(get_args(Average)),
                found=f"{average} of a {task}",
            )
        self.members = nn.ModuleList(members)
        self.task: Task = task
        self.average: Average = average

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, outputs) logits, or values of a regression; see :class:`~seqrobust.models.SequenceModel`."""
        logits = self.each(encoded, lengths)
        if self.average == "logits":
            return logits.mean(0)
        mean = probabilities(logits, self.task).mean(0)
        return as_logits(mean, self.task, "probabilities")

    def each(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(members, N, outputs) of every member."""
        return torch.stack([member(encoded, lengths) for member in self.members])

    def uncertainty(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, outputs) how far the members differ: see :func:`spread`."""
        return spread(self.each(encoded, lengths), self.task)


class MonteCarloDropout(nn.Module):
    """A model whose dropout stays on in evaluation: each call is a draw.

    The predictor notices that it is random, and averages over draws (``--samples``).

    Raises ModelError for a model without a layer of dropout, whose draws would all be alike; dropout by a function is
    not seen.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        if not any(isinstance(part, _DropoutNd) and part.p > 0 for part in inner.modules()):
            raise ModelError(
                "the model has no dropout that could stay on",
                expected="a layer of dropout of a rate above 0",
                found=type(inner).__name__,
                fix="make an ensemble of models trained from several seeds",
            )
        self.inner = inner
        self.train(self.training)

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(N, outputs) of one draw, from torch's current generator."""
        out: Tensor = self.inner(encoded, lengths)
        return out

    def train(self: Wrapper, mode: bool = True) -> Wrapper:
        """Training or evaluation mode of everything but dropout, which stays on."""
        super().train(mode)
        for part in self.modules():
            if isinstance(part, _DropoutNd):
                part.training = True
        return self

    def uncertainty(self, encoded: Tensor, lengths: Tensor | None, *, task: Task, draws: int) -> Tensor:
        """(N, outputs) how far so many draws differ: see :func:`spread`. Raises ModelError for fewer than one draw."""
        if draws < 1:
            raise ModelError("uncertainty is over at least one draw", found=f"{draws} draws")
        return spread(torch.stack([self(encoded, lengths) for _ in range(draws)]), task)


def probabilities(logits: Tensor, task: Task) -> Tensor:
    """Of logits (..., outputs); of a binary task, that of the positive class."""
    return task_of(task).probabilities(logits)


def spread(logits: Tensor, task: Task) -> Tensor:
    """(N, outputs) standard deviation over the first axis of (members, N, outputs), of the population of members.

    Of probabilities; of values for a regression, in the units of its targets.
    """
    return task_of(task).comparable(logits).std(0, correction=0)


def ensemble_of(paths: Sequence[str | os.PathLike[str]], *, average: Average = "logits") -> Ensemble:
    """The ensemble of several checkpoints of this package, on the CPU and in evaluation mode.

    Args:
        paths: of ``model.ckpt`` files; relative ones start in the working folder.
        average: see :class:`Ensemble`.

    Raises ModelError for no path, a checkpoint that cannot be read, and members that differ in alphabet, task, labels
    or encoding of unknown letters.
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    loaded = [load_checkpoint(Path(path)) for path in paths]
    if not loaded:
        raise ModelError("an ensemble has members", expected="paths of checkpoints", found="none")
    members: list[SequenceModel] = [module for module, _ in loaded]
    cards = [card for _, card in loaded]
    for path, card in zip(paths, cards, strict=True):
        _check_alike(cards[0], card, str(path))
    return Ensemble(members, task=cards[0].task, average=average).eval()


def _check_alike(first: ModelCard, other: ModelCard, where: str) -> None:
    for name in ("alphabet", "task", "labels", "unknown"):
        expected, found = getattr(first, name), getattr(other, name)
        if expected != found:
            raise ModelError(
                f"the members of an ensemble differ in {name}",
                expected=str(getattr(expected, "name", expected)),
                found=str(getattr(found, "name", found)),
                where=where,
                fix="train all members on the same data",
            )
