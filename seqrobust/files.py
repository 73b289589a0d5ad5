"""Files that are either whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from seqrobust.errors import DataError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to; it takes the place of ``path`` when the block ends well.

    The temporary name keeps the suffixes, by which writers tell formats and compression. Where the block fails,
    whatever stood at ``path`` before stands there still; where the machine does, one or the other, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def sweep(folder: Path) -> None:
    """Remove the temporary files of :func:`replacing` that processes left there when they were killed."""
    for file in folder.rglob(".[0-9]*.*"):
        number = file.name[1:].partition(".")[0]
        if number.isdecimal() and file.is_file() and not _runs(int(number)):
            file.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Whether that process, other than this one, is alive on this machine."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def is_file(path: Path | str) -> bool:
    """Whether that is a file; no for what no file can be called, such as a pattern of 300 letters."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def is_read(path: Path | str) -> bool:
    """Whether bytes are read there: from a file, or from a pipe, of which it is to be said that it cannot be."""
    try:
        return Path(path).exists() and not Path(path).is_dir()
    except (OSError, ValueError):
        return False


def is_there(path: Path | str) -> bool:
    """Whether that is a file or a folder; no for what neither can be called."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def home_expanded(text: str) -> Path:
    """The path with ``~`` as the home; as it stands where there is no such home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Write a JSON file with NaN and infinity as null, whole or not at all; gives what it holds."""
    held: dict[str, Any] = plain(content)
    write_text(path, json.dumps(held, indent=2, allow_nan=False) + "\n")
    return held


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes. Raises DataError for a pipe, whose bytes can be read only once."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(
            "an input is a pipe, which can be read only once",
            expected="a file: its checksum stands in the manifest beside the results",
            where=str(path),
            fix="write it into a file first",
        )
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def plain(value: Any) -> Any:
    """A value as JSON holds it: dataclasses by field, paths and other objects as text, NaN and infinity as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
