"""What is checked of a comparison of groups at the end of its run: groups make up the records, and the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from seqrobust.analysis.audit.numbers import counts_add_up, metrics_sound
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.subgroups.asked import Attacked
from seqrobust.analysis.subgroups.findings import SubgroupsFindings
from seqrobust.analysis.subgroups.study import SubgroupsReady


def invariants(attacked: Attacked, ready: SubgroupsReady, findings: SubgroupsFindings) -> Iterator[Outcome]:
    """Of each grouping, groups and those left out are all records; and the numbers."""
    for by, found in findings.by.items():
        parts = [*(group["n"] for group in found["groups"]), found["left_out"]]
        yield counts_add_up(f"{by}: groups are all records", "sizes of groups and those left out", parts, findings.n)
    yield from metrics_sound(findings.plain())
