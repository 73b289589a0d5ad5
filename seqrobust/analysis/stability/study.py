"""The study, step by step: each shard of each step is kept as it is finished, and so are the checks that follow."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pandas as pd
import torch

from seqrobust.analysis.pieces import keeping, whole
from seqrobust.analysis.room import Work
from seqrobust.analysis.stability.examples import examples
from seqrobust.analysis.stability.findings import StabilityFindings
from seqrobust.analysis.stability.models import compare_models
from seqrobust.analysis.stability.ready import StabilityReady
from seqrobust.analysis.stability.steps import Study, stability_metrics
from seqrobust.tasks import task_of

Kept = TypeVar("Kept")


def study(ready: StabilityReady, work: Work) -> StabilityFindings:
    """Search, judge, randomise weights and compare models; what an earlier run in the folder finished is read."""
    asked = Study(problem=ready.problem, settings=ready.settings, memory=work.memory)
    with asked.attached():
        results = _searched(asked, work)
        sanity = _kept(work, "sanity", lambda: _sanity(asked, work))
        between = asked.between()
        drawn = tuple(examples(asked, results)) if ready.settings.draw else ()
    metrics = {
        **_about(asked, results),
        **stability_metrics(results, [(name, stage) for name, stage in sanity], between),
    }
    if ready.others:
        metrics["seeds"] = _kept(work, "seeds", lambda: compare_models(asked, ready.name, ready.others, work.progress))
    return StabilityFindings(
        name=ready.name,
        settings=ready.settings,
        alphabet=ready.problem.plain.sequences.alphabet.name,
        results=results,
        metrics=metrics,
        examples=drawn,
    )


def _searched(study: Study, work: Work) -> pd.DataFrame:
    """All rows."""
    shards, steps = study.problem.shards(), study.steps()
    count = len(study.problem.sequences)
    work.progress.start("stability", len(steps) * count)
    tables = []
    for number, step in enumerate(steps):
        name = step.goal if step.searched is None else f"{step.goal} {step.searched}"
        for shard, records in enumerate(shards):
            part = work.parts / f"part-{number * len(shards) + shard:05d}.parquet"
            before = number * count + int(records[0])
            if not whole(part, work.progress.say):
                rows = study.rows(step, records, partial(_advance, work, before, len(records), name))
                with keeping(part) as temporary:
                    rows.to_parquet(temporary, index=False)
            tables.append(pd.read_parquet(part))
            work.progress.advance(before + len(records), name)
    joined: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return joined


def _advance(work: Work, before: int, records: int, name: str, share: float) -> None:
    work.progress.advance(before + share * records, name)


def _kept(work: Work, name: str, compute: Callable[[], Kept]) -> Kept:
    """What was computed by this run or an earlier one, as JSON holds it."""
    path = work.parts / f"{name}.json"
    if not whole(path, work.progress.say):
        text = json.dumps(compute(), indent=1) + "\n"
        with keeping(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    kept: Kept = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _sanity(study: Study, work: Work) -> list[tuple[str, dict[str, Any]]]:
    """The stages of randomised weights, by method."""
    work.progress.start("random weights", 1)
    stages = list(study.sanity())
    work.progress.advance(1)
    return stages


def _about(study: Study, results: pd.DataFrame) -> dict[str, Any]:
    """What stands at the head of ``metrics.json``."""
    problem, settings = study.problem, study.settings
    plain, judge = problem.plain, study.judge
    task = plain.predictor.task
    accuracy = None
    measured = task_of(task).measured
    if plain.targets is not None and not measured:
        truth = torch.tensor(plain.targets.values, device=judge.clean.device)
        accuracy = float(task_of(task).right(judge.clean, truth).float().mean())
    return {
        "task": task,
        "n": len(plain.sequences),
        "clean_accuracy": accuracy,
        "threat": problem.threat.describe(),
        "attacks": [attack.name for attack in settings.searches(plain.sequences)],
        "random_draws": settings.random_draws,
        "thresholds": {
            "changed_below": settings.changed_below,
            "kept_above": settings.kept_above,
            "kept_lead": None if measured else settings.kept_lead,
            "tolerance": list(judge.tolerances) or None,
            "delta": judge.delta if measured else None,
        },
        "rows": len(results),
    }
