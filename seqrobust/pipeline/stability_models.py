"""Further models of the same data, and how far their explanations agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from seqrobust.analysis.stability import Study, Told, agreement, importances
from seqrobust.attacks import Problem, predictions
from seqrobust.errors import ModelError
from seqrobust.models.opening import open_predictor
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.progress import Progress
from seqrobust.sequences.sequence_set import distinct


def open_others(
    sources: Sequence[ModelSource], problem: Problem, progress: Progress, *, device: str, batch_size: int | None
) -> dict[str, Predictor]:
    """The models, tried on the problem's records, by distinct names.

    Raises ModelError for one of another alphabet, task or labels.
    """
    opened: dict[str, Predictor] = {}
    mine = problem.predictor
    for name, source in zip(distinct([_name(source) for source in sources]), sources, strict=True):
        predictor, _ = open_predictor(source, alphabet=mine.alphabet, device=device, batch_size=batch_size)
        predictor.check(torch.tensor(problem.sequences.tokens[:16]))
        for what in ("alphabet", "task", "labels"):
            expected, found = getattr(mine, what), getattr(predictor, what)
            if expected != found:
                raise ModelError(
                    f"models whose explanations are compared differ in {what}",
                    expected=str(getattr(expected, "name", expected)),
                    found=str(getattr(found, "name", found)),
                    where=source.model,
                )
        for notice in predictor.notices:
            progress.say(f"{name}: {notice}")
        opened[name] = predictor
    return opened


def _name(source: ModelSource) -> str:
    """A checkpoint by its folders, which is where seeds differ; a factory by what it is called."""
    path = Path(source.model)
    return "/".join(path.parts[-3:]) if path.is_file() else source.model


def compare_models(study: Study, others: dict[str, Predictor], own: str, progress: Progress) -> dict[str, Any]:
    """Agreement of the explanations of the study's model and others, on the study's records."""
    sequences, methods = study.problem.plain.sequences, study.settings.methods
    models = {"model" if own in others else own: study.problem.plain.predictor, **others}
    progress.start("other models", len(models))
    told = {}
    for number, (name, predictor) in enumerate(models.items()):
        with predictor.attached():
            said: tuple[str, ...] = ()
            if predictor.task != "regression":
                logits = predictor.logits(torch.tensor(sequences.tokens)).cpu()
                said = tuple(map(str, predictions(predictor.task, logits).tolist()))
            found = {
                method: importances(predictor, sequences, method, study.settings, memory=study.memory)
                for method in methods
            }
        told[name] = Told(said, found)
        progress.advance(number + 1)
    return agreement(told, sequences.tokens < sequences.alphabet.size)
