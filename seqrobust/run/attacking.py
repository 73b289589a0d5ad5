"""The attack of a run: the command of that name, asked about the checkpoint and the records of a split."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from seqrobust.analysis.asked import ModelOnData, Opening
from seqrobust.analysis.attack import ATTACK, AttackFindings
from seqrobust.analysis.attack.settings import MeasuredAttackSettings
from seqrobust.analysis.subject import Subject
from seqrobust.memory import parse_memory
from seqrobust.models import Predictor
from seqrobust.models.source import SAMPLES, ModelSource
from seqrobust.progress import Progress
from seqrobust.run.answer import Answer, answer
from seqrobust.run.config import AttackConfig, RunConfig
from seqrobust.run.place_words import KeyWords, in_config
from seqrobust.run.records import written_split
from seqrobust.run.settings import RunSettings
from seqrobust.run.train import untrained
from seqrobust.sequences.data_config import Data


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
    subject = Subject(name=config.name, predictor=predictor, sequences=sequences, targets=targets)
    with in_config("attack", MeasuredAttackSettings):
        ATTACK.prepare(subject, attack_settings(attack), Opening(seed=config.seed))


def attack_settings(attack: AttackConfig) -> MeasuredAttackSettings:
    """What of an attack's config is about the attack itself."""
    return MeasuredAttackSettings(**{one.name: getattr(attack, one.name) for one in fields(MeasuredAttackSettings)})


def attack_checkpoint(
    config: RunConfig,
    attack: AttackConfig,
    data: Data,
    checkpoint: Path,
    out: Path,
    progress: Progress,
    *,
    command: str,
) -> Answer[AttackFindings]:
    """Attack a trained model on the split that ``attack`` names; ``out`` gets the files of ``seqrobust attack``.

    The records are written beside that folder, so that the same call can be typed by hand. A run that was stopped goes
    on with what the folder holds.
    """
    if attack.average_strands:
        progress.say("attacked is the mean of both strands; the scores of training are of one")
    asked = ModelOnData(
        model=ModelSource(
            model=str(checkpoint),
            samples=attack.samples or SAMPLES,
            one_by_one=attack.one_by_one,
            average_strands=attack.average_strands,
        ),
        data=written_split(data, attack.split, out.parent),
    )
    run = RunSettings(
        out=out,
        seed=config.seed,
        device=config.device,
        batch_size=attack.batch_size,
        memory=None if attack.memory is None else parse_memory(attack.memory, "attack.memory"),
        resume=(out / "manifest.json").exists(),
        report=False,
        command=command,
    )
    with in_config("attack", MeasuredAttackSettings) as keys:
        found = answer(ATTACK, asked, attack_settings(attack), run, KeyWords(progress, keys))
    if attack.samples is not None and found.predictor is not None and not found.predictor.stochastic:
        progress.say("attack.samples changes nothing: the model is not random")
    return found
