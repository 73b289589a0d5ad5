"""Goals about explanations: one that moves while the prediction stays, one that stays while the prediction flips.

The two together say whether an explanation can be believed. If it can be moved without touching the prediction, it
shows more than the model goes by; if the prediction can be flipped without touching it, it shows less (Ghorbani, Abid &
Zou 2019, "Interpretation of neural networks is fragile"; Heo, Joo & Moon 2019, "Fooling neural network interpretations
via adversarial model manipulation").

Similarity is Pearson's correlation of importances over positions that are known and not edited. Its largest value is at
the clean sequence itself, so there its gradient is zero, and in a network of rectifiers it is nearly zero everywhere
(Dombrowski et al. 2019, "Explanations can be manipulated and geometry is to blame"): exact scores of edits have to
carry the search.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.analysis.stability.explained import Layout, Parts
from seqrobust.analysis.stability.settings import CHANGED_BELOW, KEPT_ABOVE, KEPT_LEAD
from seqrobust.attacks.goals import BoundGoal, predictions, true_margin
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of

_APART = 1e-3
"""Codes of letters differ by at least 1 / (K + 1); less than this is rounding."""
_OUT = 2.0
"""More than two correlations can differ by: no sequence that breaks the condition beats one that keeps it."""


def correlation(one: Tensor, other: Tensor, compared: Tensor) -> Tensor:
    """(M,) Pearson's, over the (M, L) bool positions ``compared``; 0 where either does not vary there."""
    weight = compared.to(one.dtype)
    count = weight.sum(1, keepdim=True).clamp(min=1)
    one = (one - (one * weight).sum(1, keepdim=True) / count) * weight
    other = (other - (other * weight).sum(1, keepdim=True) / count) * weight
    squares = (one * one).sum(1) * (other * other).sum(1)
    varies = squares > torch.finfo(one.dtype).tiny
    return (one * other).sum(1) * varies / torch.where(varies, squares, 1.0).sqrt()


def slack(task: Task, logits: Tensor, clean: Tensor, predicted: Tensor, kept_lead: float, tolerance: Tensor) -> Tensor:
    """(M,) how far inside its bounds a prediction is: never negative where it counts as kept.

    Args:
        task: of the model.
        logits, clean: (M, outputs) of the edited and of the clean sequence.
        predicted: what is predicted of the clean one, as targets of the task.
        kept_lead: share of the clean margin that has to be left.
        tolerance: (outputs,) by how much the values of a regression may move.
    """
    if task_of(task).measured:
        return (1 - (logits - clean).abs() / tolerance).amin(1)
    margin = true_margin(task, clean, predicted)
    return true_margin(task, logits, predicted) / margin.clamp(min=torch.finfo(margin.dtype).tiny) - kept_lead


@dataclass(frozen=True, kw_only=True)
class _Explained:
    """What both goals know of N records: the clean outputs, and where explanations can be compared."""

    layout: Layout
    clean: Parts
    predicted: Tensor
    attackable: Tensor

    def similarity(self, parts: Parts, rows: Tensor) -> Tensor:
        """(M,) correlation with the clean explanation."""
        letters = self.clean.letters[rows]
        compared = (letters > _APART) & ((parts.letters.detach() - letters).abs() < _APART)
        return correlation(parts.importance, self.clean.importance[rows], compared)


@dataclass(frozen=True, kw_only=True)
class _Change(_Explained):
    threshold: float
    kept_lead: float
    tolerance: Tensor
    stops: bool = False

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        parts = self.layout.parts(logits)
        left = self._slack(parts, rows)
        # Outside, how far outside comes first and the explanation second.
        return 1 - self.similarity(parts, rows) - torch.where(left >= 0, torch.zeros_like(left), _OUT - left)

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.objective(logits, rows)[:, None]

    def sizes(self, logits: Tensor, rows: Tensor) -> Tensor:
        # Correlations are of order one; far outside its bounds, the distance from them rules.
        return self.ways(logits, rows).abs().clamp(min=1)

    def reached(self, objective: Tensor) -> Tensor:
        return objective > 1 - self.threshold

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        parts = self.layout.parts(logits)
        same = task_of(self.layout.task).attackable(parts.logits, self.predicted[rows])
        return same & (self._slack(parts, rows) >= 0) & (self.similarity(parts, rows) < self.threshold)

    def _slack(self, parts: Parts, rows: Tensor) -> Tensor:
        clean = self.clean.logits[rows]
        return slack(self.layout.task, parts.logits, clean, self.predicted[rows], self.kept_lead, self.tolerance)


@dataclass(frozen=True, kw_only=True)
class _Keep(_Explained):
    threshold: float
    delta: float
    stops: bool = True

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.ways(logits, rows).amax(1)

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        parts = self.layout.parts(logits)
        surplus = self.similarity(parts, rows) - self.threshold
        return torch.minimum(self._flips(parts.logits, rows), surplus[:, None])

    def sizes(self, logits: Tensor, rows: Tensor) -> Tensor:
        # The likeness is of order one, and so are flips, in units of the clean lead, where they matter.
        return self.ways(logits, rows).nan_to_num(neginf=0).abs().clamp(min=1)

    def reached(self, objective: Tensor) -> Tensor:
        return objective >= 0

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        parts = self.layout.parts(logits)
        predicted = self.predicted[rows]
        if task_of(self.layout.task).measured:
            flipped = (self._flips(parts.logits, rows) >= 0).any(1)
        else:
            flipped = ~task_of(self.layout.task).right(parts.logits, predicted)
        return flipped & (self.similarity(parts, rows) >= self.threshold)

    def _flips(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(M, W) how far past a flip, by rival class, label or direction, -1 at the clean sequence or below."""
        task, clean, predicted = self.layout.task, self.clean.logits[rows], self.predicted[rows]
        if task_of(task).measured:
            moved = (logits - clean)[:, self.layout.output] / self.delta
            return torch.stack([moved, -moved], dim=1) - 1
        margin = true_margin(task, clean, predicted).clamp(min=torch.finfo(clean.dtype).tiny)[:, None]
        if task_of(task).independent:
            return logits * (1 - 2 * predicted) / margin
        scores = task_of(task).class_logits(logits)
        own = torch.nn.functional.one_hot(predicted, scores.shape[1]).bool()
        return ((scores - scores[own][:, None]) / margin).masked_fill(own, -torch.inf)


def _bound(layout: Layout, clean: Tensor, targets: Tensor) -> dict[str, object]:
    parts = layout.parts(clean)
    known = parts.letters > _APART
    varies = correlation(parts.importance, parts.importance, known) > 0.5
    right = task_of(layout.task).attackable(parts.logits, targets)
    return {
        "layout": layout,
        "clean": parts,
        "predicted": predictions(layout.task, parts.logits),
        "attackable": varies & right,
    }


@dataclass(frozen=True, kw_only=True)
class ChangeExplanation:
    """Another explanation for the same prediction; the search goes on to the largest change it finds.

    Attributes:
        layout: of the explained model's outputs.
        threshold: correlation with the clean explanation below which it counts as changed.
        kept_lead: share of the predicted class's margin that has to be left: 0 for the same class and nothing more.
        tolerance: by how much each value of a regression may move.
    """

    layout: Layout
    threshold: float = CHANGED_BELOW
    kept_lead: float = KEPT_LEAD
    tolerance: tuple[float, ...] = ()

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`~seqrobust.attacks.goals.Goal`; targets are those of the model itself. Records that it reads
        wrongly, and those whose explanation is the same at every position, are not attacked."""
        return _Change(
            **_bound(self.layout, clean, targets),  # type: ignore[arg-type]
            threshold=self.threshold,
            kept_lead=self.kept_lead,
            tolerance=torch.tensor(self.tolerance, dtype=clean.dtype, device=clean.device),
        )

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        return f"an explanation that correlates below {self.threshold:g} with the clean one, the prediction kept"


@dataclass(frozen=True, kw_only=True)
class KeepExplanation:
    """Another prediction with the same explanation.

    Attributes:
        layout: of the explained model's outputs.
        threshold: correlation with the clean explanation from which it counts as the same.
        delta: shift of a regression's value that counts as another prediction.
    """

    layout: Layout
    threshold: float = KEPT_ABOVE
    delta: float = 1.0

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :meth:`ChangeExplanation.bind`."""
        return _Keep(**_bound(self.layout, clean, targets), threshold=self.threshold, delta=self.delta)  # type: ignore[arg-type]

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        return f"another prediction whose explanation correlates at least {self.threshold:g} with the clean one"
