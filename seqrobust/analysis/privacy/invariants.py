"""What is checked of an audit of membership at the end of its run: sides, scores, and areas counted another way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata

from seqrobust.analysis.audit.numbers import counts_add_up, equal_numbers, metrics_sound, rows_expected
from seqrobust.analysis.audit.outcome import Outcome, faults_of
from seqrobust.analysis.privacy.findings import PrivacyFindings
from seqrobust.analysis.privacy.study import PrivacyReady
from seqrobust.analysis.sides import Sides


def invariants(sides: Sides, ready: PrivacyReady, findings: PrivacyFindings) -> Iterator[Outcome]:
    """Members and non-members are those given, a row each; scores are numbers; areas follow from ranks."""
    metrics, members = findings.metrics, findings.is_member
    parts = [metrics["n_members"], metrics["n_nonmembers"]]
    yield counts_add_up("members and non-members", "both sides against all records", parts, len(members))
    what = "rows of results.parquet against records"
    yield rows_expected("a row per record", what, len(findings.results), len(members))
    wrong = [f"{name} has scores that are no numbers" for name, one in findings.scores.items() if np.isnan(one).any()]
    yield faults_of("scores are numbers", "every attack's score of every record", len(members), wrong)
    if not wrong and members.any() and not members.all():
        names = [name for name in findings.scores if name in metrics["attacks"]]
        said = np.array([metrics["attacks"][name]["auc"] for name in names], np.float64)
        again = np.array([_area(findings.scores[name], members) for name in names])
        yield equal_numbers("areas counted again", "AUC against the rank sum of members", said, again, 1e-9)
    yield from metrics_sound(metrics)


def _area(scores: np.ndarray, members: np.ndarray) -> float:
    """AUC from ranks, ties counting half (Mann & Whitney 1947)."""
    ranks, n = rankdata(scores), int(members.sum())
    return float((ranks[members].sum() - n * (n + 1) / 2) / (n * (len(members) - n)))
