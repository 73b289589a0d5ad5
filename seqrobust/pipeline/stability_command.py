"""``seqrobust stability`` without its command line: model and data in, a study of explanations out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from seqrobust.analysis.results import COLUMNS
from seqrobust.analysis.stability import StabilitySettings, Study, stability_metrics
from seqrobust.analysis.stability.tables import MORE_COLUMNS
from seqrobust.attacks import Problem
from seqrobust.attacks.goals import is_right
from seqrobust.errors import ConfigError
from seqrobust.files import replacing
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_command import AttackCommand, prepared, resolved_names
from seqrobust.pipeline.attack_stage import AttackSettings, attack_problem, rule_files, settings_fingerprint
from seqrobust.pipeline.inputs import DataSource, input_fingerprint, split_names
from seqrobust.pipeline.stability_models import compare_models, open_others
from seqrobust.pipeline.stability_picture import draw_stability
from seqrobust.progress import Progress
from seqrobust.run.folder import PARTS, RunFolder

_LEFTOVERS = (*PARTS, "parts/sanity.json")


@dataclass(frozen=True, kw_only=True)
class StabilityCommand:
    """Everything a call of ``seqrobust stability`` says.

    Attributes:
        model, data: what is asked, about what.
        threat: what an adversary may do, and to how many records; its goal and attacks are not used.
        settings: methods, goals and thresholds.
        others: further models of the same data, whose explanations are compared with the model's.
        sanity_records: records on which weights are randomised; 0 for none.
        draw: whether to draw ``stability.png``.
        out, seed, device, batch_size, memory, resume, overwrite, command: as for an attack.
    """

    model: ModelSource
    data: DataSource
    threat: AttackSettings
    out: Path
    settings: StabilitySettings = field(default_factory=StabilitySettings)
    others: tuple[ModelSource, ...] = ()
    sanity_records: int = 32
    draw: bool = True
    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    memory: int | None = None
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        if self.threat.moves.partition(":")[0] not in ("substitutions", "codons"):
            raise ConfigError(
                "explanations before and after are compared position by position",
                expected="substitutions or codons",
                found=self.threat.moves,
                where="--moves",
            )
        if self.sanity_records < 0:
            raise ConfigError(
                "a number of records is 0 or more", found=str(self.sanity_records), where="sanity_records"
            )


def stability_command(call: StabilityCommand, progress: Progress) -> dict[str, Any]:
    """Study explanations, and leave ``results.parquet``, ``metrics.json``, ``manifest.json`` and ``stability.png`` in
    the folder. Gives what ``metrics.json`` holds.

    Raises InputError for a model, file, region or threat that cannot be used, before anything is written.
    """
    study, named = _opened(call, progress)
    others = open_others(call.others, study.problem.plain, progress, device=call.device, batch_size=call.batch_size)
    threat = named.threat
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(named),
        inputs=[
            *(file for source in (call.model, *call.others) for file in source.files),
            *call.data.files,
            *rule_files(threat.allow, threat.constraints),
        ],
        fingerprint=_fingerprint(named),
        resume=call.resume,
        overwrite=call.overwrite,
        leftovers=_LEFTOVERS,
    )
    with study.attached():
        results = _searched(study, folder, progress)
        sanity = _sanity(study, call.sanity_records, folder, progress)
        between = study.between()
    told = stability_metrics(results, sanity, between)
    if others:
        told["seeds"] = compare_models(study, others, Path(call.model.model).name, progress)
    metrics = {**_about(study, results), **told}
    _written(folder, results, metrics)
    if call.draw:
        draw_stability(folder.path / "stability.png", study, results)
    predictor = study.problem.plain.predictor
    folder.finish(
        device=str(predictor.device),
        policies={"unknown": predictor.unknown, "padding": "zeros", "outputs": predictor.scale},
        notices=predictor.notices,
    )
    return metrics


def _opened(call: StabilityCommand, progress: Progress) -> tuple[Study, StabilityCommand]:
    """The study, and the call with region names resolved."""
    attack = AttackCommand(
        model=call.model,
        data=call.data,
        settings=call.threat,
        out=call.out,
        seed=call.seed,
        device=call.device,
        batch_size=call.batch_size,
    )
    predictor, sequences, targets = prepared(attack, progress)
    threat = resolved_names(call.threat, sequences)
    functional = split_names(call.settings.functional, set(sequences.regions.names))
    sequences.regions.cover(functional, (len(sequences), sequences.width))
    settings = replace(call.settings, functional=functional)
    problem = attack_problem(predictor, sequences, targets, threat, seed=call.seed)
    _explainable(problem, settings)
    study = Study(problem=problem, settings=settings, memory=call.memory)
    return study, replace(call, threat=threat, settings=settings)


def _explainable(problem: Problem, settings: StabilitySettings) -> None:
    """Try every method on a record or two, so that one that does not apply is heard of before the search."""
    plain = problem.plain
    few = replace(plain, sequences=plain.sequences.take(np.arange(min(len(plain.sequences), 2))), targets=None)
    study = Study(problem=few, settings=replace(settings, functional=()))
    with study.attached():
        for method in settings.methods:
            study.judge.explanation(method)


def _searched(study: Study, folder: RunFolder, progress: Progress) -> pd.DataFrame:
    """All rows; those of finished pieces are read from the folder."""
    shards, steps = study.problem.shards(), study.steps()
    count = len(study.problem.sequences)
    folder.parts.mkdir(exist_ok=True)
    progress.start("stability", len(steps) * count)
    tables = []
    for number, step in enumerate(steps):
        name = step.goal if step.searched is None else f"{step.goal} {step.searched}"
        for shard, records in enumerate(shards):
            part = folder.parts / f"part-{number * len(shards) + shard:05d}.parquet"
            before = number * count + int(records[0])
            if not part.exists():
                rows = study.rows(step, records, partial(_advance, progress, before, len(records), name))
                with replacing(part) as temporary:
                    rows.to_parquet(temporary, index=False)
            tables.append(pd.read_parquet(part))
            progress.advance(before + len(records), name)
    joined: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return joined


def _advance(progress: Progress, before: int, records: int, name: str, share: float) -> None:
    progress.advance(before + share * records, name)


def _sanity(study: Study, records: int, folder: RunFolder, progress: Progress) -> list[tuple[str, dict[str, Any]]]:
    """The stages of randomised weights, from this run or an earlier one."""
    kept = folder.parts / "sanity.json"
    if kept.exists():
        return [(name, stage) for name, stage in json.loads(kept.read_text(encoding="utf-8"))["stages"]]
    if not records:
        return []
    progress.start("random weights", 1)
    stages = list(study.sanity(records))
    progress.advance(1)
    folder.write_json("parts/sanity.json", {"stages": stages})
    return stages


def _about(study: Study, results: pd.DataFrame) -> dict[str, Any]:
    """What stands at the head of ``metrics.json``."""
    problem, settings = study.problem, study.settings
    plain, judge = problem.plain, study.judge
    task = plain.predictor.task
    accuracy = None
    if plain.targets is not None and task != "regression":
        truth = torch.tensor(plain.targets.values, device=judge.clean.device)
        accuracy = float(is_right(task, judge.clean, truth).float().mean())
    return {
        "task": task,
        "n": len(plain.sequences),
        "clean_accuracy": accuracy,
        "threat": problem.threat.describe(),
        "attacks": [attack.name for attack in settings.searches(plain.sequences)],
        "random_draws": settings.draws,
        "thresholds": {
            "changed_below": settings.changed_below,
            "kept_above": settings.kept_above,
            "kept_lead": settings.kept_lead if task != "regression" else None,
            "tolerance": list(judge.tolerances) or None,
            "delta": judge.delta if task == "regression" else None,
        },
        "rows": len(results),
    }


def _written(folder: RunFolder, results: pd.DataFrame, metrics: dict[str, Any]) -> None:
    known = [name for name in (*COLUMNS, *MORE_COLUMNS) if name in results]
    ordered = results[[*known, *(name for name in results if name not in known)]]
    with replacing(folder.path / "results.parquet") as temporary:
        ordered.to_parquet(temporary, index=False)
    folder.write_json("metrics.json", metrics)


def _fingerprint(call: StabilityCommand) -> dict[str, Any]:
    """What of a call decides its results."""
    others: Sequence[ModelSource] = call.others
    return {
        **input_fingerprint(call.model, call.data),
        "seed": call.seed,
        **settings_fingerprint(call.threat),
        **{f"stability.{key}": value for key, value in asdict(call.settings).items()},
        "others": [source.model for source in others],
        "sanity_records": call.sanity_records,
    }
