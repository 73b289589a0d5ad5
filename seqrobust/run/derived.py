"""What decides the results of a run and which files it reads, derived from what was asked and from the settings.

Nobody lists them by hand: every field of the dataclasses counts, so that a setting or a file that is added later
cannot be forgotten by a run that goes on. Fields that a class names in its ``presentation`` only say how results are
shown or kept: a run may be resumed with others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from seqrobust.files import is_read

FORMAT = 3
"""Of fingerprints: a run whose folder states another one was made by another version, and cannot be resumed."""


@dataclass(frozen=True, kw_only=True)
class Derived:
    """What decides results.

    Attributes:
        settings: values by the path of their field.
        files: files by what they are to the run. Their contents count, not their names.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)


def derived(parts: Mapping[str, Any]) -> Derived:
    """Settings and files of several values; those under an empty name stand by their fields alone."""
    found = Derived(settings={"format": FORMAT})
    for name, value in parts.items():
        _walk(value, name, found)
    return found


def _walk(value: Any, role: str, found: Derived) -> None:
    if is_dataclass(value) and not isinstance(value, type):
        shown = getattr(value, "presentation", ())
        for one in (one for one in fields(value) if one.name not in shown):
            _walk(getattr(value, one.name), f"{role}.{one.name}" if role else one.name, found)
        known = set(found.files.values())
        for file in getattr(value, "files", ()):
            if file not in known:
                found.files[_unused(f"{role or 'file'}, {file.name}", found.files)] = file
    elif isinstance(value, Path) and is_read(value):
        found.files[role] = value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _walk(item, f"{role}.{key}", found)
    elif isinstance(value, (list, tuple)) and any(is_dataclass(item) or isinstance(item, Path) for item in value):
        for number, item in enumerate(value, 1):
            _walk(item, f"{role} {number}", found)
    else:
        found.settings[role] = value


def _unused(role: str, known: Mapping[str, Path]) -> str:
    """The role, numbered where another file has it: checkpoints of several seeds have one name."""
    numbers = (f"{role} ({number})" for number in count(2))
    return next(name for name in chain([role], numbers) if name not in known)
