"""Several models as one, whose logits are the mean of theirs: what fools them all fools others the more often.

One attack on an ensemble transfers better than attacks on its members (Liu et al. 2017), and better by the mean of
logits than by that of probabilities or losses (Dong et al. 2018). A model whose logits are large would speak for all,
so each member's are first brought to one spread.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Task
from seqrobust.tasks import task_of

_MOST = 1024
"""Records from which a spread is learned."""


class MeanOfModels(nn.Module):
    """The mean of several predictors' logits, each at the same spread.

    Args:
        predictors: checked; none is a misfit (see :func:`misfit`).
        labels: the order of the mean's outputs.
        spreads: of each one's logits, positive; the mean logits have the mean spread, so that they keep their units.
    """

    def __init__(self, predictors: Sequence[Predictor], labels: Sequence[str], spreads: Sequence[float]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(predictor.module for predictor in predictors)
        self._members = [(predictor, *_order(labels, predictor)) for predictor in predictors]
        self._weights = [sum(spreads) / len(spreads) / spread for spread in spreads]

    def forward(self, encoded: Tensor) -> Tensor:
        """(N, outputs) of (N, K, L) one-hot or relaxed records without padding."""
        rows, length = len(encoded), encoded.shape[2]
        said = [
            sign * weight * predictor.function(rows, length)(encoded)[:, columns]
            for (predictor, sign, columns), weight in zip(self._members, self._weights, strict=True)
        ]
        return torch.stack(said).mean(0)


def ensemble(model: Predictor, members: Sequence[Predictor], tokens: Tensor) -> Predictor:
    """A predictor of the mean of several, with the task and labels of a model that it may stand for.

    Args:
        model: checked.
        members: checked; none is a misfit (see :func:`misfit`).
        tokens: (M, L) records, from which the spread of each one's logits is learned.

    Raises ModelError for a member that fails on the records.
    """
    some = tokens[torch.linspace(0, len(tokens) - 1, min(len(tokens), _MOST)).long()]
    spreads = []
    for predictor in members:
        with predictor.attached():
            spreads.append(spread(model.task, predictor.logits(some)))
    made = Predictor(
        MeanOfModels(members, model.labels or (), spreads),
        alphabet=model.alphabet,
        task=model.task,
        labels=model.labels,
        unknown=model.unknown,
        device=str(model.device),
        batch_size=min(predictor.batch_size for predictor in members),
        scale="logits",
    )
    made.target_spread, made.target_range = model.target_spread, model.target_range
    made.check(some[:64])
    return made


def spread(task: Task, logits: Tensor) -> float:
    """How large (M, outputs) logits are where it matters: the root mean square of what the classes of a record differ
    by from their mean, of the distance from zero (binary, multilabel), or the standard deviation of a regression's
    values. 1 where that is nothing.
    """
    found = float(task_of(task).centred(logits).double().square().mean().sqrt())
    return found if found > 0 else 1.0


def misfit(model: Predictor, other: Predictor) -> str | None:
    """Why a predictor cannot be averaged with others in place of a model, in words; None where it can."""
    if other.stochastic:
        return "its outputs are random"
    if model.task != other.task:
        return f"its task is {other.task}, not {model.task}"
    mine, theirs = model.labels or (), other.labels or ()
    if len(mine) != len(theirs) or (not task_of(model.task).measured and set(mine) != set(theirs)):
        return f"its labels are {', '.join(theirs)}"
    return None if model.unknown == other.unknown else f"it reads unknown letters as {other.unknown}"


def columns_by_name(labels: Sequence[str], others: Sequence[str]) -> list[int]:
    """Another model's outputs in the order of these labels; as they stand where it calls them otherwise."""
    return [others.index(name) for name in labels] if set(labels) == set(others) else list(range(len(others)))


def _order(labels: Sequence[str], other: Predictor) -> tuple[float, list[int]]:
    """Sign and columns by which the other's logits become those of the labels."""
    theirs = other.labels or ()
    if task_of(other.task).two_sided:
        return (1.0 if tuple(labels) == theirs else -1.0), [0]
    return 1.0, columns_by_name(labels, theirs)
