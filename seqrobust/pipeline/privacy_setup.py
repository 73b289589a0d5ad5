"""What ``seqrobust privacy`` is told, and the pool of members and non-members that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.membership import query_tokens
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import ConfigError, DataError
from seqrobust.models import Predictor
from seqrobust.models.opening import open_predictor
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.inputs import DataSource, input_fingerprint
from seqrobust.pipeline.privacy_recipe import Recipe, find_recipe
from seqrobust.pipeline.privacy_records import Reading, together
from seqrobust.pipeline.privacy_settings import SHADOWS, PrivacySettings
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet, Targets

_TRIED = 64


@dataclass(frozen=True, kw_only=True)
class PrivacyCommand(PrivacySettings):
    """Everything a call of ``seqrobust privacy`` says.

    Attributes:
        model: what is audited.
        members, nonmembers: records that it was, and was not, trained on; splits of one file, or two files.
        population: further records that it was not trained on, with which RMIA compares; None for the non-members.
        out: folder to write to.
        recipe: config whose model and training shadow models take; None for the checkpoint's own.
        draw: whether to draw ``privacy.png``.
        seed: of everything that is drawn.
        device, batch_size, resume, overwrite, command: as for an attack.
    """

    model: ModelSource
    members: DataSource
    nonmembers: DataSource
    out: Path
    population: DataSource | None = None
    recipe: Path | None = None
    draw: bool = True
    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.members == self.nonmembers:
            raise ConfigError(
                "members and non-members are the same records",
                found=f"{self.members.path}, split {self.members.split or 'all'}",
                fix="name two files, or two splits of one",
            )

    @property
    def files(self) -> list[Path]:
        """Files that are read."""
        population = self.population.files if self.population else []
        named = [*self.model.files, *self.members.files, *self.nonmembers.files, *population]
        return list(dict.fromkeys([*named, *([self.recipe] if self.recipe else [])]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Z records that no model here is trained on.

    Attributes:
        sequences, targets: of the records.
        logits: (Z, outputs) of the audited model.
    """

    sequences: SequenceSet
    targets: Targets
    logits: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """N records, members first.

    Attributes:
        predictor: of the audited model.
        sequences, targets: of the records.
        ids: as the files name them; a member and a non-member may share one.
        is_member: (N,) bool.
        groups: (N,) names, or None.
        queries: Q arrays (N, L) of tokens that models are asked about, the records themselves first.
        answers: (Q, N, outputs) logits of the audited model.
        other_strand: whether attacks by answers alone ask about both strands.
        population: records that RMIA compares with; None for the non-members.
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
    queries: tuple[NDArray[np.uint8], ...]
    answers: Floats
    other_strand: bool
    population: Population | None
    recipe: Recipe | None
    why_none: str
    shadows: int
    notices: tuple[str, ...]

    @property
    def logits(self) -> Floats:
        """(N, outputs) of the audited model, of the records as they are."""
        first: Floats = self.answers[0]
        return first

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
    own = {name: getattr(call, name) for name in ("shadows", "recipe", "seed", "identity", "other_strand", "shifts")}
    found = input_fingerprint(call.model, call.members)
    for kind, source in (("nonmembers", call.nonmembers), ("population", call.population)):
        values = {} if source is None else input_fingerprint(call.model, source)
        found |= {f"{kind}_{name}": value for name, value in values.items()}
    return {**found, **own}


def open_pool(call: PrivacyCommand, progress: Progress) -> Pool:
    """Open the model, read both kinds of records, and try the one on the other.

    Raises InputError for what cannot be used: records without targets, none of one kind, or the same on both sides.
    """
    predictor, card = open_predictor(
        call.model, alphabet=call.model.known_alphabet, device=call.device, batch_size=call.batch_size
    )
    said: list[str] = []
    reading = Reading(predictor=predictor, card=card, labels_named=call.model.labels is not None, said=said)
    members, nonmembers = reading.sides(call.members, call.nonmembers)
    sequences = together(members, nonmembers)
    rows = np.unique(np.linspace(0, len(sequences) - 1, min(len(sequences), _TRIED)).astype(np.int64))
    predictor.check(torch.tensor(sequences.tokens[rows]))
    encoded = [reading.targets(*side) for side in ((members, call.members), (nonmembers, call.nonmembers))]
    targets = replace(encoded[0], values=np.concatenate([part.values for part in encoded]))
    queries = query_tokens(sequences, other_strand=call.other_strand, shifts=call.shifts, seed=call.seed)
    answers = np.stack([_answers(predictor, tokens) for tokens in queries])
    population = _population(call.population, reading, (members, nonmembers))
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
        queries=tuple(queries),
        answers=answers,
        other_strand=call.other_strand,
        population=population,
        recipe=recipe if shadows else None,
        why_none=why_none if recipe is None else "no shadow models were wanted (--shadows 0)",
        shadows=shadows,
        notices=tuple(said),
    )


def _population(
    source: DataSource | None, reading: Reading, sides: tuple[SequenceSet, SequenceSet]
) -> Population | None:
    """The population's records, without those that are members or non-members."""
    if source is None:
        return None
    records = reading.records(source, "population records")
    known = {text for side in sides for text in side.texts}
    fresh = np.array([text not in known for text in records.texts])
    if not fresh.all():
        reading.said.append(f"{int((~fresh).sum()):,} population records are members or non-members, and left out")
    if not fresh.any():
        raise DataError("no population is left", expected="records on neither side", where=str(source.path))
    kept = records.take(fresh)
    targets = reading.targets(kept, source)
    return Population(sequences=kept, targets=targets, logits=_answers(reading.predictor, kept.tokens))


def _answers(predictor: Predictor, tokens: NDArray[np.uint8]) -> Floats:
    with predictor.attached():
        found = predictor.logits(torch.tensor(tokens, device=predictor.device))
    answers: Floats = found.double().cpu().numpy()
    return answers
