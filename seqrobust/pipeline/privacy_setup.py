"""What ``seqrobust privacy`` is told, and the pool of members and non-members that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import ConfigError, DataError
from seqrobust.models import ModelCard, Predictor
from seqrobust.pipeline.inputs import DataSource, input_fingerprint
from seqrobust.pipeline.model_stage import ModelSource, open_predictor
from seqrobust.pipeline.privacy_recipe import Recipe, find_recipe, splits_as_trained
from seqrobust.pipeline.progress import Progress
from seqrobust.sequences import SequenceSet, Targets, encode_targets
from seqrobust.sequences.readers import read_sequences

THRESHOLDS = ("loss", "confidence", "margin", "entropy", "modified_entropy")
"""Attacks by one number of the audited model."""
WITH_SHADOWS = ("shadow_beta", "shadow_gaussian", "lira_online", "lira_offline", "rmia")
"""Attacks that compare with shadow models."""
LABEL_ONLY = "label_only"
ATTACKS = (*THRESHOLDS, *WITH_SHADOWS, LABEL_ONLY)
SHADOWS = 32
"""Shadow models where the recipe is known and no number is given."""
_FEWEST_SHADOWS = 4
_TRIED = 64


@dataclass(frozen=True, kw_only=True)
class PrivacyCommand:
    """Everything a call of ``seqrobust privacy`` says.

    Attributes:
        model: what is audited.
        members, nonmembers: records that it was, and was not, trained on; splits of one file, or two files.
        out: folder to write to.
        attacks: names among :data:`ATTACKS`; all that apply where there are none.
        shadows: how many shadow models are trained; None for :data:`SHADOWS` where the recipe is known, else none.
        recipe: config whose model and training shadow models take; None for the checkpoint's own.
        prior: probability that a record is a member, of the shadow attacks' verdicts.
        label_only: also attack by answers alone, under random substitutions.
        identity: share of letters in common from which on records count as near copies.
        draw: whether to draw ``privacy.png``.
        seed: of everything that is drawn.
        device, batch_size, resume, overwrite, command: as for an attack.
    """

    model: ModelSource
    members: DataSource
    nonmembers: DataSource
    out: Path
    attacks: tuple[str, ...] = ()
    shadows: int | None = None
    recipe: Path | None = None
    prior: float = 0.5
    label_only: bool = False
    identity: float = 0.9
    draw: bool = True
    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        if unknown := [name for name in self.attacks if name not in ATTACKS]:
            raise ConfigError("unknown value", expected=", ".join(ATTACKS), found=repr(unknown[0]), where="--attacks")
        if self.shadows is not None and 0 != self.shadows < _FEWEST_SHADOWS:
            expected = f"0, or {_FEWEST_SHADOWS} and more"
            raise ConfigError("too few shadow models", expected=expected, found=str(self.shadows), where="--shadows")
        for option, share in (("--prior", self.prior), ("--identity", self.identity)):
            if not 0 < share < 1:
                raise ConfigError("a share lies between 0 and 1", found=f"{share:g}", where=option)
        if self.members == self.nonmembers:
            raise ConfigError(
                "members and non-members are the same records",
                found=f"{self.members.path}, split {self.members.split or 'all'}",
                fix="name two files, or two splits of one",
            )

    @property
    def files(self) -> list[Path]:
        """Files that are read."""
        named = [*self.model.files, *self.members.files, *self.nonmembers.files]
        return list(dict.fromkeys([*named, *([self.recipe] if self.recipe else [])]))

    @property
    def wanted(self) -> tuple[str, ...]:
        """Names of the attacks that are asked for."""
        named = self.attacks or (*THRESHOLDS, *WITH_SHADOWS)
        return tuple(dict.fromkeys((*named, *([LABEL_ONLY] if self.label_only else []))))


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """N records, members first.

    Attributes:
        predictor: of the audited model.
        sequences, targets: of the records.
        ids: as the files name them; a member and a non-member may share one.
        is_member: (N,) bool.
        groups: (N,) names, or None.
        logits: (N, outputs) of the audited model.
        recipe: of shadow models, or None.
        why_none: why there is no recipe.
        shadows: how many to train.
        notices: what should be known.
    """

    predictor: Predictor
    sequences: SequenceSet
    targets: Targets
    ids: tuple[str, ...]
    is_member: NDArray[np.bool_]
    groups: tuple[str, ...] | None
    logits: Floats
    recipe: Recipe | None
    why_none: str
    shadows: int
    notices: tuple[str, ...]

    @property
    def classes(self) -> NDArray[np.int64] | None:
        """(N,) class of each record, where it has one."""
        return self.targets.values.astype(np.int64) if self.targets.values.ndim == 1 else None

    @property
    def sides(self) -> tuple[SequenceSet, SequenceSet]:
        """Members and non-members."""
        return self.sequences.take(self.is_member), self.sequences.take(~self.is_member)

    @property
    def class_names(self) -> list[str] | None:
        """N names of classes; None for a regression and for several labels."""
        return None if self.classes is None else [self.targets.labels[number] for number in self.classes]


def fingerprint(call: PrivacyCommand) -> dict[str, Any]:
    """What decides the answers of shadow models. Attacks and prior stay out of it: what rests on them is computed anew
    in a moment.
    """
    # Relatives stay in one half, so that the identity decides the halves.
    own = {name: getattr(call, name) for name in ("shadows", "recipe", "seed", "identity")}
    other = {f"nonmembers_{name}": value for name, value in input_fingerprint(call.model, call.nonmembers).items()}
    return {**input_fingerprint(call.model, call.members), **other, **own}


def open_pool(call: PrivacyCommand, progress: Progress) -> Pool:
    """Open the model, read both kinds of records, and try the one on the other.

    Raises InputError for what cannot be used: records without targets, none of one kind, or the same on both sides.
    """
    predictor, card = open_predictor(
        call.model, alphabet=call.model.known_alphabet, device=call.device, batch_size=call.batch_size
    )
    said: list[str] = []
    members, nonmembers = _sides(call, predictor, card, said)
    _check_apart(members, nonmembers)
    sequences = _together(members, nonmembers)
    rows = np.unique(np.linspace(0, len(sequences) - 1, min(len(sequences), _TRIED)).astype(np.int64))
    predictor.check(torch.tensor(sequences.tokens[rows]))
    targets = _targets(call, predictor, card, (members, nonmembers))
    with predictor.attached():
        logits = predictor.logits(torch.tensor(sequences.tokens, device=predictor.device)).double().cpu().numpy()
    recipe, why_none = find_recipe(call.recipe, card, targets, sequences, said)
    if recipe is not None and (call.model.average_strands or call.model.preprocess):
        said.append("shadow models are asked without the step before the model, and on one strand")
    shadows = call.shadows if call.shadows is not None else SHADOWS if recipe is not None else 0
    said += predictor.notices
    for notice in said:
        progress.say(notice)
    named = members.groups is not None and nonmembers.groups is not None
    return Pool(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        ids=(*members.ids, *nonmembers.ids),
        is_member=np.repeat([True, False], [len(members), len(nonmembers)]),
        groups=(*map(str, members.groups), *map(str, nonmembers.groups)) if named else None,  # type: ignore[arg-type]
        logits=logits,
        recipe=recipe if shadows else None,
        why_none=why_none if recipe is None else "no shadow models were wanted (--shadows 0)",
        shadows=shadows,
        notices=tuple(said),
    )


def _sides(
    call: PrivacyCommand, predictor: Predictor, card: ModelCard | None, said: list[str]
) -> tuple[SequenceSet, SequenceSet]:
    longest = card.provenance.get("max_length") if card else None
    trained = splits_as_trained(call.members, card, said) if call.members.path == call.nonmembers.path else None
    both = []
    for source, kind in ((call.members, "members"), (call.nonmembers, "non-members")):
        loaded = read_sequences(
            source.path,
            alphabet=predictor.alphabet,
            format=source.format,
            columns=source.columns,
            genome=source.genome,
            annotation=source.annotation,
            where=source.where,
            max_length=source.max_length or longest,
        )
        said += [notice for notice in loaded.notices if notice not in said]
        records = loaded.sequences
        if trained is not None:
            splits = np.asarray([trained.get(name, "") for name in records.ids], dtype=np.str_)
            records = replace(records, splits=splits)
        records = records if source.split is None else records.in_split(source.split)
        if not len(records):
            raise DataError(f"there are no {kind}", expected="a record or more", where=str(source.path))
        both.append(records)
    return both[0], both[1]


def _together(members: SequenceSet, nonmembers: SequenceSet) -> SequenceSet:
    """Letters and regions of both, without names: a member and a non-member may share one."""
    sides = (members, nonmembers)
    return SequenceSet.from_texts(
        [text for side in sides for text in side.texts],
        members.alphabet,
        regions=[side.regions.of(record) for side in sides for record in range(len(side))],
    )


def _check_apart(members: SequenceSet, nonmembers: SequenceSet) -> None:
    """A record of one name and the same letters on both sides is one record; copies of other names are told later."""
    known = set(zip(members.ids, members.texts, strict=True))
    shared = [name for name, text in zip(nonmembers.ids, nonmembers.texts, strict=True) if (name, text) in known]
    if shared:
        raise DataError(
            "members and non-members overlap",
            expected="no record on both sides",
            found=f"{shared[0]!r}" + (f" and {len(shared) - 1} more" if len(shared) > 1 else ""),
            fix="give as non-members records that the model was not trained on",
        )


def _targets(
    call: PrivacyCommand, predictor: Predictor, card: ModelCard | None, sides: tuple[SequenceSet, SequenceSet]
) -> Targets:
    encoded = []
    for side, source in zip(sides, (call.members, call.nonmembers), strict=True):
        if side.targets is None:
            raise DataError(
                "the records have no targets, and membership shows in how well the true one is answered",
                expected="a target column",
                where=str(source.path),
                fix="name it with --target-column",
            )
        try:
            encoded.append(encode_targets(side.targets, predictor.task, predictor.labels))
        except DataError as error:
            if card is None and call.model.labels is None and predictor.task != "regression":
                error.fix = "name what the model's outputs mean, in their order: --labels NAME,NAME,..."
            raise error.at(str(source.path)) from None
    values = np.concatenate([part.values for part in encoded])
    return replace(encoded[0], values=values)
