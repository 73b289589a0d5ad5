"""A study of uncertainty made ready: members opened, records divided, scores fitted, defences built."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seqrobust.analysis.uncertainty.background import Background, fit_background
from seqrobust.analysis.uncertainty.density import Density, Embedding
from seqrobust.analysis.uncertainty.members import (
    AsMember,
    Mean,
    Panel,
    Scorer,
    SideBySide,
    dropout_members,
    predictor_of,
)
from seqrobust.analysis.uncertainty.parts import Defence
from seqrobust.analysis.uncertainty.purification import Denoise, RandomLetters
from seqrobust.analysis.uncertainty.study import Study
from seqrobust.attacks import attacks_named, predictions
from seqrobust.errors import ConfigError, DataError, ModelError
from seqrobust.models import StraightThrough
from seqrobust.models.base import SequenceModel
from seqrobust.models.modes import evaluation_mode
from seqrobust.models.opening import open_predictor
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_command import resolved_names
from seqrobust.pipeline.attack_stage import AttackSettings, goal_of
from seqrobust.pipeline.inputs import DataSource, Inputs, open_inputs
from seqrobust.progress import Progress, Silent
from seqrobust.sequences import SequenceSet, Targets, encode_targets

_FITTED = 5000
"""Records that a background and a density are fitted to at most."""
_FEWEST = 20
"""Natural records that a threshold needs."""
_LOOKED_AT = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """Who is who: attacked records, natural ones for thresholds, and those that scores are fitted to."""

    attacked: SequenceSet
    targets: Targets
    calibration: SequenceSet
    fitted: SequenceSet
    classes: NDArray[np.int64]


class _Heard(Silent):
    """Keeps what is said: that all splits are read is no news where scores are fitted to one and judged on another."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """See :class:`~seqrobust.pipeline.progress.Progress`."""
        self.said.append(text)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ready:
    """A study, what purifies, and what should be said."""

    study: Study
    members: tuple[nn.Module, ...]
    background: Background
    records: Records
    notices: tuple[str, ...]


def make_ready(
    model: ModelSource,
    members: Sequence[Path],
    dropout: int | None,
    data: DataSource,
    settings: AttackSettings,
    progress: Progress,
    *,
    fit_split: str | None,
    order: int,
    among: Set[str] | None,
    memory: int | None,
    seed: int,
    device: str,
    batch_size: int | None,
) -> Ready:
    """Everything opened and checked.

    Args:
        model, members, dropout: the first member, checkpoints of others, or draws of the first one's dropout.
        data, settings: records, threat and goal.
        progress: hears notices.
        fit_split: the split that background and density are fitted to; None for ``train`` where there is one.
        order: of the background.
        among: ids of which records are attacked; None for any.
        memory, seed, device, batch_size: as for an attack.

    Raises InputError for whatever cannot be used.
    """
    if settings.moves != "substitutions":
        raise ConfigError("uncertainty is studied under substitutions", found=f"--moves {settings.moves}")
    if members and dropout:
        raise ConfigError(
            "members are checkpoints or draws of dropout",
            found="--members and --dropout-samples",
            fix="give one of them",
        )
    heard = _Heard()
    whole = open_inputs(model, replace(data, split=None), heard, device=device, batch_size=batch_size, deed="used")
    for text in heard.said:
        if data.split is None or not text.startswith("all splits"):
            progress.say(text)
    settings = resolved_names(settings, whole.sequences)
    modules, notices = _members(whole.predictor, model, members, dropout, seed)
    predictor = predictor_of(Mean(modules), whole.predictor)
    records = _records(whole, predictor, data.split, fit_split, settings.max_records, among, seed)
    example = torch.tensor(records.attacked.tokens[:_LOOKED_AT])
    predictor.check(example)
    background = Background(fit_background(records.fitted, order))
    scorers: dict[str, Scorer] = {"background": background}
    try:
        scorers["density"] = _density(modules[0], predictor, records)
    except ModelError as error:
        notices.append(f"no density on embeddings: {error.problem}")
    panel = Panel(task=predictor.task, members=len(modules), outputs=predictor.outputs, scores=tuple(scorers))
    columns = predictor_of(
        SideBySide(modules, list(scorers.values())), predictor, columns=len(modules) * panel.outputs + len(scorers)
    )
    columns.check(example)
    study = Study(
        predictor=predictor,
        columns=columns,
        panel=panel,
        sequences=records.attacked,
        targets=records.targets,
        calibration=records.calibration,
        threat=settings.threat(records.attacked.alphabet),
        budgets=settings.budgets,
        goal=goal_of(settings, predictor, records.attacked, records.targets),
        attacks=attacks_named(settings.attacks),
        memory=memory,
        seed=seed,
    )
    study.threat.bind(records.attacked.take(np.arange(1)))
    for notice in notices:
        progress.say(notice)
    return Ready(study=study, members=tuple(modules), background=background, records=records, notices=tuple(notices))


def _members(
    first: Predictor, model: ModelSource, paths: Sequence[Path], dropout: int | None, seed: int
) -> tuple[list[nn.Module], list[str]]:
    """Modules that give logits, with all of the same policies."""
    if first.stochastic:
        raise ModelError("the model is random", fix="--dropout-samples makes members of the draws of its dropout")
    if dropout is not None:
        return [_as_member(one, first, model) for one in dropout_members(first.module, dropout, seed=seed)], [
            f"members are {dropout} draws of the model's dropout, each the same for all records"
        ]
    modules = [_as_member(first.module, first, model)]
    for path in paths:
        other, _ = open_predictor(
            ModelSource(model=str(path), average_strands=model.average_strands),
            alphabet=first.alphabet,
            device=str(first.device),
            batch_size=first.batch_size,
        )
        for name in ("alphabet", "task", "labels", "unknown", "input_length"):
            if getattr(other, name) != getattr(first, name):
                raise ModelError(
                    f"the members differ in {name}",
                    expected=str(getattr(first, name)),
                    found=str(getattr(other, name)),
                    where=str(path),
                    fix="train all members on the same data",
                )
        modules.append(_as_member(other.module, first, model))
    alone = "one member: nothing is epistemic; name others with --members, or draw from dropout with --dropout-samples"
    return modules, [] if paths else [alone]


def _as_member(module: nn.Module, like: Predictor, model: ModelSource) -> nn.Module:
    """Our own models give logits and know their lengths; others are asked as the predictor asks them."""
    if model.preprocess is not None:
        raise ConfigError("a step before the model is not studied here", found="--preprocess", fix="leave it out")
    whole = isinstance(module, SequenceModel) and not like.average_strands
    return evaluation_mode(module if whole else AsMember(module, like))


def _records(
    inputs: Inputs,
    predictor: Predictor,
    split: str | None,
    fit_split: str | None,
    most: int | None,
    among: Set[str] | None,
    seed: int,
) -> Records:
    """Attacked, calibrating and fitted records, none of them of two kinds where the file has splits to keep apart."""
    whole = inputs.sequences
    names = [] if whole.splits is None else sorted(set(whole.splits.tolist()))
    fit_split = fit_split or ("train" if "train" in names and split != "train" else None)
    if fit_split is not None and fit_split == split:
        raise ConfigError("scores are fitted to other records than they are tried on", found=f"--fit-split {split}")
    used = whole if split is None else whole.in_split(split)
    if split is None and fit_split is not None and whole.splits is not None:
        used = whole.take(whole.splits != fit_split)
    order = np.random.default_rng(seed).permutation(len(used))
    parts = 2 if fit_split is not None else 3
    known = np.array([among is None or name in among for name in used.ids], bool)
    # Those that may be attacked first; the others are natural records all the same.
    order = order[np.argsort(~known[order], kind="stable")]
    size = min(most or len(used), int(known.sum()), len(used) // parts)
    rest = order[size:]
    calibration = rest if fit_split is not None else rest[: len(rest) // 2]
    if size < 2 or len(calibration) < _FEWEST:
        raise DataError(
            "there are too few records to set a threshold on some and to attack others",
            expected=f"{_FEWEST} records beside those attacked",
            found=f"{len(used)} records",
        )
    fitted = whole.in_split(fit_split) if fit_split is not None else used.take(np.sort(rest[len(rest) // 2 :]))
    fitted = fitted.take(np.sort(np.random.default_rng(seed).permutation(len(fitted))[:_FITTED]))
    attacked = used.take(np.sort(order[:size]))
    predictor.check(torch.tensor(attacked.tokens[:_LOOKED_AT]))
    return Records(
        attacked=attacked,
        targets=_targets(predictor, attacked),
        calibration=used.take(np.sort(calibration[:_FITTED])),
        fitted=fitted,
        classes=_classes(predictor, fitted),
    )


def _targets(predictor: Predictor, sequences: SequenceSet) -> Targets:
    """What is true; the clean prediction where nothing else is known."""
    if sequences.targets is not None:
        return encode_targets(sequences.targets, predictor.task, predictor.labels)
    with predictor.attached():
        logits = predictor.logits(torch.tensor(sequences.tokens).to(predictor.device))
    values = predictions(predictor.task, logits).cpu().numpy()
    return Targets(task=predictor.task, labels=predictor.labels or (), values=values)


def _classes(predictor: Predictor, fitted: SequenceSet) -> NDArray[np.int64]:
    """(N,) classes for a density; one for all where records are of several labels, or of values."""
    if predictor.task not in ("binary", "classification"):
        return np.zeros(len(fitted), np.int64)
    classes: NDArray[np.int64] = np.asarray(_targets(predictor, fitted).values, np.int64)
    return classes


def _density(module: nn.Module, predictor: Predictor, records: Records) -> Density:
    tokens = torch.tensor(records.fitted.tokens)
    module.cpu()
    embedding = Embedding(module, predictor.encode(tokens[:1]))
    lengths = records.fitted.lengths
    features: torch.Tensor | None = None
    with torch.no_grad():
        # Records of one length at a time, without padding: a module may group them as it likes.
        for length in np.unique(lengths).tolist():
            for rows in np.array_split(np.flatnonzero(lengths == length), max((lengths == length).sum() // 256, 1)):
                part = embedding(predictor.encode(tokens[rows, :length]), None)
                features = part.new_zeros(len(tokens), part.shape[1]) if features is None else features
                features[rows] = part
    assert features is not None
    return Density(embedding, features, records.classes.tolist())


def defences(ready: Ready, named: Sequence[str], *, replaced: float, noise: float, draws: int) -> list[Defence]:
    """The purifications of those names, each with its predictor, checked.

    Args:
        ready: members and background.
        named: ``denoise``, ``vote``.
        replaced: share of the letters of natural records that denoising replaces.
        noise: share of the letters that a vote redraws.
        draws: of a vote.
    """
    study, made = ready.study, []
    for name in named:
        step: nn.Module
        if name == "denoise":
            step = Denoise(ready.background, _below(ready, replaced))
            said = f"letters of posterior probability below {step.below:.3g} replaced by the posterior"
        else:
            step = RandomLetters(noise)
            said = f"mean over {draws} draws with {100 * noise:.3g} % of the letters redrawn"
        predictor = predictor_of(
            Mean(ready.members),
            study.predictor,
            preprocess=StraightThrough(step),
            samples=draws,
            seed=study.seed,
        )
        predictor.check(torch.tensor(study.sequences.tokens[:_LOOKED_AT]))
        made.append(Defence(name=name, predictor=predictor, draws=predictor.draws, step=said))
    return made


def _below(ready: Ready, share: float) -> float:
    """The posterior probability below which that share of the letters of natural records lies."""
    records = ready.records.calibration
    tokens = torch.tensor(records.tokens)
    encoded = ready.study.predictor.encode(tokens)
    with torch.no_grad():
        own = (ready.background.cpu().posterior(encoded) * encoded).sum(1)
    return float(np.quantile(own[tokens < records.alphabet.size].numpy(), share))
