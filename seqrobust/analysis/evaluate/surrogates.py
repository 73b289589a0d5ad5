"""Surrogates of an evaluation beside those the user names: models trained on the model's own answers, and an ensemble.

Whoever may ask a model can train another one on what it says, attack that by its gradients, and show the model what
was found (Papernot et al. 2017). So the gradients of the model itself may be masked as they will.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqrobust.analysis.ensemble import ensemble, misfit
from seqrobust.analysis.evaluate.settings import ENSEMBLE
from seqrobust.analysis.evaluate.transfer import Surrogate
from seqrobust.analysis.subject import Subject
from seqrobust.analysis.transfer import fidelity
from seqrobust.attacks import Problem
from seqrobust.errors import DataError
from seqrobust.models import ModelCard, SequenceModel, build_model, load_checkpoint, save_checkpoint
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.tasks import task_of
from seqrobust.training import Labelled, TrainingSettings, fit

SURROGATE_FILES = ("surrogates/trained-*/model.ckpt", "surrogates/trained-*/checkpoints/*.ckpt")
"""Trained surrogates, and what is kept while they train."""

_MOST_TAUGHT = 20_000
"""Records at most that a surrogate is trained on."""
_FEWEST_TAUGHT = 20
_VALID_SHARE = 0.1
_SETTINGS = TrainingSettings(epochs=20, batch_size=64)
_SMALL = {"channels": 32, "blocks": 2, "first_kernel": 11, "kernel": 5, "hidden": 32, "dropout": 0.1}
_WIDEST_FLAT = 2000
"""Letters up to which a surrogate reads every position by itself."""

Problems = Callable[[Predictor], dict[str, Problem]]
"""The problems of the evaluation, by direction, with another predictor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """Records and what the model says of them, as targets of a regression: every logit, or value, is one."""

    sequences: SequenceSet
    targets: Targets


def lesson(subject: Subject, split: str, progress: Progress, *, seed: int) -> Lesson:
    """The records of a split of the data, whatever split of it is attacked, and what the model says of them.

    Args:
        subject: the model, and all records that it comes with.
        split: its name; where there are no splits or none called ``train``, the attacked records are taken.
        progress: told of that.
        seed: of the draw where there are very many records.

    Raises DataError for a split that the records do not have, or too few records.
    """
    sequences, predictor = subject.everyone or subject.sequences, subject.predictor
    if sequences.splits is not None and (split in sequences.splits or split != "train"):
        sequences = sequences.in_split(split)
    elif split != "train":
        raise DataError("the records have no splits", found=f"--surrogate-split {split}")
    else:
        sequences = subject.sequences
        progress.say("there is no split train: surrogates are trained on the records that are attacked")
    if len(sequences) < _FEWEST_TAUGHT:
        raise DataError(
            "too few records to train surrogates on",
            expected=f"{_FEWEST_TAUGHT} or more",
            found=str(len(sequences)),
            fix="name another split with --surrogate-split, or leave --surrogates out",
        )
    if len(sequences) > _MOST_TAUGHT:
        sequences = sequences.take(np.sort(np.random.default_rng(seed).permutation(len(sequences))[:_MOST_TAUGHT]))
    with predictor.attached():
        said = predictor.logits(torch.tensor(sequences.tokens)).cpu().numpy()
    names = task_of(predictor.task).output_names(predictor.labels or ())
    return Lesson(sequences=sequences, targets=Targets(task="regression", labels=names, values=said))


def trained_surrogates(
    count: int,
    taught: Lesson,
    predictor: Predictor,
    problems: Problems,
    folder: Path,
    progress: Progress,
    *,
    seed: int,
    width: int | None,
) -> list[Surrogate]:
    """Small convolutional models, each with a seed of its own, that are to say what the model says.

    Their checkpoints stay in the folder; one that is there already is read instead of trained.

    Args:
        count: how many.
        taught: what they are trained on.
        predictor: the model, whose task, labels and device theirs are.
        problems: the evaluation's.
        folder: of the evaluation.
        progress: a stage is started for each.
        seed: of all of them.
        width: letters of the longest record that is attacked; None where it may grow.
    """
    made = []
    for number in range(1, count + 1):
        out = folder / "surrogates" / f"trained-{number}"
        if not (out / "model.ckpt").exists():
            progress.start(f"surrogate {number} of {count}", _SETTINGS.epochs)
            _train(taught, predictor, out, progress, seed=seed * 1_000 + number, width=width)
        module, _ = load_checkpoint(out / "model.ckpt")
        made.append(
            Surrogate(
                name=f"trained-{number}",
                problems=problems(_reader(module, predictor)),
                kind="trained",
                taught=len(taught.sequences),
            )
        )
    return made


def _train(
    taught: Lesson, predictor: Predictor, out: Path, progress: Progress, *, seed: int, width: int | None
) -> None:
    train, valid = _parts(taught, seed)
    out.mkdir(parents=True, exist_ok=True)
    model = _untrained(taught, predictor, seed, width)
    trained = fit(
        model,
        train,
        valid,
        settings=_on(predictor.device),
        unknown=predictor.unknown,
        seed=seed,
        out=out,
        resume=True,
        progress=partial(_tell, progress),
    )
    card = ModelCard(
        alphabet=predictor.alphabet,
        task=predictor.task,
        labels=predictor.labels or (),
        architecture=model.architecture,
        hyperparameters=model.hyperparameters,
        input_length=model.input_length,
        unknown=predictor.unknown,
        provenance={"surrogate": True, "seed": seed, "records": len(taught.sequences), "epochs": len(trained.history)},
    )
    save_checkpoint(out / "model.ckpt", trained.model, card)


def _on(device: torch.device) -> TrainingSettings:
    if device.type != "cuda":
        return replace(_SETTINGS, accelerator="cpu" if device.type == "cpu" else "auto")
    # Lightning reads "1" as one device, and "1," as device number 1.
    return replace(_SETTINGS, accelerator="gpu", devices=1 if device.index is None else f"{device.index},")


def _tell(progress: Progress, done: float, row: Mapping[str, float]) -> None:
    progress.advance(done, f"R2 {row['valid_r2']:.3f}" if "valid_r2" in row else "")


def _parts(taught: Lesson, seed: int) -> tuple[Labelled, Labelled]:
    """Records to train on, and a tenth by which the best epoch is told."""
    order = np.random.default_rng(seed).permutation(len(taught.sequences))
    cut = max(round(_VALID_SHARE * len(order)), 2)
    train, valid = (
        Labelled(sequences=taught.sequences.take(rows), targets=taught.targets.take(rows))
        for rows in (np.sort(order[cut:]), np.sort(order[:cut]))
    )
    return train, valid


def _untrained(taught: Lesson, predictor: Predictor, seed: int, width: int | None) -> SequenceModel:
    size = _input_size(taught.sequences, width, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_model(
            "cnn",
            alphabet_size=predictor.alphabet.size,
            outputs=taught.targets.outputs,
            input_length=size,
            **_SMALL,
            head="global" if size is None else "flatten",
        )


def _input_size(sequences: SequenceSet, width: int | None, seed: int) -> int | None:
    """Letters of a surrogate that reads every position by itself; None for one to which place means nothing.

    Place may well mean something where all records are of one length; where they are not, every other surrogate takes
    it to.
    """
    if width is None or (size := max(width, sequences.width)) > _WIDEST_FLAT:
        return None
    aligned = sequences.width == width and bool((sequences.lengths == width).all())
    return size if aligned or seed % 2 else None


def _reader(module: SequenceModel, predictor: Predictor) -> Predictor:
    return Predictor(
        module,
        alphabet=predictor.alphabet,
        task=predictor.task,
        labels=predictor.labels,
        unknown=predictor.unknown,
        input_length=module.input_length,
        device=str(predictor.device),
        scale="logits",
    )


def with_ensemble(
    model: Predictor, surrogates: Sequence[Surrogate], problems: Problems, tokens: torch.Tensor, progress: Progress
) -> list[Surrogate]:
    """The surrogates, and behind them the mean of all that can be averaged, where those are two or more.

    Args:
        model: whose task and labels the mean has.
        surrogates: by themselves.
        problems: the evaluation's.
        tokens: (N, L) the records.
        progress: told of those that are left out.
    """
    if len(surrogates) < 2:
        return list(surrogates)
    reasons = {one.name: misfit(model, one.predictor) for one in surrogates}
    for name, reason in reasons.items():
        if reason is not None:
            progress.say(f"{name} takes no part in the ensemble: {reason}")
    members = [one.predictor for one in surrogates if reasons[one.name] is None]
    if len(members) < 2:
        return list(surrogates)
    mean = ensemble(model, members, tokens)
    return [*surrogates, Surrogate(name=ENSEMBLE, problems=problems(mean), kind="ensemble")]


def described(problem: Problem, surrogates: Sequence[Surrogate], progress: Progress) -> list[dict[str, Any]]:
    """For ``metrics.json``: of each surrogate how far it answers as the model does; said where that is little."""
    model, tokens = problem.plain.predictor, torch.tensor(problem.plain.sequences.tokens)
    rows = []
    for one in surrogates:
        found = fidelity(model, one.predictor, tokens)
        rows.append(
            {
                "name": one.name,
                "method": one.method.name,
                "kind": one.kind,
                "taught": one.taught,
                **asdict(found),
                "low": found.low,
            }
        )
        if found.low:
            measured = task_of(model.task).measured
            what = "correlates with" if measured else "agrees with"
            said = f"{found.agreement:.2f}" if measured else f"on {found.agreement:.0%} of {found.n}"
            progress.say(f"{one.name} {what} the model only {said}: sequences that fool it say little about the model")
    return rows
