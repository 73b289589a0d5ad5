"""The whole study of one model's explanations, in steps that can be kept one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.stability.between import between_records
from seqrobust.analysis.stability.explaining import Judge, importances
from seqrobust.analysis.stability.problems import explained_problem, truth_of
from seqrobust.analysis.stability.sanity import sanity_metrics, sanity_summary
from seqrobust.analysis.stability.settings import GoalName, StabilitySettings
from seqrobust.analysis.stability.summary import method_metrics
from seqrobust.analysis.stability.tables import found_rows, measured, random_rows
from seqrobust.analysis.stability.verdict import UNRELATED_ABOVE, verdicts
from seqrobust.attacks import Problem
from seqrobust.sequences import Targets

Tell = Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One goal, searched against one method's explanation; None for random edits, which have none."""

    goal: GoalName
    searched: str | None = None


@dataclass(eq=False, kw_only=True)
class Study:
    """Explanations of one model under one threat.

    Args:
        problem: model, records, threat and budgets; its goal is not used.
        settings: methods, goals and thresholds; what they say of the threat is not used.
        memory: bytes that scoring neighbours may take.

    To be asked while :meth:`attached`.
    """

    problem: Problem
    settings: StabilitySettings = field(default_factory=StabilitySettings)
    memory: int | None = None
    _judge: Judge | None = field(init=False, default=None)
    _truth: Targets | None = field(init=False, default=None)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Within it the model is on its device."""
        with self.problem.plain.predictor.attached():
            yield

    @property
    def judge(self) -> Judge:
        """Of all records."""
        if self._judge is None:
            plain = self.problem.plain
            self._judge = Judge(plain.predictor, plain.sequences, self.settings, seed=plain.seed, memory=self.memory)
        return self._judge

    @property
    def truth(self) -> Targets:
        """What is true of all records, or stands for it."""
        if self._truth is None:
            self._truth = truth_of(self.problem)
        return self._truth

    def steps(self) -> tuple[Step, ...]:
        """In the order in which they are taken."""
        found: list[Step] = []
        for goal in dict.fromkeys(self.settings.goals):
            if goal == "random":
                found.append(Step(goal=goal))
            else:
                found += [Step(goal=goal, searched=method) for method in self.settings.searched]
        return tuple(found)

    def rows(self, step: Step, records: NDArray[np.int64], progress: Tell = lambda _: None) -> pd.DataFrame:
        """A step's rows of some records; see :func:`~seqrobust.analysis.stability.tables.measured`."""
        settings, problem = self.settings, self.problem
        if step.goal == "random" or step.searched is None:
            found, methods = random_rows(problem, self.truth, settings.random_draws, records), settings.methods
        else:
            explained = explained_problem(problem, step.searched, step.goal, settings, self.judge.scale, self.truth)
            with explained.predictor.attached():
                attacks = settings.searches(problem.plain.sequences)
                found = found_rows(problem, explained, attacks, records, progress)
            methods = settings.measured(step.searched)
        rows = measured(found, step.goal, step.searched, methods, self.judge)
        kept: pd.DataFrame = rows.drop(columns="record")
        return kept

    def between(self) -> dict[str, dict[str, Any]]:
        """See :func:`~seqrobust.analysis.stability.between.between_records`."""
        return between_records(self.judge, self.settings.methods, self.problem.seed)

    def sanity(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """See :func:`~seqrobust.analysis.stability.sanity.sanity_metrics`, on records from all over."""
        plain, most = self.problem.plain, self.settings.sanity_records
        if not most:
            return iter(())
        count = len(plain.sequences)
        sequences = plain.sequences.take(np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64)))

        def explain(method: str) -> NDArray[np.float32]:
            return importances(plain.predictor, sequences, method, self.settings, seed=plain.seed, memory=self.memory)

        return sanity_metrics(plain.predictor, sequences, self.settings.methods, explain, seed=plain.seed)


def stability_metrics(
    results: pd.DataFrame,
    sanity: Sequence[tuple[str, dict[str, Any]]] = (),
    between: Mapping[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """``{"methods": ..., "sanity": ..., "between_records": ..., "verdicts": [...]}`` of a study.

    Args:
        results: its rows.
        sanity: stages of random weights, by method.
        between: of :func:`~seqrobust.analysis.stability.between.between_records`.
    """
    methods = method_metrics(results)
    names = dict.fromkeys(name for name, _ in sanity)
    checks = {
        name: sanity_summary([stage for other, stage in sanity if other == name], UNRELATED_ABOVE) for name in names
    }
    judged = [one.plain() for one in verdicts(methods, checks, between or {})]
    return {"methods": methods, "sanity": checks, "between_records": dict(between or {}), "verdicts": judged}


def explanation_stability(
    problem: Problem,
    settings: StabilitySettings | None = None,
    *,
    progress: Tell = lambda _: None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """How far explanations can be trusted: random edits, edits that change them, edits that leave them, random weights.

    Args:
        problem: model, records, threat and budgets; its goal is not used. Predictor checked.
        settings: methods, goals and thresholds; what they say of the threat is not used.
        progress: called with the share that is done.

    Returns:
        Rows (see :func:`~seqrobust.analysis.stability.tables.measured`), and :func:`stability_metrics`.
    """
    study = Study(problem=problem, settings=settings or StabilitySettings())
    tables, shards = [], problem.shards()
    steps = study.steps()
    with study.attached():
        for number, step in enumerate(steps):
            for shard, records in enumerate(shards):
                tables.append(study.rows(step, records))
                progress((number + (shard + 1) / len(shards)) / len(steps))
        stages = list(study.sanity())
        between = study.between()
    results = pd.concat(tables, ignore_index=True)
    return results, stability_metrics(results, stages, between)
