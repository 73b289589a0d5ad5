"""One function an analysis: a model and records in memory in, a :class:`~seqrobust.api.result.Result` out.

They share ``model``, which is a wrapped model, an ``nn.Module`` (with ``task``, and ``alphabet`` where it cannot be
guessed) or what names one; ``given``: records, a list of texts, a one-hot array (N, K, L), or a file; and ``settings``:
the fields of the settings class that the function names, and the keywords of :func:`seqrobust.api.asking.ask`. All
raise InputError for whatever cannot be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqrobust.analysis.asked import Opening
from seqrobust.api.asking import ask, listener, studied, told
from seqrobust.api.result import Result
from seqrobust.api.subjects import Model, Records, sides_of, subject_of
from seqrobust.api.threats import Threat
from seqrobust.progress import Progress
from seqrobust.run.registry import ANALYSES

if TYPE_CHECKING:
    from seqrobust.analysis.attack import AttackFindings
    from seqrobust.analysis.attribute import AttributeFindings
    from seqrobust.analysis.certify import CertifyFindings
    from seqrobust.analysis.compare import CompareFindings
    from seqrobust.analysis.compress import CompressFindings
    from seqrobust.analysis.evaluate import EvaluateFindings
    from seqrobust.analysis.inspect import InspectFindings
    from seqrobust.analysis.ism import IsmFindings
    from seqrobust.analysis.motifs import MotifsFindings
    from seqrobust.analysis.predict import PredictFindings
    from seqrobust.analysis.privacy import PrivacyFindings
    from seqrobust.analysis.probe import ProbeFindings
    from seqrobust.analysis.stability import StabilityFindings
    from seqrobust.analysis.subgroups import SubgroupsFindings
    from seqrobust.analysis.uncertainty import UncertaintyFindings

Budget = Threat | int | str
"""What an adversary may do; a number or a text is a budget of substitutions."""


def attack(model: Model, given: Records, threat: Budget, **settings: Any) -> Result[AttackFindings]:
    """How few letters must change to flip a prediction; see :class:`seqrobust.attacks.settings.AttackSettings`.

    >>> import torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(32, 1, bias=False))
    >>> _ = nn.init.constant_(net[1].weight, 0.0)
    >>> net[1].weight.data[0, :8] = 1.0  # counts the letter A
    >>> net[1].weight.data[0, 8:16] = -1.0  # less those of C
    >>> found = attack(net, ["AACGTGTG", "ACCGTGTG"], 1, task="binary", alphabet="DNA", attacks="quick")
    >>> found.table[["id", "success", "n_edits"]].values.tolist()
    [['seq1', True, 1], ['seq2', True, 1]]
    """
    return ask("attack", model, given, threat, **settings)


def evaluate(
    model: Model,
    given: Records,
    threat: Budget,
    *,
    transfer_from: Mapping[str, Model] | None = None,
    **settings: Any,
) -> Result[EvaluateFindings]:
    """The worst case of many attacks; see :class:`seqrobust.analysis.evaluate.EvaluateSettings`.

    Args:
        model, given, threat, settings: as for :func:`attack`.
        transfer_from: other models by name, whose adversarial sequences are shown to this one.
    """
    return ask("evaluate", model, given, threat, others=transfer_from, **settings)


def certify(model: Model, given: Records, threat: Budget, **settings: Any) -> Result[CertifyFindings]:
    """What no adversary can do, and the exact number of edits where it is in reach; see
    :class:`seqrobust.analysis.certify.CertifySettings`.

    >>> import torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(32, 1, bias=False))
    >>> _ = nn.init.constant_(net[1].weight, 0.0)
    >>> net[1].weight.data[0, :8] = 1.0  # counts the letter A
    >>> net[1].weight.data[0, 8:16] = -1.0  # less those of C
    >>> proof = certify(net, ["AAAGTGTG", "AAGGTGTG"], 2, task="binary", alphabet="DNA")
    >>> proof.table[["id", "certified_budget", "attacked_budget"]].values.tolist()
    [['seq1', 1, 2], ['seq2', 0, 1]]
    """
    return ask("certify", model, given, threat, **settings)


def compare(
    models: Mapping[str, Model],
    given: Records,
    threat: Budget,
    *,
    seed: int = 0,
    memory: int | None = None,
    progress: Progress | bool = False,
    **settings: Any,
) -> Result[CompareFindings]:
    """Whose adversarial sequences fool whom; see :class:`seqrobust.attacks.settings.AttackSettings`.

    Args:
        models: by name; two or more.
        given, threat: as for :func:`attack`.
        seed, memory, progress: see :func:`seqrobust.api.asking.ask`.
        settings: of the attack, and ``alphabet``, ``task`` and ``labels`` of modules that are not wrapped yet.
    """
    about: dict[str, Any] = {name: settings.pop(name) for name in ("alphabet", "task", "labels") if name in settings}
    subjects = [subject_of(model, given, name=name, **about) for name, model in models.items()]
    opening = Opening(seed=seed, memory=memory, progress=listener(progress))
    row = ANALYSES["compare"]
    return studied(row.load("room"), subjects, told(row, threat, settings), opening)


def ism(model: Model, given: Records, **settings: Any) -> Result[IsmFindings]:
    """What every single substitution does; see :class:`seqrobust.analysis.ism.IsmSettings`."""
    return ask("ism", model, given, **settings)


def motifs(model: Model, given: Records, **settings: Any) -> Result[MotifsFindings]:
    """What motifs do where they are put; see :class:`seqrobust.analysis.motifs.MotifsSettings`."""
    return ask("motifs", model, given, **settings)


def predict(model: Model, given: Records, **settings: Any) -> Result[PredictFindings]:
    """Answers, probabilities and raw outputs; see :class:`seqrobust.analysis.predict.PredictSettings`."""
    return ask("predict", model, given, **settings)


def probe(model: Model, given: Records, threat: Budget = 3, **settings: Any) -> Result[ProbeFindings]:
    """Is the model right for the right reason; see :class:`seqrobust.analysis.probe.ProbeSettings`."""
    return ask("probe", model, given, threat, **settings)


def attribute(model: Model, given: Records, **settings: Any) -> Result[AttributeFindings]:
    """Which letters predictions rest on; see :class:`seqrobust.analysis.attribute.AttributeSettings`."""
    return ask("attribute", model, given, **settings)


def stability(
    model: Model,
    given: Records,
    threat: Budget = "1,3,5",
    *,
    other_models: Mapping[str, Model] | None = None,
    **settings: Any,
) -> Result[StabilityFindings]:
    """Can the explanation be moved while the prediction stays; see
    :class:`seqrobust.analysis.stability.StabilitySettings`.

    Args:
        model, given, threat, settings: as for :func:`attack`.
        other_models: models trained alike, whose explanations are compared with the model's.
    """
    return ask("stability", model, given, threat, others=other_models, **settings)


def uncertainty(
    model: Model,
    given: Records,
    threat: Budget,
    *,
    members: Mapping[str, Model] | None = None,
    **settings: Any,
) -> Result[UncertaintyFindings]:
    """Does an ensemble notice that it is fooled; see :class:`seqrobust.analysis.uncertainty.UncertaintySettings`.

    Args:
        model, given, threat, settings: as for :func:`attack`.
        members: models that make an ensemble with this one; without any, ``dropout_samples`` makes them.
    """
    return ask("uncertainty", model, given, threat, others=members, members=tuple(members or ()), **settings)


def inspect(model: Model, given: Records, threat: Budget, **settings: Any) -> Result[InspectFindings]:
    """What adversarial edits do inside; see :class:`seqrobust.analysis.inspect.InspectSettings`."""
    return ask("inspect", model, given, threat, **settings)


def compress(model: Model, given: Records, threat: Budget, **settings: Any) -> Result[CompressFindings]:
    """Accuracy and robustness of smaller copies; see :class:`seqrobust.analysis.compress.CompressSettings`."""
    return ask("compress", model, given, threat, **settings)


def subgroups(
    folders: str | Path | Sequence[str | Path], *, data: str | Path | None = None, seed: int = 0, **settings: Any
) -> Result[SubgroupsFindings]:
    """Is one species, family or class easier to fool; see :class:`seqrobust.analysis.subgroups.SubgroupsSettings`.

    Args:
        folders: of attacks, as commands or :meth:`~seqrobust.api.result.Result.save` leave them.
        data: the attacked file, for its columns.
        seed: of bootstraps.
        settings: such as ``by=("species",)``.
    """
    row = ANALYSES["subgroups"]
    listed = [folders] if isinstance(folders, str | Path) else folders
    asked = row.load("asked")(results=tuple(map(Path, listed)), data=None if data is None else Path(data))
    opening = Opening(seed=seed)
    room = row.load("room")
    return studied(room, asked.open(opening, action=room.action), told(row, None, settings), opening)


def audit_privacy(
    model: Model,
    members: Records,
    nonmembers: Records,
    *,
    population: Records | None = None,
    seed: int = 0,
    progress: Progress | bool = False,
    **settings: Any,
) -> Result[PrivacyFindings]:
    """Whose records was it trained on; see :class:`seqrobust.analysis.privacy.PrivacySettings`.

    Args:
        model: as for :func:`attack`; the path of a checkpoint says how shadow models are trained alike.
        members, nonmembers: records that it was, and was not, trained on, with targets.
        population: further records that it was not trained on, with which RMIA compares.
        seed, progress: see :func:`seqrobust.api.asking.ask`.
        settings: of the audit, and ``alphabet``, ``task`` and ``labels`` of a module that is not wrapped yet.
    """
    about: dict[str, Any] = {name: settings.pop(name) for name in ("alphabet", "task", "labels") if name in settings}
    row, opening = ANALYSES["privacy"], Opening(seed=seed, progress=listener(progress))
    sides = sides_of(model, members, nonmembers, population, about)
    return studied(row.load("room"), sides, told(row, None, settings), opening)
