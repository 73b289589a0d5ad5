"""Further models of the same data, and how far their explanations agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from seqrobust.analysis.stability.explaining import importances
from seqrobust.analysis.stability.seeds import Answers, agreement
from seqrobust.analysis.stability.settings import StabilitySettings
from seqrobust.analysis.stability.steps import Study
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import Problem, predictions
from seqrobust.errors import ConfigError, ModelError
from seqrobust.files import is_file
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress
from seqrobust.sequences.sequence_set import distinct
from seqrobust.tasks import task_of


def open_others(
    subject: Subject, settings: StabilitySettings, problem: Problem, progress: Progress
) -> dict[str, Predictor]:
    """Further models, tried on the problem's records, by distinct names.

    Raises ModelError for one of another alphabet, task or labels, ConfigError where models cannot be opened by name.
    """
    opened = [*subject.others.items()]
    if settings.other_models and subject.another is None:
        raise ConfigError("models in memory are compared with models in memory", found=", ".join(settings.other_models))
    for text in settings.other_models:
        assert subject.another is not None
        other = subject.another(text)
        opened.append((_name(text, other), other))
    names = distinct([name for name, _ in opened])
    return {
        name: _fitting(name, other.predictor, problem, progress) for name, (_, other) in zip(names, opened, strict=True)
    }


def _name(text: str, opened: Subject) -> str:
    """What a model is called: as it was named, else a checkpoint by its folders, which is where seeds differ, and a
    factory by its file."""
    path = Path(text)
    if is_file(path):
        return "/".join(path.parts[-3:])
    return opened.name if "=" in text else text


def _fitting(name: str, predictor: Predictor, problem: Problem, progress: Progress) -> Predictor:
    """The predictor, tried on the records."""
    mine = problem.predictor
    predictor.check(torch.tensor(problem.sequences.tokens[:16]))
    for what in ("alphabet", "task", "labels"):
        expected, found = getattr(mine, what), getattr(predictor, what)
        if expected != found:
            raise ModelError(
                f"models whose explanations are compared differ in {what}",
                expected=str(getattr(expected, "name", expected)),
                found=str(getattr(found, "name", found)),
                where=name,
            )
    for notice in predictor.notices:
        progress.say(f"{name}: {notice}")
    return predictor


def compare_models(study: Study, own: str, others: Mapping[str, Predictor], progress: Progress) -> dict[str, Any]:
    """Agreement of the explanations of the study's model and others, on the study's records."""
    plain = study.problem.plain
    models = {"model" if own in others else own: plain.predictor, **others}
    progress.start("other models", len(models))
    answers = {}
    for number, (name, predictor) in enumerate(models.items()):
        with predictor.attached():
            answers[name] = _answers(study, predictor)
        progress.advance(number + 1)
    sequences = plain.sequences
    return agreement(answers, sequences.tokens < sequences.alphabet.size, sequences.units)


def _answers(study: Study, predictor: Predictor) -> Answers:
    """Predictions and explanations of one model, which must be attached."""
    plain, settings = study.problem.plain, study.settings
    predicted: tuple[str, ...] = ()
    if not task_of(predictor.task).measured:
        logits = predictor.logits(torch.tensor(plain.sequences.tokens)).cpu()
        predicted = tuple(map(str, predictions(predictor.task, logits).tolist()))
    found = {
        method: importances(predictor, plain.sequences, method, settings, seed=plain.seed, memory=study.memory)
        for method in settings.methods
    }
    return Answers(predicted, found)
