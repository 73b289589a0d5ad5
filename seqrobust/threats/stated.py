"""The substitution threat as a user states it: budget, regions, letters, constraints. Bound to records it becomes sets.

The sets and the closed form on them are in :mod:`seqrobust.threats.substitution`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.budget import Budget
from seqrobust.threats.constraints.base import BoundConstraint, Constraint
from seqrobust.threats.constraints.conjunction import AllOf
from seqrobust.threats.letters import switch_costs
from seqrobust.threats.substitution import EDITABLE, OUTSIDE, PADDING, PROTECTED, UNKNOWN, BoundThreat, bind


@dataclass(frozen=True, kw_only=True)
class SubstitutionThreat:
    """What an adversary may do to any record.

    Attributes:
        budget: how many substitutions, or what share of the editable positions.
        protect: names of regions that may not change.
        only: names of regions outside which nothing may change; empty for everywhere.
        letters: rule for permitted letters and costs, see :func:`seqrobust.threats.letters.switch_costs`.
        constraints: what an edited sequence must still look like; see :mod:`seqrobust.threats.constraints`.
    """

    budget: Budget
    protect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    letters: str = "any"
    constraints: tuple[Constraint, ...] = ()

    def blocked(self, sequences: SequenceSet) -> NDArray[np.uint8]:
        """(N, L) why each position may not change, :data:`EDITABLE` where it may.

        Raises ThreatError for a region name that no record has.
        """
        tokens, alphabet = sequences.tokens, sequences.alphabet
        reason = self.closed(sequences)
        reason[tokens == alphabet.unknown] = UNKNOWN
        reason[tokens == alphabet.padding] = PADDING
        return reason

    def closed(self, sequences: SequenceSet) -> NDArray[np.uint8]:
        """(N, L) the reasons that regions are, known letters or not.

        Raises ThreatError for a region name that no record has.
        """
        shape = (len(sequences), sequences.width)
        reason = np.full(shape, EDITABLE, np.uint8)
        if self.only:
            reason[~sequences.regions.cover(self.only, shape)] = OUTSIDE
        if self.protect:
            reason[sequences.regions.cover(self.protect, shape)] = PROTECTED
        return reason

    def editable(self, sequences: SequenceSet) -> NDArray[np.bool_]:
        """(N, L) True where a position may change."""
        editable: NDArray[np.bool_] = self.blocked(sequences) == EDITABLE
        return editable

    def switches(self, alphabet: Alphabet) -> NDArray[np.bool_]:
        """(K, K) True where the row's letter may become the column's."""
        permitted: NDArray[np.bool_] = np.isfinite(self.costs(alphabet))
        return permitted

    def costs(self, alphabet: Alphabet) -> NDArray[np.float64]:
        """(K, K) what switching the row's letter for the column's costs, infinity where it may not be."""
        return switch_costs(self.letters, alphabet)

    def positions(self, blocked: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(N,) positions that may change, which a budget in per cent is a share of, from (N, L) :meth:`blocked`."""
        return np.asarray((blocked == EDITABLE).sum(1), np.int64)

    def constraint_on(self, sequences: SequenceSet, device: torch.device | str) -> BoundConstraint | None:
        """All the constraints, on those records; None where there is none."""
        return None if not self.constraints else AllOf(parts=self.constraints).bind(sequences, device)

    def counts(self, editable: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(N,) the budget of each record, from its (N, L) editable positions."""
        return self.budget.counts(editable.sum(1).astype(np.int64))

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundThreat:
        """The threat on those records, as tensors on a device. Raises ThreatError as :meth:`blocked` does."""
        blocked = self.blocked(sequences)
        costs = self.costs(sequences.alphabet)
        units, unit = _whole_costs(costs)
        editable = self.positions(blocked)
        if unit is None:
            budget = self.budget.counts(editable)
        else:
            # More than the dearest switch everywhere cannot be spent; the bound keeps the knapsack's tables small.
            spendable = editable * int(units.max())
            budget = np.minimum(np.floor(self.budget.amounts(editable) / unit + 1e-9).astype(np.int64), spendable)
        bound = bind(
            torch.tensor(sequences.tokens).to(device),
            torch.from_numpy(blocked == EDITABLE).to(device),
            torch.from_numpy(np.isfinite(costs)).to(device),
            torch.from_numpy(budget).to(device),
            units=None if unit is None else torch.from_numpy(units).to(device),
            unit=1.0 if unit is None else unit,
            blocked=torch.from_numpy(blocked).to(device),
        )
        return replace(bound, constraint=self.constraint_on(sequences, device))

    def describe(self) -> str:
        """In words, as a sentence's part."""
        words = [f"at most {self.budget} substitution" + ("" if str(self.budget) == "1" else "s")]
        if self.budget.percent:
            words = [f"substitutions at no more than {self.budget} of the editable positions"]
        if self.only:
            words.append(f"within {', '.join(self.only)} only")
        if self.protect:
            words.append(f"outside {', '.join(self.protect)}")
        if self.letters != "any":
            words.append(f"letters by the rule {self.letters}")
        words += [constraint.describe() for constraint in self.constraints]
        return ", ".join(words)


def _whole_costs(costs: NDArray[np.float64]) -> tuple[NDArray[np.int64], float | None]:
    """Costs as whole multiples of the largest unit that divides them all (-1 = forbidden); no unit where all are 1."""
    finite = costs[np.isfinite(costs) & (costs > 0)]
    thousandths = np.round(finite * 1000).astype(np.int64)
    if finite.size == 0 or (finite == 1).all():
        return np.where(np.isfinite(costs), costs, -1).astype(np.int64), None
    if (np.abs(finite * 1000 - thousandths) > 1e-6).any() or (thousandths == 0).any():
        raise ThreatError("costs are multiples of 0.001", found=", ".join(map(str, np.unique(finite)[:5])))
    unit = int(np.gcd.reduce(thousandths))
    whole = np.where(np.isfinite(costs), np.round(np.where(np.isfinite(costs), costs, 0) * 1000 / unit), -1)
    return whole.astype(np.int64), unit / 1000
