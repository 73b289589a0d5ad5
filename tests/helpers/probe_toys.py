"""Models whose reliance is known, and records for them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.attacks import Problem, Shift, Untargeted, predictions
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Region, SequenceSet, Targets, Task
from seqrobust.threats import Budget, SubstitutionThreat


class Reads(nn.Module):
    """A linear model with weights (outputs, K, L); what it reads is where they are not zero."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.einsum("nkl,okl->no", encoded, self.weight)


def records(n: int, length: int, starts: list[int], width: int, seed: int = 0) -> SequenceSet:
    """Random DNA with a region ``core`` at those starts, one a record, in turn."""
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list("ACGT"), length)) for _ in range(n)]
    regions = [[Region("core", starts[i % len(starts)], starts[i % len(starts)] + width)] for i in range(n)]
    return SequenceSet.from_texts(texts, DNA, regions=regions)


def linear(length: int, read: slice, outputs: int, seed: int = 0) -> Reads:
    """Reads those positions alone."""
    weight = torch.zeros(outputs, 4, length)
    generator = torch.Generator().manual_seed(seed)
    weight[:, :, read] = torch.randn(weight[:, :, read].shape, generator=generator)
    return Reads(weight)


def problem_of(
    module: nn.Module, sequences: SequenceSet, task: Task, *, budgets: tuple[int, ...] = (1, 2), seed: int = 0
) -> Problem:
    """The clean predictions are the truth, so that every record is correctly classified."""
    predictor = Predictor(module, alphabet=DNA, task=task, device="cpu", scale="logits")
    tokens = torch.tensor(sequences.tokens)
    predictor.check(tokens)
    assert predictor.labels is not None
    with predictor.attached():
        values = predictions(task, predictor.logits(tokens)).numpy()
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=Targets(task=task, labels=predictor.labels, values=values),
        threat=SubstitutionThreat(budget=Budget(budgets[-1])),
        budgets=tuple(Budget(k) for k in budgets),
        goal=Shift(up=True, delta=1.0) if task == "regression" else Untargeted(),
        seed=seed,
        control_draws=3,
    )
