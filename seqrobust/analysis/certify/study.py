"""Certification: what is checked before it, and the shards it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.alarms import about_threat
from seqrobust.analysis.asked import Opening
from seqrobust.analysis.certify.again import tried_again
from seqrobust.analysis.certify.findings import CertifyFindings
from seqrobust.analysis.certify.metrics import certify_metrics
from seqrobust.analysis.certify.settings import CertifySettings
from seqrobust.analysis.certify.table import results_table
from seqrobust.analysis.pieces import keeping, whole
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import DEFAULT_ATTACKS, Attack, Problem, attacks_named, scores_for
from seqrobust.attacks.coded import Scores
from seqrobust.attacks.coverage import require_coverage
from seqrobust.attacks.settings import resolved
from seqrobust.attacks.stating import attack_problem
from seqrobust.certification import Method, Proven, certify_shard, methods_named, require_certifiable
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress

_WITHOUT = "greedy_all"
"""The attack on models without gradients."""
_TOGETHER = 16
"""Records of a part: what an interrupted run repeats."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CertifyReady:
    """What is certified, and what it is told; ``name`` is the model's."""

    name: str
    problem: Problem
    settings: CertifySettings

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self.problem.plain.predictor


def prepare(subject: Subject, settings: CertifySettings, opening: Opening) -> CertifyReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for what cannot be certified at all."""
    settings = resolved(settings, subject.sequences)
    problem = attack_problem(subject.predictor, subject.sequences, subject.targets, settings, seed=opening.seed)
    require_coverage(problem, attacks_named(settings.attacks))
    require_certifiable(problem)
    return CertifyReady(name=subject.name, problem=problem, settings=settings)


def study(ready: CertifyReady, work: Work) -> CertifyFindings:
    """Certify every record; parts that an interrupted run left behind are read instead."""
    results, problem = _certified(ready, work), ready.problem
    metrics = certify_metrics(results, budgets_of(problem), problem, ready.settings)
    for said in about_threat(metrics):
        work.notice(said)
    return CertifyFindings(
        name=ready.name,
        labels=ready.predictor.labels or (),
        settings=ready.settings,
        results=results,
        sequences=problem.plain.sequences,
        metrics=metrics,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Certifying:
    """Certifies some records, and tells how far it is of all of them."""

    problem: Problem
    settings: CertifySettings
    attacks: tuple[Attack, ...]
    methods: tuple[Method, ...]
    scores: Scores
    progress: Progress

    def rows(self, before: int, records: NDArray[np.int64], proven: Sequence[Proven] = ()) -> pd.DataFrame:
        """The rows of some records, of which something may be proved already; so many came before them."""
        done = certify_shard(
            self.problem,
            self.attacks,
            self.methods,
            records,
            seconds=self.settings.time_limit,
            scores=self.scores.renewed(),
            progress=partial(_advance, self.progress, before, len(records)),
            proven=proven,
        )
        return results_table(self.problem, records, done, self.settings.time_limit)

    def part(self, place: Path, records: NDArray[np.int64]) -> pd.DataFrame:
        """The rows of one part: those that are there, of which open records are tried again with more time."""
        made: pd.DataFrame | None
        first = int(records[0])
        if whole(place, self.progress.say):
            kept = pd.read_parquet(place)
            made = tried_again(kept, records, self.settings.time_limit, partial(self.rows, first))
        else:
            made = self.rows(first, records)
        if made is not None:
            with keeping(place) as temporary:
                made.to_parquet(temporary, index=False)
        return pd.read_parquet(place)


def _certified(ready: CertifyReady, work: Work) -> pd.DataFrame:
    problem, settings = ready.problem, ready.settings
    methods, scores = methods_named(settings.methods), scores_for(problem.predictor, memory=work.memory)
    certifying = _Certifying(
        problem=problem,
        settings=settings,
        attacks=_attacks(ready, work),
        methods=methods,
        scores=scores,
        progress=work.progress,
    )
    count, tables = len(problem.sequences), []
    work.progress.start("certify", count)
    with problem.predictor.attached():
        for number, first in enumerate(range(0, count, _TOGETHER)):
            records = np.arange(first, min(first + _TOGETHER, count))
            tables.append(certifying.part(work.parts / f"part-{number:05d}.parquet", records))
            work.progress.advance(int(records[-1]) + 1)
    for notice in dict.fromkeys([*scores.notices, *(text for method in methods for text in notices_of(method))]):
        work.notice(notice)
    return pd.concat(tables, ignore_index=True)


def _attacks(ready: CertifyReady, work: Work) -> tuple[Attack, ...]:
    """The attacks that bound records from above; where nobody chose them, such as a model without gradients allows."""
    problem, chosen = ready.problem, ready.settings.attacks
    if chosen != DEFAULT_ATTACKS or not len(problem.sequences):
        return attacks_named(chosen)
    if ready.predictor.gradientless:
        work.notice(f"the model passes no gradient to its input: the attack beside certificates is {_WITHOUT}")
        return attacks_named((_WITHOUT,))
    return attacks_named(chosen)


def _advance(progress: Progress, before: int, records: int, share: float) -> None:
    progress.advance(before + share * records)


def notices_of(method: object) -> list[str]:
    """What a method has to say, if it has."""
    found: list[str] = getattr(method, "notices", [])
    return found


def budgets_of(problem: Problem) -> NDArray[np.int64]:
    """(N, B) units that each budget comes to on each record."""
    columns = []
    for budget in problem.budgets:
        threat = replace(problem.threat, budget=budget)
        parts = [threat.bind(problem.sequences.take(records)).budget.numpy() for records in problem.shards()]
        columns.append(np.concatenate(parts))
    return np.stack(columns, axis=1)
