"""A guard against catastrophic overfitting of one-step training.

A model trained on one-step adversaries may learn, within an epoch, to mislead just these: accuracy under one step stays
or rises while accuracy under a stronger attack of the same budget collapses (Wong, Rice & Kolter 2020). What it looks
like at validation is a gap between the two that jumps. Where it does, training goes on with more steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS = 3
"""Inner gradients once the guard has spoken."""

JUMP = 0.1
"""How much wider than it ever was the gap must become."""

LEFT = 0.5
"""Which share of the score under one step must be lost under several."""


@dataclass(kw_only=True)
class Guard:
    """Scores of one-step training, epoch by epoch.

    Attributes:
        smallest: the narrowest gap so far; None before the first epoch.
        spoken: whether overfitting was found.
    """

    smallest: float | None = None
    spoken: bool = False

    def hears(self, one_step: float, several: float, records: int) -> bool:
        """Whether an epoch's scores show, for the first time, that one step is overfitted to.

        Args:
            one_step, several: accuracy (or R2) under one step and under the attack of validation.
            records: how many were scored; a gap counts only where it is wider than chance makes it, 1 / sqrt(records).
        """
        gap = one_step - several
        widest = max(JUMP, 1 / math.sqrt(max(records, 1)))
        jumped = self.smallest is not None and gap > self.smallest + widest
        self.smallest = gap if self.smallest is None else min(gap, self.smallest)
        if self.spoken or not jumped or not several < LEFT * one_step:
            return False
        self.spoken = True
        return True
