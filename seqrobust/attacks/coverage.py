"""Whether attacks can search a problem at all, found out before the run rather than reported as robustness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqrobust.attacks.problem import Problem
from seqrobust.attacks.search import Attack
from seqrobust.attacks.searches.exhaustive import Exhaustive
from seqrobust.errors import ConfigError


def require_coverage(problem: Problem, attacks: Sequence[Attack]) -> None:
    """Raise ConfigError where exhaustive search is all there is, and passes over every record at some budget."""
    exhaustive = [attack for attack in attacks if isinstance(attack, Exhaustive)]
    if not exhaustive or len(exhaustive) < len(attacks) or not len(problem.sequences):
        return
    largest = max(exhaustive, key=lambda attack: attack.limit)
    for budget in problem.budgets:
        covered, smallest = False, np.inf
        for records in problem.shards():
            threat = replace(problem.threat, budget=budget).bind(problem.sequences.take(records))
            covered = covered or bool(largest.covers(threat).any())
            smallest = min(smallest, float(threat.log_size().min()))
        if not covered:
            raise ConfigError(
                "exhaustive search covers no record at this budget",
                expected=f"at most {largest.limit:,} sequences within the budget of a record",
                found=f"budget {budget}: {np.exp(smallest):.3g} sequences or more on every record",
                fix="lower the budget, confine the edits (--only), or choose another attack (--attack thorough)",
                where="attacks",
            )
