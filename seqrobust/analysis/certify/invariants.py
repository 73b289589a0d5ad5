"""What is checked of certificates at the end of a run: they lie beneath the attack, and no member drawn breaks one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.constraints import constraints_kept
from seqrobust.analysis.audit.numbers import metrics_sound, rows_expected
from seqrobust.analysis.audit.outcome import Outcome, faults_of, not_checked
from seqrobust.analysis.audit.proteins import proteins_kept
from seqrobust.analysis.audit.written import edits_as_said, letters_permitted, protected_in_place, within_budget
from seqrobust.analysis.certify.findings import CertifyFindings
from seqrobust.analysis.certify.study import CertifyReady
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import predictions
from seqrobust.attacks.streams import RecordStreams
from seqrobust.report.words import budget_size

_SAMPLE = 16
_ROUNDING = 1e-9


def invariants(subject: Subject, ready: CertifyReady, findings: CertifyFindings) -> Iterator[Outcome]:
    """A row per record, certificates beneath attacks, members drawn, sequences as they were written, and numbers."""
    results, sequences = findings.results, findings.sequences
    what = "rows of results.parquet against records"
    yield rows_expected("a row per record", what, len(results), len(sequences))
    above = results["certified_units"].to_numpy(np.int64) >= results["attacked_units"].fillna(1 << 60).to_numpy(
        np.int64
    )
    faults = [f"record {name!r} is certified at a budget that breaks it" for name in results["id"][above]]
    yield faults_of("certificates beneath attacks", "certified against attacked units", len(results), faults)
    yield _members_drawn(ready, results)
    yield from _written(ready, findings)
    yield _falling(findings)
    yield _rates_of_editable(findings)
    yield from metrics_sound(findings.metrics)


def _members_drawn(ready: CertifyReady, results: pd.DataFrame) -> Outcome:
    """A random member of what is certified, by a plain forward pass: none reaches the goal."""
    name, what = "random members of certified sets", "one member a record, drawn at random, against the goal"
    problem = ready.problem
    rows = np.flatnonzero(results["attackable"].to_numpy(bool) & (results["certified_units"].to_numpy() > 0))
    if not len(rows):
        return not_checked(name, what, "nothing was certified")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.int64))]
    predictor, some = problem.predictor, problem.sequences.take(rows)
    bound = replace(problem.threat, budget=problem.budgets[-1]).bind(some, predictor.device)
    units = torch.tensor(results["certified_units"].to_numpy(np.int64)[rows], device=predictor.device)
    streams = RecordStreams(problem.seed, list(some.ids), "audit of certificates")
    uniforms = streams.uniforms(bound.tokens.shape[1] + 1, predictor.device)
    members = bound.with_budget(torch.minimum(units, bound.budget)).sample(uniforms, full=True)
    with predictor.attached():
        clean, drawn = predictor.logits(bound.tokens), predictor.logits(members)
    truth = predictions(predictor.task, clean)
    if problem.targets is not None:
        truth = torch.tensor(problem.targets.values[rows], device=predictor.device)
    goal = problem.goal.bind(predictor.task, clean, truth)
    reached = goal.achieved(drawn, torch.arange(len(rows), device=predictor.device)).cpu().numpy()
    faults = [f"a member of what is certified of {some.ids[row]!r} reaches the goal" for row in np.flatnonzero(reached)]
    return faults_of(name, what, len(rows), faults, forwards=2 * len(rows))


def _written(ready: CertifyReady, findings: CertifyFindings) -> Iterator[Outcome]:
    """The sequences that break records, held to what they are said to cost."""
    broken = findings.results[findings.results["attacked_budget"].notna()]
    codons = ready.settings.moves.startswith("codons")
    count = broken["edits"].fillna("").map(lambda edits: len([name for name in edits.split(";") if name]))
    rows = broken[["id", "edits", "adversarial_sequence"]].assign(
        n_edits=count, budget=broken["attacked_budget"].astype(float)
    )
    table = AttackTable(problem=ready.problem, results=rows.reset_index(drop=True), moves=ready.settings.moves)
    for invariant in (letters_permitted, protected_in_place, edits_as_said, constraints_kept, proteins_kept):
        if (outcome := invariant(table)) is not None:
            yield outcome
    if not codons:
        # Letters say nothing of how many codons they are of.
        yield within_budget(table)


def _rates_of_editable(findings: CertifyFindings) -> Outcome:
    """What cannot be edited is broken by nothing and in no rate: shares again, counted over the other records."""
    results, metrics = findings.results, findings.metrics
    fixed = ~results["editable"].to_numpy(bool)
    faults = [
        f"record {name!r} cannot be edited, and is broken"
        for name in results["id"][fixed & results["attacked_units"].notna().to_numpy(bool)]
    ]
    left_out = (metrics.get("nothing_editable") or {"n": 0})["n"]
    # Where nothing of any record may be edited, and where the budget is 0, all are counted.
    if left_out != fixed.sum() and not (left_out == 0 and (fixed.all() or not _spends(metrics))):
        faults.append(f"{left_out} records are said to be in no rate, {fixed.sum()} cannot be edited")
    able = results[~fixed] if left_out else results
    right = int(able["attackable"].sum())
    faults += [
        f"{key} is {row[key]:.4f} at {row['budget']}, more than {right} of {len(able)} records"
        for row in metrics["budgets"]
        for key in ("certified_accuracy", "robust_accuracy")
        if row[key] is not None and row[key] * len(able) > right + _ROUNDING * len(able)
    ]
    standing = int((able["attackable"].astype(bool) & able["attacked_units"].isna()).sum())
    said = metrics["budgets"][-1]["robust_accuracy"]
    if said is not None and abs(said * len(able) - standing) > _ROUNDING * max(len(able), 1):
        faults.append(f"{said:.4f} of {len(able)} records are said to stand at the largest budget, {standing} do")
    return faults_of("rates of records that may be edited", "shares against the table", len(results), faults)


def _spends(metrics: Mapping[str, Any]) -> bool:
    return budget_size(metrics["budgets"][-1]["budget"]) > 0


def _falling(findings: CertifyFindings) -> Outcome:
    """Neither share grows with the budget, and what is certified is robust."""
    budgets = [row for row in findings.metrics["budgets"] if row["certified_accuracy"] is not None]
    faults = [
        f"{key} is {one[key]:.4f} at {one['budget']} and {other[key]:.4f} at {other['budget']}"
        for one, other in pairwise(budgets)
        for key in ("certified_accuracy", "robust_accuracy")
        if other[key] > one[key] + _ROUNDING
    ]
    faults += [
        f"more is certified at {row['budget']} than robust"
        for row in budgets
        if row["certified_accuracy"] > row["robust_accuracy"] + _ROUNDING
    ]
    return faults_of("larger budgets never worse", "shares at each budget against the one below", len(budgets), faults)
