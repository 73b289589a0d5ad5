"""The members of an ensemble: the model and others like it, or draws of its dropout."""

from __future__ import annotations

from torch import nn

from seqrobust.analysis.subject import Subject
from seqrobust.analysis.uncertainty.members import AsMember, dropout_members
from seqrobust.analysis.uncertainty.settings import UncertaintySettings
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.architectures.base import SequenceModel
from seqrobust.models.modes import evaluation_mode
from seqrobust.models.predictor import Predictor

_ALIKE = ("alphabet", "task", "labels", "unknown", "input_length")
_ALONE = "one member: nothing is epistemic; name others with --members, or draw from dropout with --dropout-samples"


def members_of(subject: Subject, settings: UncertaintySettings, seed: int) -> tuple[list[nn.Module], list[str]]:
    """Modules that give logits, with all of the same policies; and notices.

    Raises ModelError for models that are random, or differ in what they are asked; ConfigError for one with a step
    before it.
    """
    first = subject.predictor
    if first.preprocessed:
        raise ConfigError("a step before the model is not studied here", found="--preprocess", fix="leave it out")
    if first.stochastic:
        raise ModelError("the model is random", fix="--dropout-samples makes members of the draws of its dropout")
    draws = settings.dropout_samples
    if draws is not None:
        made = [_as_member(one, first, first) for one in dropout_members(first.module, draws, seed=seed)]
        return made, [f"members are {draws} draws of the model's dropout, each the same for all records"]
    members = [first, *(_other(subject, text) for text in settings.members)]
    return [_as_member(one.module, one, first) for one in members], [] if settings.members else [_ALONE]


def _other(subject: Subject, text: str) -> Predictor:
    """A further member: opened by its name, or one of those in memory."""
    if text in subject.others:
        other = subject.others[text].predictor
    elif subject.another is not None:
        other = subject.another(text).predictor
    else:
        raise ConfigError("no such model", expected=", ".join(subject.others) or "none", found=text, where="--members")
    first = subject.predictor
    for name in _ALIKE:
        if getattr(other, name) != getattr(first, name):
            raise ModelError(
                f"the members differ in {name}",
                expected=str(getattr(first, name)),
                found=str(getattr(other, name)),
                where=text,
                fix="train all members on the same data",
            )
    if other.stochastic:
        raise ModelError("a member is random", where=text, fix="name members that answer alike when asked again")
    return other


def _as_member(module: nn.Module, own: Predictor, first: Predictor) -> nn.Module:
    """Our own models give logits and know their lengths; others are asked as their predictor asks them."""
    whole = isinstance(module, SequenceModel) and not first.average_strands
    return evaluation_mode(module if whole else AsMember(module, first, own))
