"""The run that a new one is to replace: kept whole beside it until the new one is finished.

It waits in a hidden folder, to which its files are moved and from which they come back; its manifest goes last and
comes back first. So whenever a process dies, a manifest in the hidden folder means that a whole run waits there, and
none means that moving was interrupted and everything there belongs back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqrobust.run.manifest import NAME as MANIFEST

NAME = ".replaced"
_NO_RESULT = (MANIFEST, "tensorboard")
"""What every run has from its first moment: nothing that going on could use."""


def outputs_in(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Files and folders in ``folder`` that those patterns name, relative to it; each once, the manifest last."""
    found = {file.relative_to(folder) for pattern in patterns for file in folder.glob(pattern)}
    return sorted(found, key=lambda file: (str(file) == MANIFEST, str(file)))


def waits(folder: Path) -> bool:
    """Whether a whole run waits to be replaced."""
    return (folder / NAME / MANIFEST).exists()


def put_aside(folder: Path, patterns: Sequence[str]) -> None:
    """Move a run's files aside."""
    for file in outputs_in(folder, patterns):
        _move(folder / file, folder / NAME / file)


def put_back(folder: Path) -> None:
    """Bring back whatever was moved aside."""
    aside = folder / NAME
    if waits(folder):
        _move(aside / MANIFEST, folder / MANIFEST)
    for file in list(_files(aside)):
        _move(file, folder / file.relative_to(aside))
    discard(folder)


def discard(folder: Path) -> None:
    """Remove what was moved aside."""
    aside = folder / NAME
    (aside / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(aside, ignore_errors=True)


def remove(folder: Path, patterns: Sequence[str]) -> None:
    """Remove a run's files."""
    for file in outputs_in(folder, patterns):
        place = folder / file
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def has_results(folder: Path, patterns: Sequence[str]) -> bool:
    """Whether an unfinished run has come to anything that it could go on from."""
    for file in outputs_in(folder, patterns):
        inside = [one.relative_to(folder) for one in _files(folder / file)] if (folder / file).is_dir() else [file]
        if any(not set(one.parts) & set(_NO_RESULT) for one in inside):
            return True
    return False


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_symlink() or not file.is_dir())


def _move(file: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        # Interrupted before: the rest of a folder follows what is there of it.
        for one in list(_files(file)):
            _move(one, place / one.relative_to(file))
        shutil.rmtree(file)
        return
    os.replace(file, place)
