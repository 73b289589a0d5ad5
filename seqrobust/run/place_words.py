"""Hints in the words of the place: what a command calls ``--protect`` is ``attack.protect`` in a config.

Analyses know their settings by the flags of their commands. Where a config asks them, whoever reads a hint has no
command line to put a flag on.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args, get_type_hints

from seqrobust.errors import InputError
from seqrobust.options import Option
from seqrobust.progress import Progress
from seqrobust.sequences.data_source import Columns

_FLAG = re.compile(r"--[a-z][a-z-]*[a-z]")
_DATA = {"targets": "target"}
"""Columns that a config calls otherwise than the reader does."""


def keys_of(section: str, kind: type) -> Mapping[str, str]:
    """Flag to key: of a section's settings, and of the columns of the data.

    >>> from seqrobust.attacks.settings import AttackSettings
    >>> keys = keys_of("attack", AttackSettings)
    >>> keys["--constraint"], keys["--target-column"], keys["--split"]
    ('attack.constraints', 'data.target', 'attack.split')
    """
    found = {flag: f"data.{_DATA.get(name, name)}" for flag, name in _flags(Columns)}
    return found | {"--split": f"{section}.split"} | {flag: f"{section}.{name}" for flag, name in _flags(kind)}


def _flags(kind: type) -> Iterator[tuple[str, str]]:
    """Flags of a dataclass with the names of their fields."""
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        for one in get_args(hints[field.name])[1:]:
            if isinstance(one, Option):
                yield one.named(field.name), field.name


def as_keys(text: str, keys: Mapping[str, str]) -> str:
    """The text with flags as keys, those that there are.

    >>> as_keys("name some with --functional, or --resume", {"--functional": "probe.functional"})
    'name some with probe.functional, or --resume'
    """
    return _FLAG.sub(lambda found: keys.get(found[0], found[0]), text)


class KeyWords:
    """Progress that says keys where it is told flags."""

    def __init__(self, progress: Progress, keys: Mapping[str, str]) -> None:
        self._progress, self._keys = progress, keys

    def start(self, stage: str, total: float) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.start(stage, total)

    def advance(self, done: float, text: str = "") -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.advance(done, text)

    def say(self, text: str) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.say(as_keys(text, self._keys))


@contextmanager
def in_config(section: str, kind: Any) -> Iterator[Mapping[str, str]]:
    """What is refused within is refused in the words of a config's section; gives its keys by flag."""
    keys = keys_of(section, kind)
    try:
        yield keys
    except InputError as error:
        for name in ("expected", "where", "fix"):
            if (text := getattr(error, name)) is not None:
                setattr(error, name, as_keys(text, keys))
        raise
