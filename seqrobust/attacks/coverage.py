"""Whether attacks can search a problem at all, found out before the run rather than reported as robustness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqrobust.attacks.presets import blind
from seqrobust.attacks.problem import Problem
from seqrobust.attacks.search import Attack
from seqrobust.attacks.searches.exhaustive import Exhaustive
from seqrobust.errors import ConfigError, ModelError, ThreatError


def require_moves(problem: Problem) -> None:
    """Raise ThreatError where no record may be edited at all: that nothing is found would then read as robustness."""
    largest = problem.budgets[-1]
    if not len(problem.sequences) or largest.amount == 0:
        return
    for records in problem.shards():
        threat = replace(problem.threat, budget=largest).bind(problem.sequences.take(records))
        if bool(threat.moves(threat.tokens).any()):
            return
    raise ThreatError(
        "no letter of any record may change",
        expected="a record with one letter to edit at the largest budget",
        found=f"{problem.threat.describe()}, budget {largest}: every sequence stays as it is",
        fix="see that the regions leave something to edit, that sequences hold more than unknown letters, and that a "
        "budget in per cent comes to one letter or more",
    )


def require_sight(problem: Problem, attacks: Sequence[Attack]) -> None:
    """Raise ModelError where all attacks follow gradients, and the model has none."""
    if problem.predictor.gradientless and attacks and blind(attacks):
        raise ModelError(
            "the model passes no gradient to its input, and these attacks follow nothing else",
            found=", ".join(attack.name for attack in attacks),
            fix="leave --attack out (attacks that need none are chosen then), or name some: --attack "
            "greedy_all,exhaustive,decision_based",
        )


def require_coverage(problem: Problem, attacks: Sequence[Attack]) -> None:
    """Raise where no record can be searched.

    That is ThreatError where none may be edited, ModelError where attacks follow a gradient that is not to be had, and
    ConfigError where exhaustive search is all there is, and passes over every record at some budget.
    """
    require_moves(problem)
    require_sight(problem, attacks)
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
