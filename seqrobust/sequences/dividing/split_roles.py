"""What the values of a split column mean, where they are not called train, valid and test.

A guess that is wrong attacks the records a model was trained on, or trains on those it is tested on; so values are
taken for a role by its usual names alone, and one whose meaning nobody can tell is left out, and said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ROLES: Mapping[str, frozenset[str]] = {
    "train": frozenset({"train", "training", "trn", "fit", "learn", "learning"}),
    "valid": frozenset({"valid", "validation", "val", "dev", "development", "tune", "tuning"}),
    "test": frozenset(
        {"test", "testing", "tst", "benchmark", "holdout", "heldout", "eval", "evaluation", "independent", "blind"}
    ),
}
"""Role to the words it usually goes by, in small letters."""
_AROUND = re.compile(r"[\s_-]+|(?:set|split|data|part)$")
_FOLD = re.compile(r"(?:cv|fold)?[\s_-]*(\d+)(?:\.0*)?", re.IGNORECASE)
_MOST_FOLDS = 20


@dataclass(frozen=True, kw_only=True)
class SplitRoles:
    """The roles of a split column's values.

    Attributes:
        folds: role to the values that it is made of; empty where nothing could be told.
        unknown: values that have none.
        numbered: the values are numbers of folds, of which one was chosen for testing.
    """

    folds: Mapping[str, tuple[str, ...]]
    unknown: tuple[str, ...] = ()
    numbered: bool = False

    @property
    def usual(self) -> bool:
        """Whether every value is called after its role, so that nothing needs mapping."""
        return not self.unknown and all(values == (role,) for role, values in self.folds.items())


def role_of(value: str) -> str | None:
    """The role that a value names, None for another word.

    >>> role_of("Training_set"), role_of("benchmark"), role_of("held-out"), role_of("A")
    ('train', 'test', 'test', None)
    """
    word = _AROUND.sub("", value.strip().casefold())
    return next((role for role, words in ROLES.items() if word in words), None)


def split_roles(values: Sequence[str]) -> SplitRoles:
    """The roles of a column's different values.

    Numbered folds are told by three numbers or more: the last is for testing, the one before for validation.

    >>> split_roles(["train", "val", "benchmark"]).folds
    {'train': ('train',), 'valid': ('val',), 'test': ('benchmark',)}
    >>> split_roles(["0", "1", "2"]).folds
    {'train': ('0',), 'valid': ('1',), 'test': ('2',)}
    """
    known = list(dict.fromkeys(values))
    if (numbers := _fold_numbers(known)) is not None:
        ordered = [value for _, value in sorted(zip(numbers, known, strict=True))]
        folds = {"train": tuple(ordered[:-2]), "valid": (ordered[-2],), "test": (ordered[-1],)}
        return SplitRoles(folds=folds, numbered=True)
    named = {role: tuple(value for value in known if role_of(value) == role) for role in ROLES}
    folds = {role: found for role, found in named.items() if found}
    if "train" not in folds:
        return SplitRoles(folds={}, unknown=tuple(known))
    return SplitRoles(folds=folds, unknown=tuple(value for value in known if role_of(value) is None))


def looks_like_splits(values: Sequence[str]) -> bool:
    """Whether a column is about who trains and who is tested: most of its values name roles, and one is training."""
    found = [role_of(value) for value in dict.fromkeys(values)]
    return "train" in found and len(set(found) - {None}) > 1 and found.count(None) <= 2


def _fold_numbers(known: Sequence[str]) -> list[int] | None:
    found = [_FOLD.fullmatch(value.strip()) for value in known]
    if not 3 <= len(known) <= _MOST_FOLDS or not all(found):
        return None
    return [int(one[1]) for one in found if one is not None]
