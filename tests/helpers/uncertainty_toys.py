"""Small models and studies of uncertainty whose answers are known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.uncertainty import (
    Mean,
    Panel,
    SideBySide,
    Study,
    predictor_of,
)
from seqrobust.analysis.uncertainty.members import Scorer
from seqrobust.attacks import Shift, Untargeted, attacks_named
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets, Task
from seqrobust.threats import Budget, SubstitutionThreat

LENGTH = 12


class Letters(nn.Module):
    """Logits linear in the one-hot input."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        return torch.einsum("nkl,okl->no", encoded, self.weight)


def linear(outputs: int, seed: int) -> Letters:
    return Letters(torch.randn(outputs, 4, LENGTH, generator=torch.Generator().manual_seed(seed)))


class CountsG(Scorer):
    """Suspicious of every G."""

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        return encoded[:, 2].sum(1)


def texts(n: int, seed: int = 0, letters: str = "ACGT") -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), LENGTH)) for _ in range(n)]


def study_of(
    members: list[nn.Module],
    outputs: int,
    *,
    task: Task = "classification",
    scorers: dict[str, Scorer] | None = None,
    letters: str = "ACGT",
    budgets: tuple[int, ...] = (1, 3),
    n: int = 24,
) -> Study:
    """A study whose targets are the clean predictions, of records of those letters."""
    sequences = SequenceSet.from_texts(texts(n, 1, letters), DNA)
    labels = tuple(f"c{i}" for i in range(outputs))
    like = Predictor(members[0], alphabet=DNA, task=task, labels=labels, device="cpu", scale="logits")
    like.check(torch.tensor(sequences.tokens))
    predictor = predictor_of(Mean(members), like)
    extra = scorers or {}
    panel = Panel(task=task, members=len(members), outputs=outputs, scores=tuple(extra))
    columns = predictor_of(SideBySide(members, list(extra.values())), like, columns=len(members) * outputs + len(extra))
    for one in (predictor, columns):
        one.check(torch.tensor(sequences.tokens))
    with predictor.attached():
        logits = predictor.logits(torch.tensor(sequences.tokens))
    several = (logits > 0).float() if task == "multilabel" else logits
    values = several.numpy() if task in ("regression", "multilabel") else logits.argmax(1).numpy()
    return Study(
        predictor=predictor,
        columns=columns,
        panel=panel,
        sequences=sequences,
        targets=Targets(task=task, labels=labels, values=values),
        calibration=SequenceSet.from_texts(texts(80, 2, letters), DNA),
        threat=SubstitutionThreat(budget=Budget(amount=budgets[-1])),
        budgets=tuple(Budget(amount=k) for k in budgets),
        goal=Shift(up=True, delta=1.0) if task == "regression" else Untargeted(),
        attacks=attacks_named(("one_step", "discrete_pgd_5", "exchange")),
    )
