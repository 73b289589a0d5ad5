"""The pool of an audit: members and non-members in one row, asked about, with the recipe of their shadow models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.membership import query_tokens
from seqrobust.analysis.membership.scores import Floats
from seqrobust.analysis.privacy.recipe import Recipe, find_recipe
from seqrobust.analysis.privacy.settings import SHADOWS, PrivacySettings
from seqrobust.analysis.sides import Sides, together
from seqrobust.models import Predictor
from seqrobust.sequences import SequenceSet, Targets


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
        other_strand: whether attacks by predicted labels alone ask about both strands.
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


def pool_of(sides: Sides, settings: PrivacySettings, seed: int) -> Pool:
    """Ask the model about the records of both sides, and find the recipe of shadow models.

    Raises ConfigError for a recipe that cannot be read or builds no model for these records.
    """
    predictor, sequences = sides.predictor, together(sides.members, sides.nonmembers)
    queries = query_tokens(sequences, other_strand=settings.other_strand, shifts=settings.shifts, seed=seed)
    answers = np.stack([_answers(predictor, tokens) for tokens in queries])
    notices = list(sides.notices)
    recipe, why_none = find_recipe(settings.recipe, sides.card, sides.targets, sequences, notices)
    if recipe is not None and sides.steps_before:
        notices.append("shadow models are asked without the step before the model, and on one strand")
    shadows = settings.shadows if settings.shadows is not None else SHADOWS if recipe is not None else 0
    return Pool(
        predictor=predictor,
        sequences=sequences,
        targets=sides.targets,
        ids=(*sides.members.ids, *sides.nonmembers.ids),
        is_member=np.repeat([True, False], [len(sides.members), len(sides.nonmembers)]),
        groups=_groups(sides),
        queries=tuple(queries),
        answers=answers,
        other_strand=settings.other_strand,
        population=_population(sides),
        recipe=recipe if shadows else None,
        why_none=why_none if recipe is None else "no shadow models were wanted (--shadows 0)",
        shadows=shadows,
        notices=(*notices, *predictor.notices),
    )


def _groups(sides: Sides) -> tuple[str, ...] | None:
    """Names of groups, where the records of both sides have them."""
    first, second = sides.members.groups, sides.nonmembers.groups
    return None if first is None or second is None else (*map(str, first), *map(str, second))


def _population(sides: Sides) -> Population | None:
    if sides.population is None:
        return None
    sequences = sides.population.sequences
    logits = _answers(sides.predictor, sequences.tokens)
    return Population(sequences=sequences, targets=sides.population.targets, logits=logits)


def _answers(predictor: Predictor, tokens: NDArray[np.uint8]) -> Floats:
    with predictor.attached():
        found = predictor.logits(torch.tensor(tokens, device=predictor.device))
    answers: Floats = found.double().cpu().numpy()
    return answers
