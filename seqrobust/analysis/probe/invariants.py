"""What is checked of a probe at the end of its run: the attack in each kind of positions, confined as it says."""

from __future__ import annotations

from collections.abc import Iterator

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.budgets import nested
from seqrobust.analysis.audit.invariants import OF_WRITING, all_checked
from seqrobust.analysis.audit.numbers import metrics_sound
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.audit.scores import scores_again
from seqrobust.analysis.probe.arms import ARMS, arm_problem
from seqrobust.analysis.probe.findings import ProbeFindings
from seqrobust.analysis.probe.study import ProbeReady
from seqrobust.analysis.subject import Subject


def invariants(subject: Subject, ready: ProbeReady, findings: ProbeFindings) -> Iterator[Outcome]:
    """Those of written sequences for every arm, each confined to its own positions, scores, and the numbers."""
    tables = {
        arm: AttackTable(
            problem=arm_problem(ready.problem, ready.places, region),
            results=findings.results[arm],
            moves=ready.settings.moves,
        )
        for arm, region in ARMS.items()
    }
    yield from all_checked(tables, (*OF_WRITING, scores_again, nested))
    yield from metrics_sound(findings.metrics)
