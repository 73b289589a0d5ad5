"""The whole pipeline: data, training, attack, report; each stage in a folder of its own, each finished stage kept."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.outcomes import ReportInput, write_report
from seqrobust.files import replacing
from seqrobust.memory import parse_memory
from seqrobust.models import Predictor
from seqrobust.models.predictor import resolve_device
from seqrobust.models.source import SAMPLES
from seqrobust.pipeline.attack_stage import (
    AttackOutcome,
    AttackSettings,
    attack_problem,
    rule_files,
    run_attack,
    settings_fingerprint,
)
from seqrobust.progress import Progress
from seqrobust.run.config import AttackConfig, RunConfig
from seqrobust.run.folder import PARTS, RunFolder
from seqrobust.run.question_sections import question_sections
from seqrobust.run.questions import Asked, answered, check_questions
from seqrobust.run.train import CHECKPOINTS, TrainOutcome, train_stage, untrained
from seqrobust.sequences.data_config import Data, load_data

_NOT_OF_THE_ATTACK = ("split", "batch_size", "memory", "samples", "one_by_one", "average_strands")
"""What an attack's config says of records and model."""
_LEFTOVERS = {"run": (), "train": CHECKPOINTS, "attack": PARTS}


@dataclass(frozen=True, kw_only=True)
class RunCommand:
    """Everything a call of ``seqrobust run`` or ``seqrobust train`` says beside the config."""

    out: Path
    resume: bool = False
    overwrite: bool = False
    command: str = ""


def run_pipeline(config: RunConfig, call: RunCommand, progress: Progress) -> tuple[TrainOutcome, AttackOutcome | None]:
    """Run every stage the config names.

    Leaves ``train/`` and ``attack/`` with the files of ``seqrobust train`` and ``seqrobust attack``, a folder for each
    of ``attribute``, ``probe``, ``stability`` and ``privacy`` that the config has, and at the top
    ``report.html``, ``manifest.json``, ``metrics.json`` (of every stage, the attack's keys also by themselves),
    ``model.ckpt``, ``results.parquet`` and ``adversarial.fa``.
    """
    resolve_device(config.device)
    data = prepared_data(config, progress)
    if config.attack is not None:
        check_attack(config, config.attack, data)
    check_questions(config.questions, data)
    folder = _folder(config, call, call.out, stage="run")
    train_folder = _folder(config, call, call.out / "train", stage="train", nested=True)
    # Claimed now, so that another run's parts are refused, or cleared away, before an hour of training.
    attack_folder = _folder(config, call, call.out / "attack", stage="attack", nested=True) if config.attack else None
    trained = train_stage(config, data, train_folder, resume=call.resume, progress=progress)
    train_folder.finish()
    _link(train_folder.path / "model.ckpt", folder.path / "model.ckpt")
    attacked = None
    if config.attack is not None and attack_folder is not None:
        began = time.monotonic()
        attacked = attack_trained(config, config.attack, data, trained, attack_folder, progress)
        strands = "averaged" if config.attack.average_strands else "as given"
        attack_folder.finish(seconds=round(time.monotonic() - began, 3), policies={"strands": strands})
        for name in ("results.parquet", "adversarial.fa"):
            _link(attack_folder.path / name, folder.path / name)
    asked = Asked(
        out=call.out,
        model=folder.path / "model.ckpt",
        seed=config.seed,
        device=config.device,
        overwrite=call.overwrite,
        command=call.command,
    )
    answers = answered(config.questions, data, asked, progress)
    summary = data_summary(data.sequences)
    metrics: dict[str, Any] = {"data": summary, "train": trained.metrics, **answers}
    if attacked is not None:
        metrics |= {"attack": attacked.metrics, **attacked.metrics}
    folder.write_json("metrics.json", metrics)
    folder.finish(policies={"unknown": config.model.unknown, "padding": "zeros", "outputs": "logits"})
    report = replace(report_input(config, summary, trained, attacked, folder), sections=question_sections(answers))
    write_report(report, folder.path / "report.html")
    return trained, attacked


def train_only(config: RunConfig, call: RunCommand, progress: Progress) -> TrainOutcome:
    """Train, and leave the files of :func:`~seqrobust.pipeline.train_stage.train_stage` and a report in the folder."""
    resolve_device(config.device)
    data = prepared_data(config, progress)
    folder = _folder(config, call, call.out, stage="train")
    trained = train_stage(config, data, folder, resume=call.resume, progress=progress)
    folder.finish(policies={"unknown": config.model.unknown, "padding": "zeros", "outputs": "logits"})
    write_report(report_input(config, data_summary(data.sequences), trained, None, folder), folder.path / "report.html")
    return trained


def prepared_data(config: RunConfig, progress: Progress) -> Data:
    """The config's records, their notices said; model and training adversary known to be possible."""
    data = load_data(config.data, config.task, config.seed)
    for notice in data.notices:
        progress.say(notice)
    untrained(config, data)
    if config.training.adversarial is not None:
        config.training.adversarial.threat().bind(data.sequences.take([0]))
    return data


def check_attack(config: RunConfig, attack: AttackConfig, data: Data) -> None:
    """Raise now what the attack would raise after an hour of training, by preparing it for an untrained model."""
    sequences, targets = data.in_split(attack.split)
    predictor = Predictor(
        untrained(config, data),
        alphabet=sequences.alphabet,
        task=config.task,
        labels=data.targets.labels,
        device="cpu",
        scale="logits",
        average_strands=attack.average_strands,
    )
    attack_problem(predictor, sequences, targets, attack_settings(attack), seed=config.seed)


def attack_settings(attack: AttackConfig) -> AttackSettings:
    """What of an attack's config is about the attack itself."""
    values = asdict(attack)
    for name in _NOT_OF_THE_ATTACK:
        values.pop(name)
    return AttackSettings(**values)


def attack_trained(
    config: RunConfig,
    attack: AttackConfig,
    data: Data,
    trained: TrainOutcome,
    folder: RunFolder,
    progress: Progress,
) -> AttackOutcome:
    """Attack a trained model on the split that ``attack`` names, and leave the files of ``seqrobust attack``."""
    sequences, targets = data.in_split(attack.split)
    card = trained.card
    predictor = Predictor(
        trained.model,
        alphabet=card.alphabet,
        task=card.task,
        labels=card.labels,
        unknown=card.unknown,
        input_length=card.input_length,
        device=config.device,
        batch_size=attack.batch_size,
        scale="logits",
        samples=attack.samples or SAMPLES,
        seed=config.seed,
        one_by_one=attack.one_by_one,
        average_strands=attack.average_strands,
    )
    predictor.check(torch.tensor(sequences.tokens[:8]))
    _say_reading(attack, predictor, progress)
    settings = attack_settings(attack)
    problem = attack_problem(predictor, sequences, targets, settings, seed=config.seed)
    memory = None if attack.memory is None else parse_memory(attack.memory, "attack.memory")
    return run_attack(problem, settings, folder, progress=progress, memory=memory)


def _say_reading(attack: AttackConfig, predictor: Predictor, progress: Progress) -> None:
    if attack.average_strands:
        progress.say("attacked is the mean of both strands; the scores of training are of one")
    if attack.samples is not None and not predictor.stochastic:
        progress.say("attack.samples changes nothing: the model is not random")


def _folder(config: RunConfig, call: RunCommand, path: Path, *, stage: str, nested: bool = False) -> RunFolder:
    """A stage's folder."""
    inside = (path / "manifest.json").exists()
    return RunFolder(
        path,
        command=call.command,
        config=config.model_dump(mode="json"),
        inputs=inputs_of(config),
        fingerprint=decisive(config, stage=stage),
        resume=call.resume or (nested and inside and not call.overwrite),
        overwrite=call.overwrite,
        leftovers=_LEFTOVERS[stage],
        shared=True,
    )


def decisive(config: RunConfig, *, stage: str) -> dict[str, Any]:
    """What decides a stage's results: everything before it, and its own part of the config."""
    decides: dict[str, Any] = config.model_dump(mode="json", exclude={"device", "name", "sweep"})
    decides["teacher_sha256"] = config.teacher_sha256
    attack = decides.pop("attack")
    # Questions are asked of what stands; each compares what decides its own answer.
    for name in ("attribute", "probe", "stability", "privacy"):
        decides.pop(name)
    if stage != "train" and config.attack is not None:
        # Batch size and memory change nothing but speed.
        reading = {f"attack.{name}": attack[name] for name in ("split", "samples", "one_by_one", "average_strands")}
        decides |= settings_fingerprint(attack_settings(config.attack)) | reading
    return decides


def inputs_of(config: RunConfig) -> list[Path]:
    """Every file that a run reads."""
    against = config.training.adversarial
    return [
        *config.data.files,
        *(rule_files(against.allow) if against is not None else []),
        *([Path(against.teacher)] if against is not None and against.teacher else []),
        *(rule_files(config.attack.allow, config.attack.constraints) if config.attack is not None else []),
    ]


def _link(source: Path, place: Path) -> None:
    """The same file at another place: a hard link where the disk can, a copy elsewhere."""
    with replacing(place) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def report_input(
    config: RunConfig,
    summary: dict[str, Any],
    trained: TrainOutcome,
    attacked: AttackOutcome | None,
    folder: RunFolder,
) -> ReportInput:
    """What the report is made of."""
    test = "test" if "test" in trained.metrics else "valid"
    base = ReportInput(
        title=config.name,
        task=config.task,
        labels=trained.card.labels,
        data_summary=summary,
        history=trained.history,
        test_metrics=trained.metrics[test],
        test_predictions=trained.predictions[trained.predictions["split"] == test],
        manifest=folder.manifest,
    )
    if attacked is None or config.attack is None:
        return base
    return replace(
        base,
        attack=attacked.metrics,
        results=attacked.results,
        sequences=attacked.sequences,
        protect=config.attack.protect,
        only=config.attack.only,
        letter_rule=config.attack.allow,
    )
