"""The whole pipeline: data, training, attack, report; each stage in a folder of its own, each finished stage kept."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqrobust.analysis.attack import AttackFindings
from seqrobust.analysis.audit.outcome import Audit, AuditError, joined_audits
from seqrobust.analysis.audit.run import with_doubts
from seqrobust.analysis.audit.shown import with_audit
from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.outcomes import ReportInput, page_of
from seqrobust.files import replacing
from seqrobust.models.devices import resolve_device
from seqrobust.progress import Progress
from seqrobust.report.html import write_page
from seqrobust.run.attacking import attack_checkpoint, check_attack
from seqrobust.run.config import QUESTIONS, RunConfig
from seqrobust.run.folder import Claim, RunFolder, held, leads
from seqrobust.run.inherited import about_training
from seqrobust.run.question_sections import question_sections
from seqrobust.run.questions import Asked, answered, check_questions
from seqrobust.run.train import OUTPUTS as TRAIN_OUTPUTS
from seqrobust.run.train import TrainOutcome, check_training, train_stage
from seqrobust.run.training_audit import training_audit
from seqrobust.sequences.data_config import Data, load_data
from seqrobust.sequences.dividing.leakage import leaks

_OUTPUTS = {
    "train": TRAIN_OUTPUTS,
    "run": (
        *("train", "attack", *QUESTIONS, "report.html", "model.ckpt", "results.parquet", "adversarial.fa"),
        "records-*.tsv.gz",
    ),
}


@dataclass(frozen=True, kw_only=True)
class RunCommand:
    """Everything a call of ``seqrobust run`` or ``seqrobust train`` says beside the config."""

    out: Path
    resume: bool = False
    overwrite: bool = False
    command: str = ""


def run_pipeline(config: RunConfig, call: RunCommand, progress: Progress) -> tuple[TrainOutcome, AttackFindings | None]:
    """Run every stage the config names.

    Leaves ``train/`` and ``attack/`` with the files of ``seqrobust train`` and ``seqrobust attack``, a folder for each
    of ``certify``, ``attribute``, ``probe``, ``stability`` and ``privacy`` that the config has, and at the top
    ``report.html``, ``manifest.json``, ``metrics.json`` (of every stage, the attack's keys also by themselves),
    ``model.ckpt``, ``results.parquet`` and ``adversarial.fa``.
    """
    resolve_device(config.device)
    data = prepared_data(config, progress)
    if config.attack is not None:
        check_attack(config, config.attack, data)
    check_questions(config.questions, data)
    with held(call.out, _claim(config, call, progress, stage="run")) as folder:
        try:
            return _stages(config, call, data, folder, progress)
        except AuditError as error:
            folder.fail("metrics.json", audit=error.audit.plain())
            raise


def _stages(
    config: RunConfig, call: RunCommand, data: Data, folder: RunFolder, progress: Progress
) -> tuple[TrainOutcome, AttackFindings | None]:
    inside = (call.out / "train" / "manifest.json").exists()
    again = replace(call, resume=call.resume or inside)
    with held(call.out / "train", _claim(config, again, progress, stage="train")) as train_folder:
        trained = train_stage(config, data, train_folder, resume=call.resume, progress=progress)
        audits = {"train": _training_audited(config, trained, data, train_folder, progress)}
        train_folder.finish(policies=_policies(config, trained), audit=audits["train"].plain())
    _link(train_folder.path / "model.ckpt", folder.path / "model.ckpt")
    attacked = None
    if config.attack is not None:
        checkpoint = folder.path / "model.ckpt"
        found = attack_checkpoint(
            config, config.attack, data, checkpoint, call.out / "attack", progress, command=call.command
        )
        attacked, audits["attack"] = found.findings, found.audit
        for name in ("results.parquet", "adversarial.fa"):
            _link(found.folder / name, folder.path / name)
    asked = Asked(
        out=call.out, model=folder.path / "model.ckpt", seed=config.seed, device=config.device, command=call.command
    )
    found_of = answered(config.questions, data, asked, progress)
    answers = {name: one.metrics for name, one in found_of.items()}
    audit = joined_audits(audits | {name: one.audit for name, one in found_of.items()}, say_themselves=("attack",))
    summary = data_summary(data.sequences, data.leaks)
    metrics: dict[str, Any] = {"data": summary, "train": trained.metrics, **answers}
    if attacked is not None:
        metrics |= {"attack": attacked.metrics, **attacked.metrics}
    folder.write_json("metrics.json", with_doubts(metrics, audit))
    folder.finish(policies=_policies(config, trained), audit=audit.plain())
    report = replace(report_input(config, summary, trained, attacked, folder), sections=question_sections(answers))
    write_page(with_audit(page_of(report), audit), folder.path / "report.html", report.manifest)
    return trained, attacked


def _training_audited(
    config: RunConfig, trained: TrainOutcome, data: Data, folder: RunFolder, progress: Progress
) -> Audit:
    """The audit of a training, its doubts said; an empty one in helper processes, which leave no files.

    Raises AuditError for what cannot be, which the folder then says.
    """
    if not leads():
        return Audit(outcomes=())
    audit = training_audit(trained, data, folder.path / "model.ckpt", config.device)
    if audit.of("broken"):
        folder.fail(audit=audit.plain())
        raise AuditError(audit)
    for doubt in audit.doubts:
        progress.say(f"the run is in doubt about itself: {doubt}")
    return audit


def train_only(config: RunConfig, call: RunCommand, progress: Progress) -> TrainOutcome:
    """Train, and leave the files of :func:`~seqrobust.run.train.train_stage` and a report in the folder."""
    resolve_device(config.device)
    data = prepared_data(config, progress)
    with held(call.out, _claim(config, call, progress, stage="train")) as folder:
        trained = train_stage(config, data, folder, resume=call.resume, progress=progress)
        audit = _training_audited(config, trained, data, folder, progress)
        folder.finish(policies=_policies(config, trained), audit=audit.plain())
        report = report_input(config, data_summary(data.sequences, data.leaks), trained, None, folder)
        write_page(with_audit(page_of(report), audit), folder.path / "report.html", report.manifest)
    return trained


def _policies(config: RunConfig, trained: TrainOutcome) -> dict[str, str]:
    """What the manifest says of the model: how it reads, and how its weights were selected."""
    reading = {"unknown": config.model.unknown, "padding": "zeros", "outputs": "logits"}
    chosen = trained.metrics.get("selection")
    return reading if chosen is None else {**reading, "weights": f"epoch {trained.metrics['best_epoch']}: {chosen}"}


def prepared_data(config: RunConfig, progress: Progress) -> Data:
    """The config's records, their notices said; model and training adversary known to be possible."""
    data = load_data(config.data, config.task, config.seed)
    data = replace(data, leaks=leaks(data.sequences))
    for notice in (*data.notices, *(leak.words for leak in data.leaks if leak.worth_saying)):
        progress.say(notice)
    check_training(config, data)
    against, attack = config.training.adversarial, config.attack
    if against is not None:
        against.threat().bind(data.sequences.take([0]))
        if attack is not None and (said := about_training(attack.protect, against.protect, against.only)) is not None:
            progress.say(said)
    return data


def _claim(config: RunConfig, call: RunCommand, progress: Progress, *, stage: str) -> Claim:
    """What a stage says of its folder."""
    return Claim(
        kind=stage,
        command=call.command,
        config=config.model_dump(mode="json"),
        inputs=inputs_of(config),
        fingerprint=decisive(config, stage=stage),
        outputs=_OUTPUTS[stage],
        resume=call.resume,
        overwrite=call.overwrite,
        shared=True,
        say=progress.say,
    )


def decisive(config: RunConfig, *, stage: str) -> dict[str, Any]:
    """What decides a stage's results: everything before it, and its own part of the config."""
    decides: dict[str, Any] = config.model_dump(mode="json", exclude={"device", "name", "sweep"})
    decides["teacher_sha256"] = config.teacher_sha256
    attack = decides.pop("attack")
    # Questions are asked of what stands; each compares what decides its own answer.
    for name in QUESTIONS:
        decides.pop(name)
    if stage != "train" and config.attack is not None:
        # Batch size and memory change nothing but speed.
        decides |= {f"attack.{name}": value for name, value in attack.items() if name not in ("batch_size", "memory")}
    return decides


def inputs_of(config: RunConfig) -> list[Path]:
    """Every file that a run reads."""
    against = config.training.adversarial
    return [
        *config.data.files,
        *(against.files if against is not None else ()),
        *(config.attack.files if config.attack is not None else []),
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
    attacked: AttackFindings | None,
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
