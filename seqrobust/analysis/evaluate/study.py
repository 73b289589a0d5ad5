"""The evaluation: every method on every record, the worst case, the diagnosis, and what may be claimed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pandas as pd
import torch

from seqrobust.analysis.alarms import remarks
from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attacked import still
from seqrobust.analysis.evaluate.claims import Method, claims
from seqrobust.analysis.evaluate.diagnosis import from_model, from_results
from seqrobust.analysis.evaluate.findings import EvaluateFindings
from seqrobust.analysis.evaluate.runs import RUN_PARTS, MethodRuns, evaluation_problems
from seqrobust.analysis.evaluate.settings import EvaluateSettings
from seqrobust.analysis.evaluate.surrogates import (
    SURROGATE_FILES,
    Lesson,
    Problems,
    described,
    lesson,
    trained_surrogates,
    with_ensemble,
)
from seqrobust.analysis.evaluate.transfer import Surrogate
from seqrobust.analysis.evaluate.worst_case import evaluation_metrics, with_farthest, worst_case
from seqrobust.analysis.masking import NO_GRADIENT, Evidence, diagnosis, no_gradient
from seqrobust.analysis.pieces import keeping, whole
from seqrobust.analysis.robustness import constant_answer, saturated
from seqrobust.analysis.room import Work
from seqrobust.analysis.rows_sent import taken
from seqrobust.analysis.subject import Subject
from seqrobust.analysis.transfer import same_records
from seqrobust.attacks import Problem, Shift, attacks_named, scores_for
from seqrobust.attacks.coverage import require_moves, require_sight
from seqrobust.attacks.settings import keeps_truth, resolved
from seqrobust.files import plain
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets

OUTPUTS = (
    *(RUN_PARTS, "parts/probes.json", *SURROGATE_FILES),
    *("results.parquet", "methods.parquet", "adversarial.fa"),
)
"""Patterns of what an evaluation leaves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateReady:
    """What is evaluated.

    Attributes:
        name: of the model.
        problems: by direction, of :func:`~seqrobust.analysis.evaluate.runs.evaluation_problems`.
        settings: name the methods.
        surrogates: other models whose sequences are shown to this one.
        taught: what further surrogates are trained on; None where there are to be none.
        with_model: the problems with another predictor.
    """

    name: str
    problems: Mapping[str, Problem]
    settings: EvaluateSettings
    surrogates: tuple[Surrogate, ...] = ()
    taught: Lesson | None = None
    with_model: Problems

    @property
    def problem(self) -> Problem:
        """The problem in the first direction."""
        return next(iter(self.problems.values()))

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self.problem.plain.predictor


def prepare(subject: Subject, settings: EvaluateSettings, opening: Opening) -> EvaluateReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for a threat, goal or other model of no use."""
    settings = resolved(settings, subject.sequences)
    with_model: Problems = partial(_problems, subject.sequences, subject.targets, settings, opening.seed)
    problems = with_model(subject.predictor)
    require_moves(next(iter(problems.values())))
    _require_sight(next(iter(problems.values())), settings)
    others = [*subject.others.values()]
    if subject.another is not None:
        others += [subject.another(text) for text in settings.transfer_from]
    return EvaluateReady(
        name=subject.name,
        problems=problems,
        settings=settings,
        surrogates=tuple(_surrogate(other, settings, problems, opening.seed) for other in others),
        taught=lesson(subject, settings.surrogate_split, opening.progress, seed=opening.seed)
        if settings.surrogates
        else None,
        with_model=with_model,
    )


def _require_sight(problem: Problem, settings: EvaluateSettings) -> None:
    """Raise ModelError where every method follows gradients, and the model has none."""
    if not (settings.transfer_from or settings.surrogates):
        require_sight(problem, [attack for method in settings.chosen for attack in attacks_named(method.attacks)])


def _problems(
    sequences: SequenceSet, targets: Targets | None, settings: EvaluateSettings, seed: int, predictor: Predictor
) -> dict[str, Problem]:
    return evaluation_problems(predictor, sequences, targets, settings, seed=seed)


def _surrogate(other: Subject, settings: EvaluateSettings, problems: Mapping[str, Problem], seed: int) -> Surrogate:
    """Another model with the same records and goals."""
    theirs = evaluation_problems(
        other.predictor, other.sequences, other.targets, resolved(settings, other.sequences), seed=seed
    )
    same_records([("the model", next(iter(problems.values()))), (other.name, next(iter(theirs.values())))])
    return Surrogate(name=other.name, problems=theirs)


def study(ready: EvaluateReady, work: Work) -> EvaluateFindings:
    """Run every method and diagnose; what an interrupted run left in the folder is not run again.

    Raises ModelError for a model that no method can be run on.
    """
    problem, settings, predictor = ready.problem, ready.settings, ready.predictor
    surrogates = _all_surrogates(ready, work)
    scores = scores_for(problem.predictor, memory=work.memory)
    agreement = described(problem, surrogates, work.progress)
    runs = MethodRuns(
        problems=ready.problems, settings=settings, work=work, scores=scores, surrogates=tuple(surrogates)
    )
    table, failed = runs.table()
    methods = [method for method in runs.methods if method.name not in failed]
    evidence = _evidence(runs, table, methods, failed)
    for notice in scores.notices:
        work.notice(notice)
    metrics: dict[str, Any] = {
        "task": predictor.task,
        "goal": _goal_in_words(ready.problems),
        "threat": problem.threat.describe(),
        "moves": settings.moves,
        "attacks": [method.name for method in methods],
        "methods": [asdict(method) for method in methods],
        "failed_methods": failed,
        "surrogates": agreement,
        "random_draws": settings.random_draws,
        "edits_keep_truth": keeps_truth(settings),
        **evaluation_metrics(table, predictor.task, labelled=problem.targets is not None),
        **taken(table),
        "masking": diagnosis(evidence),
    }
    if isinstance(problem.goal, Shift):
        metrics |= problem.goal.plain() | still(table, problem)
    constant = constant_answer(table, predictor)
    metrics |= {} if constant is None else {"constant": constant}
    if lost := saturated(table, predictor):
        metrics["saturated"] = lost
    metrics["claims"] = claims(
        metrics,
        methods,
        probabilities=predictor.saturates,
        protect=problem.threat.protect,
        only=problem.threat.only,
        constant=constant,
    )
    for alarm in remarks(metrics, "these methods do"):
        work.notice(alarm)
    return EvaluateFindings(
        name=ready.name,
        labels=predictor.labels or (),
        settings=settings,
        results=_without_direction(with_farthest(worst_case(table), table, metrics)),
        methods=_without_direction(table),
        metrics=metrics,
        sequences=problem.plain.sequences,
    )


def _all_surrogates(ready: EvaluateReady, work: Work) -> list[Surrogate]:
    """Other models, those trained here, and the mean of all that can be averaged."""
    surrogates, whole = [*ready.surrogates], ready.problem.plain.sequences
    if ready.taught is not None:
        # Insertions may make records longer than an input size fixed now; unless they are free, ends are cut.
        width = None if ready.settings.moves.endswith("free") else whole.width
        surrogates += trained_surrogates(
            ready.settings.surrogates,
            ready.taught,
            ready.predictor,
            ready.with_model,
            work.folder,
            work.progress,
            seed=work.seed,
            width=width,
        )
    return with_ensemble(ready.predictor, surrogates, ready.with_model, torch.tensor(whole.tokens), work.progress)


def _evidence(
    runs: MethodRuns, table: pd.DataFrame, methods: Sequence[Method], failed: Mapping[str, str]
) -> list[Evidence]:
    """Signs of masked gradients, in the results and in what the model says."""
    evidence = [*from_results(table, methods), *_asked(runs, table, list(methods))]
    if failed and all(item.check != NO_GRADIENT for item in evidence):
        count = len(next(iter(runs.problems.values())).sequences)
        evidence += [no_gradient(reason, count) for reason in dict.fromkeys(failed.values())]
    return evidence


def _goal_in_words(problems: Mapping[str, Problem]) -> str:
    said = [problem.goal.describe(problem.predictor.labels or ()) for problem in problems.values()]
    return said[0].replace(" raised by ", " raised or lowered by ") if len(said) > 1 else said[0]


def _without_direction(table: pd.DataFrame) -> pd.DataFrame:
    return table if table["direction"].any() else table.drop(columns="direction")


def _asked(runs: MethodRuns, table: pd.DataFrame, methods: list[Method]) -> list[Evidence]:
    """What the model says itself, in the first direction; kept in the folder, for it takes a while."""
    part = runs.work.parts / "probes.json"
    direction, problem = next(iter(runs.problems.items()))
    if not whole(part, runs.work.progress.say):
        runs.work.progress.start("diagnosis", 100)
        with problem.predictor.attached(), problem.predictor.tolerant():
            found = from_model(
                problem,
                table[table["direction"] == direction].reset_index(drop=True),
                methods,
                runs.scores.renewed(),
                records=runs.settings.probe_records,
                progress=lambda share: runs.work.progress.advance(100 * share),
            )
        runs.work.progress.advance(100)
        with keeping(part) as temporary:
            temporary.write_text(json.dumps(plain([item.plain() for item in found])), encoding="utf-8")
    return [Evidence(**item) for item in json.loads(part.read_text(encoding="utf-8"))]
