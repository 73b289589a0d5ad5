"""The folder of one command: who may write there, what was run, and how a killed run goes on.

``manifest.json`` is written at the start with ``status: running`` and again at the end, so that a folder says by itself
what it holds. A run goes on only if its *fingerprint*, everything that decides the results, is the same.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from seqrobust import __version__
from seqrobust.errors import ConfigError
from seqrobust.files import plain as plain
from seqrobust.files import sha256, write_json

PARTS = (f"parts/part-{5 * '[0-9]'}.parquet",)
"""Finished pieces of an attack, and no file of the user's own."""

_PACKAGES = ("torch", "pytorch-lightning", "numpy", "pandas", "biopython", "scipy")


class RunFolder:
    """An output folder.

    Args:
        path: the folder; made where it does not exist.
        command: what was called, as one would type it.
        config: everything the user chose.
        inputs: files that are read, by what they are to the run.
        fingerprint: what decides the results; batch size and device, which do not, stay out of it.
        resume: go on with what the folder holds.
        overwrite: start anew in a folder that holds a run.
        leftovers: patterns of the files by which a resumed run tells what is finished; a run that starts anew removes
            them first, for once stopped and resumed it would take an earlier run's work for its own.
        shared: whether every process of a distributed training is given this folder, of which the first writes. An
            attack is never shared: processes that a scheduler numbers may well attack one model each.

    Raises ConfigError for a folder that cannot be written to, holds another run, or, on resume, a run of other
    settings, which are named.
    """

    def __init__(
        self,
        path: Path,
        *,
        command: str,
        config: Mapping[str, Any],
        inputs: Sequence[Path] | Mapping[str, Path],
        fingerprint: Mapping[str, Any],
        resume: bool = False,
        overwrite: bool = False,
        leftovers: Sequence[str] = PARTS,
        shared: bool = False,
    ) -> None:
        self._manifest: dict[str, Any]
        self.path = path
        self._started = time.time()
        if shared and not leads():
            self._manifest = {}
            return
        self._claim(resume=resume, overwrite=overwrite)
        files = described(inputs)
        marks = decisive_marks(fingerprint, files)
        before = self._read_manifest() if resume else None
        if before is not None:
            _same_run(before.get("fingerprint", {}), marks, files)
        else:
            self._clear(leftovers)
        self._manifest = {
            "status": "running",
            "command": command,
            "config": plain(config),
            "versions": versions(),
            "inputs": files,
            "fingerprint": marks,
            "started": _now(),
        }
        self.write_json("manifest.json", self._manifest)

    def _claim(self, *, resume: bool, overwrite: bool) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                "the output folder cannot be written to", found=error.strerror or str(error), where=str(self.path)
            ) from None
        if (self.path / "manifest.json").exists() and not (resume or overwrite):
            raise ConfigError(
                "the output folder holds a run already",
                where=str(self.path),
                fix="choose another --out, go on with --resume, or start anew with --overwrite",
            )

    def _read_manifest(self) -> dict[str, Any] | None:
        try:
            manifest = json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))
            found = type(manifest).__name__
        except FileNotFoundError:
            return None
        except ValueError as error:
            manifest, found = None, str(error)
        if isinstance(manifest, dict):
            return manifest
        raise ConfigError(
            "the folder's manifest cannot be read", found=found, where=str(self.path), fix="start anew with --overwrite"
        )

    def _clear(self, patterns: Sequence[str]) -> None:
        for pattern in patterns:
            for file in self.path.glob(pattern):
                file.unlink()

    @property
    def parts(self) -> Path:
        """Folder of finished pieces of an unfinished run."""
        return self.path / "parts"

    @property
    def manifest(self) -> dict[str, Any]:
        """What ``manifest.json`` holds."""
        return self._manifest

    def write_json(self, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """A JSON file with NaN and infinity as null; gives what it holds."""
        return write_json(self.path / name, content)

    def finish(self, **more: Any) -> None:
        """Note the end of the run, and whatever else is known by then."""
        self._manifest |= {
            "status": "finished",
            "finished": _now(),
            "seconds": round(time.time() - self._started, 3),
            **plain(more),
        }
        self.write_json("manifest.json", self._manifest)

    def fail(self, *results: str, **more: Any) -> None:
        """Note that the run's results cannot be believed, and why; files of those names, an earlier run's, go."""
        for name in results:
            (self.path / name).unlink(missing_ok=True)
        self._manifest |= {"status": "failed", "finished": _now(), **plain(more)}
        self.write_json("manifest.json", self._manifest)


def leads() -> bool:
    """Whether this process is the one that writes: in distributed training the same command runs once per device."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


def described(inputs: Sequence[Path] | Mapping[str, Path]) -> list[dict[str, Any]]:
    """What a manifest says of input files: role, path, size and SHA-256."""
    named = inputs if isinstance(inputs, Mapping) else {f"input {n}": file for n, file in enumerate(inputs, 1)}
    return [
        {"role": role, "path": str(file), "bytes": file.stat().st_size, "sha256": sha256(file)}
        for role, file in named.items()
    ]


def decisive_marks(fingerprint: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A fingerprint with the contents of the input files, as the manifest keeps it."""
    marks: dict[str, Any] = plain({**fingerprint, **{f"contents of {one['role']}": one["sha256"] for one in files}})
    return marks


def _same_run(before: Mapping[str, Any], now: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> None:
    if before.get("format") != now.get("format"):
        raise ConfigError(
            "the folder holds a run of another version of seqrobust, which cannot be resumed",
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


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
