"""A problem and what came of it: values that no search and no model changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.attacks.goals import Goal
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.threats import Budget, SubstitutionThreat

_SHARD_CELLS = 1 << 24
"""Records times letters times positions of a shard. A shard is also what a resumed run repeats, so its size depends on
the data alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Everything an attack is about, and nothing about how it searches.

    Attributes:
        predictor: the model, checked.
        sequences: the records.
        targets: what is true of them; None for unlabelled records, whose clean prediction then stands for the truth.
        threat: what may change; its own budget is not used.
        budgets: ascending.
        goal: what the adversary wants.
        seed: of every random choice.
        control_draws: random sequences of the same size scored beside each record and budget.
        search_on: go on after a goal is reached, to the sequence on which the model is most wrong.
        source: the problem about sequences that this one about columns stands for; see :mod:`seqrobust.attacks.coded`.
    """

    predictor: Predictor
    sequences: SequenceSet
    targets: Targets | None
    threat: SubstitutionThreat
    budgets: tuple[Budget, ...]
    goal: Goal
    seed: int = 0
    control_draws: int = 10
    search_on: bool = False
    source: Problem | None = None

    @property
    def plain(self) -> Problem:
        """The problem whose predictor and records are of sequences."""
        return self.source or self

    def shards(self) -> list[NDArray[np.int64]]:
        """Record numbers, shard by shard."""
        cells = max(self.sequences.width * self.sequences.alphabet.size, 1)
        size = int(np.clip(_SHARD_CELLS // cells, 8, 128))
        return [np.arange(i, min(i + size, len(self.sequences))) for i in range(0, len(self.sequences), size)]


@dataclass(frozen=True, kw_only=True, eq=False)
class ShardRun:
    """What came of n records under B budgets.

    Attributes:
        targets: (n,) or (n, T) the truth the goal was measured against.
        attackable: (n,) whether a record was attacked at all.
        clean: (n, outputs) logits.
        tokens: (n, B, L) best sequences found.
        logits: (n, B, outputs) of those, by a plain forward pass.
        reached: (n, B) whether the goal is reached there.
        objective: (n, B) the goal's value there.
        attack: (n, B) index of the attack that found it; -1 where the sequence is the clean one.
        budgets: (n, B) int64 what each record might spend, in units of the threat.
        forwards, gradients: (n, B) spent on the record until that budget was answered, smaller budgets included, the
            random control and the final re-scoring not.
        searched: (n, B) False where no search scored anything but the clean sequence though there is more in the set,
            so that nothing was found means nothing.
        editable: (n, B) whether the set holds any other sequence than the clean one; where not, nothing is tested.
        control: (n, B, draws) objective of random sequences; NaN for records not attacked.
        control_reached: (n, B, draws) whether they reach the goal.
        control_least: (n, B) the largest of those objectives, less what rounding may add to it; NaN for records not
            attacked and for random models, on whose luck nothing can be based.
        stops: whether the search of a record ended where its goal was reached.
        exact: (n, B) whether the goal is reached, or every member of the record's set was scored, so none does; False
            of random models.
        lost: (n,) whether the model's output for some edited sequence was no number; such are never reported.
        no_gradient: (n,) whether a gradient was wanted that is not there or no number; zeros stood for it.
        unsteady: (n,) whether the unedited sequence, right at first, is wrong when the model is asked again.
        over_draws: (n, B) share of several sets of draws on which the goal is reached; NaN unless the model is random.
        flat: (n,) share of the single edits that were scored that do nothing to the objective, up to rounding.
    """

    targets: Tensor
    attackable: Tensor
    clean: Tensor
    tokens: Tensor
    logits: Tensor
    reached: Tensor
    objective: Tensor
    attack: Tensor
    budgets: Tensor
    forwards: Tensor
    gradients: Tensor
    searched: Tensor
    editable: Tensor
    control: Tensor
    control_reached: Tensor
    control_least: Tensor
    stops: bool
    exact: Tensor
    lost: Tensor
    no_gradient: Tensor
    unsteady: Tensor
    over_draws: Tensor
    flat: Tensor

    @property
    def control_ahead(self) -> Tensor:
        """(n, B) bool: a random draw reaches the goal where the search does not, or comes nearer to it.

        A search that is outdone by lot has not shown what the model withstands.
        """
        known = ~self.control_least.isnan()
        only = self.control_reached.any(2) & ~self.reached
        compared = ~self.reached if self.stops else torch.ones_like(self.reached)
        return known & (only | (compared & (self.control_least > self.objective)))
