"""The evaluation as a stage: every method on every record, the worst case, the diagnosis, and what may be claimed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from seqrobust.analysis.claims import Method, claims
from seqrobust.analysis.diagnosis import from_model, from_results
from seqrobust.analysis.evaluation import evaluation_metrics, worst_case
from seqrobust.analysis.masking import NO_GRADIENT, Evidence, diagnosis, no_gradient
from seqrobust.attacks import Problem, Shift, scores_for
from seqrobust.files import replacing, write_text
from seqrobust.pipeline.attack_stage import write_results
from seqrobust.pipeline.evaluate_runs import RUN_PARTS, MethodRuns
from seqrobust.pipeline.evaluate_settings import EvaluateSettings
from seqrobust.pipeline.evaluate_surrogates import SURROGATE_FILES, described
from seqrobust.pipeline.evaluate_transfer import Surrogate
from seqrobust.pipeline.progress import Progress
from seqrobust.pipeline.run_folder import RunFolder, plain
from seqrobust.pipeline.sent import taken
from seqrobust.sequences import SequenceSet

LEFTOVERS = (RUN_PARTS, "parts/probes.json", *SURROGATE_FILES)
"""By which a resumed evaluation tells what is finished."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateOutcome:
    """Results (worst case), the table of all methods, metrics, and the records they are about."""

    results: pd.DataFrame
    methods: pd.DataFrame
    metrics: dict[str, Any]
    sequences: SequenceSet


def run_evaluation(
    problems: Mapping[str, Problem],
    settings: EvaluateSettings,
    folder: RunFolder,
    *,
    progress: Progress,
    memory: int | None = None,
    surrogates: Sequence[Surrogate] = (),
) -> EvaluateOutcome:
    """Run every method, diagnose, and write ``results.parquet``, ``methods.parquet``, ``adversarial.fa`` and
    ``metrics.json``.

    Args:
        problems: by direction, of :func:`~seqrobust.pipeline.evaluate_runs.evaluation_problems`.
        settings: name the methods.
        folder: keeps what is finished; what a killed run left there is not run again.
        progress: hears how it stands.
        memory: bytes that scoring neighbours takes at most.
        surrogates: other models whose sequences are shown to this one.

    Raises ModelError for a model that no method can be run on.
    """
    problem = next(iter(problems.values()))
    predictor = problem.predictor
    scores = scores_for(predictor, memory=memory)
    told = described(problem, surrogates, progress)
    runs = MethodRuns(
        problems=problems,
        settings=settings,
        folder=folder,
        progress=progress,
        scores=scores,
        surrogates=tuple(surrogates),
    )
    table, failed = runs.table()
    methods = [method for method in runs.methods if method.name not in failed]
    evidence = [*from_results(table, methods), *_asked(runs, table, methods)]
    if failed and all(item.check != NO_GRADIENT for item in evidence):
        evidence += [no_gradient(reason, len(problem.sequences)) for reason in dict.fromkeys(failed.values())]
    for notice in scores.notices:
        progress.say(notice)
    predictor.notices += scores.notices
    metrics: dict[str, Any] = {
        "task": predictor.task,
        "goal": _goal_in_words(problems),
        "threat": problem.threat.describe(),
        "moves": settings.attack.moves,
        "attacks": [method.name for method in methods],
        "methods": [asdict(method) for method in methods],
        "failed_methods": failed,
        "surrogates": told,
        "random_draws": settings.attack.random_draws,
        **taken(table),
        **evaluation_metrics(table, predictor.task, labelled=problem.targets is not None),
        "masking": diagnosis(evidence),
    }
    if isinstance(problem.goal, Shift):
        metrics["delta"] = problem.goal.delta
    metrics["claims"] = claims(
        metrics,
        methods,
        probabilities=predictor.scale == "probabilities",
        confined=bool(problem.threat.protect or problem.threat.only),
        constant=predictor.constant if len(set(table["clean_prediction"])) == 1 else None,
    )
    outcome = EvaluateOutcome(
        results=_without_direction(worst_case(table)),
        methods=_without_direction(table),
        metrics=metrics,
        sequences=problem.plain.sequences,
    )
    write_results(folder.path, outcome.results)
    with replacing(folder.path / "methods.parquet") as temporary:
        outcome.methods.to_parquet(temporary, index=False)
    folder.write_json("metrics.json", metrics)
    return outcome


def _goal_in_words(problems: Mapping[str, Problem]) -> str:
    said = [problem.goal.describe(problem.predictor.labels or ()) for problem in problems.values()]
    return said[0].replace(" raised by ", " raised or lowered by ") if len(said) > 1 else said[0]


def _without_direction(table: pd.DataFrame) -> pd.DataFrame:
    return table if table["direction"].any() else table.drop(columns="direction")


def _asked(runs: MethodRuns, table: pd.DataFrame, methods: list[Method]) -> list[Evidence]:
    """What the model says itself, in the first direction; kept in the folder, for it takes a while."""
    part = runs.folder.parts / "probes.json"
    direction, problem = next(iter(runs.problems.items()))
    if not part.exists():
        runs.progress.start("diagnosis", 100)
        with problem.predictor.attached():
            found = from_model(
                problem,
                table[table["direction"] == direction].reset_index(drop=True),
                methods,
                runs.scores.renewed(),
                records=runs.settings.probe_records,
                progress=lambda share: runs.progress.advance(100 * share),
            )
        runs.progress.advance(100)
        write_text(part, json.dumps(plain([item.plain() for item in found])))
    return [Evidence(**item) for item in json.loads(part.read_text(encoding="utf-8"))]
