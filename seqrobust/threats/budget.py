"""Budgets: how much an adversary may change, as a count or as a share of what is editable."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import ThreatError

_LARGEST = 1_000_000
"""Longer than any record a model reads; beyond it, a budget is a slip of the keyboard."""

_MOST = 1_000
"""Budgets of one range: each is a point of the curve, and searched for."""


@dataclass(frozen=True, order=True)
class Budget:
    """A number of substitutions, or a percentage of each record's editable positions.

    Attributes:
        amount: the count, or the percentage.
        percent: whether ``amount`` is a percentage.

    >>> str(Budget.parse("2%")), Budget.parse("2%").counts(np.array([60, 3])).tolist()
    ('2%', [1, 0])
    """

    amount: float
    percent: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.amount) or self.amount < 0:
            raise ThreatError("a budget cannot be negative", expected="0 or more", found=str(self.amount))
        if self.percent and self.amount > 100:
            raise ThreatError("a budget cannot exceed 100 %", found=str(self))
        if self.amount > _LARGEST:
            raise ThreatError("a budget is too large", expected=f"at most {_LARGEST:,}", found=f"{self.amount:g}")
        if not self.percent and self.amount != int(self.amount):
            raise ThreatError("a budget is a whole number of substitutions", found=str(self.amount), fix="or give 2.5%")

    @classmethod
    def parse(cls, text: str | int) -> Budget:
        """From ``3`` or ``2%``. Raises ThreatError for anything else."""
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", str(text))
        if not match:
            raise ThreatError(
                "a budget cannot be read", expected="a count such as 3 or a share such as 2%", found=repr(text)
            )
        return cls(float(match[1]), percent=bool(match[2]))

    def amounts(self, editable: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) what may be spent on records with that many editable positions; a percentage rounds down."""
        # The small addition keeps 3 % of 100 at 3 where binary fractions would make it 2.
        raw = np.floor(editable * (self.amount / 100) + 1e-9) if self.percent else np.full(len(editable), self.amount)
        return raw.astype(np.int64)

    def counts(self, editable: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) substitutions allowed, cut to the editable positions."""
        return np.minimum(self.amounts(editable), editable)

    def __str__(self) -> str:
        return f"{self.amount:g}%" if self.percent else str(int(self.amount))


def parse_budgets(text: str | int) -> tuple[Budget, ...]:
    """Budgets in ascending order from ``3``, ``1..5``, ``1,2,8`` or ``1%,2%``.

    Raises ThreatError for an empty or descending range, or counts mixed with percentages.

    >>> [str(budget) for budget in parse_budgets("1..3")]
    ['1', '2', '3']
    """
    budgets: set[Budget] = set()
    for part in str(text).split(","):
        if span := re.fullmatch(r"\s*(\d+)\s*(?:\.\.|-)\s*(\d+)\s*", part):
            low, high = int(span[1]), int(span[2])
            if low > high:
                raise ThreatError("a range of budgets runs upwards", expected=f"{high}..{low}", found=part.strip())
            if high - low >= _MOST:
                raise ThreatError("a range holds too many budgets", expected=f"at most {_MOST}", found=part.strip())
            budgets.update(Budget(float(count)) for count in range(low, high + 1))
        else:
            budgets.add(Budget.parse(part))
    if len({budget.percent for budget in budgets}) > 1:
        raise ThreatError("counts and percentages cannot be mixed in one budget list", found=str(text))
    return tuple(sorted(budgets))
