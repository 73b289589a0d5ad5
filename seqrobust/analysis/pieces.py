"""Finished pieces of a study: made once, then read, so that a run that was stopped does not repeat them.

Beside the pieces of a folder stands ``sums.jsonl``, a line for each: its name, the SHA-256 of its bytes, and the mark
of the run that made it. A piece that does not agree, because a disk or a copy changed it, or because it was another
shard's or another run's, is made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import DataError
from seqrobust.files import replacing, sha256

Arrays = dict[str, NDArray[Any]]
Say = Callable[[str], None]
SUMS = "sums.jsonl"
_DEPTH = 4
"""Folders above a piece, at most, in which the manifest of its run stands."""


@contextmanager
def keeping(path: Path) -> Iterator[Path]:
    """A temporary name to write a piece to, which appears whole or not at all, with its checksum."""
    with replacing(path) as temporary:
        yield temporary
        line = {"name": path.name, "sha256": sha256(temporary), "run": run_of(path)}
        with (path.parent / SUMS).open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(line) + "\n")
            handle.flush()
            os.fsync(handle.fileno())


def whole(path: Path, say: Say) -> bool:
    """Whether a piece is there as this run once wrote it; one that is not any more is said, and to be made again.

    Raises DataError for a folder in its place.
    """
    if not path.exists():
        return False
    if path.is_file() and _sums(path.parent).get(path.name) == (sha256(path), run_of(path)):
        return True
    say(f"{path} is not as this run left it, and is made again")
    if path.is_dir():
        raise DataError(
            "a folder stands where a finished piece of the run is kept", where=str(path), fix="move it away"
        )
    return False


def _sums(folder: Path) -> dict[str, tuple[str, str]]:
    """Checksum and mark of the run by the name of a piece, as they were written last."""
    try:
        state = (folder / SUMS).stat()
    except FileNotFoundError:
        return {}
    return _read_sums(folder / SUMS, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _read_sums(file: Path, _size: int, _changed: int) -> dict[str, tuple[str, str]]:
    found = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            one = json.loads(line)
            found[str(one["name"])] = (str(one["sha256"]), str(one["run"]))
        except (ValueError, KeyError, TypeError):
            # Written only in part, or damaged: its piece is made again.
            continue
    return found


def run_of(path: Path) -> str:
    """What tells the run of a piece from others: a digest of the fingerprint in the manifest above it."""
    for folder in list(path.absolute().parents)[:_DEPTH]:
        if (folder / "manifest.json").exists():
            fingerprint = json.loads((folder / "manifest.json").read_text(encoding="utf-8")).get("fingerprint")
            return hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()
    return ""


def kept(path: Path, make: Callable[[], dict[str, Any]], say: Say) -> dict[str, Any]:
    """A piece: read where its file is there, otherwise made and written.

    What is given is always what the file holds, so that a resumed run cannot differ from one that was never stopped:
    numbers keep every digit, NaN and infinity stay themselves, and tuples become lists.
    """
    if not whole(path, say):
        text = json.dumps(make(), default=_number)
        with keeping(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _number(value: Any) -> Any:
    """A number or an array of numpy as Python holds it."""
    return value.tolist()


def kept_arrays(path: Path | None, make: Callable[[], Arrays], say: Say) -> Arrays:
    """A piece made of arrays of numbers, kept in a file of numpy's; not kept where there is no path."""
    if path is None:
        return make()
    if not whole(path, say):
        arrays = make()
        with keeping(path) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}
