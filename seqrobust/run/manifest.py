"""What ``manifest.json`` says of a run: what was read, what decides its results, with which versions."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from seqrobust import __version__
from seqrobust.errors import ConfigError
from seqrobust.files import plain, sha256

NAME = "manifest.json"

_PACKAGES = ("torch", "pytorch-lightning", "numpy", "pandas", "biopython", "scipy")


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest of a folder, or None where there is none. Raises ConfigError for one that is not a run's."""
    try:
        manifest = json.loads((path / NAME).read_text(encoding="utf-8"))
        found = type(manifest).__name__
    except FileNotFoundError:
        return None
    except ValueError as error:
        manifest, found = None, str(error)
    if isinstance(manifest, dict) and "fingerprint" in manifest:
        return manifest
    raise ConfigError(
        "the folder's manifest.json is not one of seqrobust's, or damaged",
        found=found,
        where=str(path),
        fix="choose another --out, or remove the folder yourself",
    )


def described(inputs: Sequence[Path] | Mapping[str, Path]) -> list[dict[str, Any]]:
    """What a manifest says of input files: role, path, size and SHA-256."""
    named = inputs if isinstance(inputs, Mapping) else {f"input {n}": file for n, file in enumerate(inputs, 1)}
    return [
        {"role": role, "path": str(file), "bytes": file.stat().st_size, "sha256": sha256(file)}
        for role, file in named.items()
    ]


def decisive_marks(fingerprint: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A fingerprint with the contents of the input files, as the manifest keeps it."""
    marks: dict[str, Any] = plain(
        {"seqrobust": __version__, **fingerprint, **{f"contents of {one['role']}": one["sha256"] for one in files}}
    )
    return marks


def same_run(before: Mapping[str, Any], now: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> None:
    """Raise ConfigError, naming what differs, unless both fingerprints are the same."""
    if before.get("format") != now.get("format") or before.get("seqrobust") != now.get("seqrobust"):
        raise ConfigError(
            "the folder holds a run of another version of seqrobust, which cannot be resumed",
            expected=f"version {before.get('seqrobust', 'unknown')}",
            found=f"version {now.get('seqrobust')}",
            fix="start anew with --overwrite, or choose another --out",
        )
    changed = [key for key in {*before, *now} if before.get(key) != now.get(key)]
    if changed:
        key = sorted(changed)[0]
        raise ConfigError(
            "the folder holds a run of other settings, which cannot be resumed",
            expected=f"{key} = {before.get(key)}",
            found=f"{key} = {now.get(key)}" + (f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""),
            where=next((str(one["path"]) for one in files if key == f"contents of {one['role']}"), None),
            fix="use the same settings, or another --out",
        )


def versions() -> dict[str, str]:
    """Versions of Python, this package and those its results rest on."""
    found = {"seqrobust": __version__, "python": platform.python_version(), "platform": sys.platform}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def now() -> str:
    """Date and time in UTC, as ISO 8601 writes them."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
