"""The folder of one command: who may write there, what was run, and how a killed run goes on.

``manifest.json`` is written at the start with ``status: running`` and again at the end, so that a folder says by itself
what it holds. A run goes on only if its *fingerprint*, everything that decides the results, is the same.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqrobust.analysis.pieces import SUMS
from seqrobust.errors import ConfigError
from seqrobust.files import plain, sweep, write_json
from seqrobust.run import aside
from seqrobust.run.lock import locked
from seqrobust.run.manifest import NAME as MANIFEST
from seqrobust.run.manifest import decisive_marks, described, now, read_manifest, same_run, versions

BASE = ("manifest.json", "metrics.json", f"parts/{SUMS}", f"parts/*/{SUMS}")
"""Files that every run leaves."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a run says of the folder it is to have.

    Attributes:
        kind: of run: the name of an analysis, ``train``, ``run`` ...; folders of one kind are not another's to use.
        command: what was called, as one would type it.
        config: everything the user chose.
        inputs: files that are read, by what they are to the run.
        fingerprint: what decides the results; batch size and device, which do not, stay out of it.
        outputs: patterns of what the run leaves beside :data:`BASE`, finished pieces of unfinished work included.
        resume: go on with what the folder holds.
        overwrite: start anew in a folder that holds a run.
        shared: whether every process of a distributed training is given this folder, of which the first writes. An
            attack is never shared: processes that a scheduler numbers may well attack one model each.
        say: hears what a user should know of the folder.
    """

    kind: str
    command: str
    config: Mapping[str, Any]
    inputs: Sequence[Path] | Mapping[str, Path]
    fingerprint: Mapping[str, Any]
    outputs: Sequence[str] = ()
    resume: bool = False
    overwrite: bool = False
    shared: bool = False
    say: Callable[[str], None] = field(default=lambda _: None)

    @property
    def patterns(self) -> tuple[str, ...]:
        """Of every file that the run writes."""
        return (*BASE, *self.outputs)


@contextmanager
def held(path: Path, claim: Claim) -> Iterator[RunFolder]:
    """A folder that is this run's alone while the block lasts; made where it does not exist.

    A run that is overwritten waits aside, whole, and goes when the block ends with :meth:`RunFolder.finish` called. It
    comes back when the block fails before there is anything to go on from; when there is, both stay, and it is said.

    Raises ConfigError for a folder that cannot be written to, in which another process works, that holds files of the
    user's own under the names of the run's outputs, an input among them, or another run, or, on resume, a run of other
    settings, which are named.
    """
    if claim.shared and not leads():
        yield RunFolder(path, {}, writes=False)
        return
    _make(path)
    with locked(path, claim.say):
        sweep(path)
        folder = RunFolder(path, _claimed(path, claim))
        folder.write_json(MANIFEST, folder.manifest)
        try:
            yield folder
        except BaseException:
            _failed(path, claim)
            raise
        if folder.manifest["status"] == "finished":
            aside.discard(path)


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            "the output folder cannot be written to", found=error.strerror or str(error), where=str(path)
        ) from None


def _claimed(path: Path, claim: Claim) -> dict[str, Any]:
    """The manifest of a run that begins, or goes on, in a folder that is found fit for it."""
    if (path / aside.NAME).exists() and not aside.waits(path):
        # Moving a run aside, or back, was interrupted: what lies there belongs here.
        aside.put_back(path)
    before = read_manifest(path)
    if before is None:
        _no_strangers(path, claim)
    elif not (claim.resume or claim.overwrite):
        raise ConfigError(
            "the output folder holds a run already",
            where=str(path),
            fix="choose another --out, go on with --resume, or start anew with --overwrite",
        )
    elif before.get("kind", claim.kind) != claim.kind:
        raise ConfigError(
            "the output folder holds a run of another kind",
            expected=f"an empty folder, or one of {claim.kind!r}",
            found=f"one of {before['kind']!r}",
            where=str(path),
            fix="choose another --out",
        )
    files = described(claim.inputs)
    _no_input_among_outputs(path, claim, files)
    marks = decisive_marks(claim.fingerprint, files)
    if before is not None and claim.resume:
        same_run(before.get("fingerprint", {}), marks, files)
    elif before is not None and aside.waits(path):
        # What stands here never came to an end; what waits is still what is to be replaced.
        aside.remove(path, claim.patterns)
    elif before is not None:
        aside.put_aside(path, claim.patterns)
    return {
        "status": "running",
        "kind": claim.kind,
        "command": claim.command,
        "config": plain(claim.config),
        "versions": versions(),
        "inputs": files,
        "fingerprint": marks,
        "started": now(),
    }


def _no_strangers(path: Path, claim: Claim) -> None:
    """Raise ConfigError where the run would write over files that no run left."""
    found = [
        str(one)
        for one in aside.outputs_in(path, claim.patterns)
        if not (path / one / MANIFEST).exists() and ((path / one).is_file() or any((path / one).iterdir()))
    ]
    if found:
        raise ConfigError(
            "the output folder holds files that this run would write over, and no manifest.json to say that a run of "
            "seqrobust left them",
            found=", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else ""),
            where=str(path),
            fix="choose another --out, or move those files away",
        )


def _no_input_among_outputs(path: Path, claim: Claim, files: Sequence[Mapping[str, Any]]) -> None:
    outputs = {(path / one).resolve() for one in aside.outputs_in(path, claim.patterns)}
    for one in files:
        file = Path(one["path"]).resolve()
        if outputs & {file, *file.parents}:
            raise ConfigError(
                "an input is one of the files that the run writes",
                found=f"{one['role']}: {one['path']}",
                where=str(path),
                fix="choose another --out",
            )


def _failed(path: Path, claim: Claim) -> None:
    """Bring back what was to be replaced where nothing has come of the new run; otherwise say where it is."""
    if not aside.waits(path):
        return
    if aside.has_results(path, claim.outputs):
        claim.say(
            f"the run that was to be replaced is whole in {path / aside.NAME} until this one, which --resume goes on "
            "with, is finished"
        )
        return
    aside.remove(path, claim.patterns)
    aside.put_back(path)
    claim.say(f"nothing of the new run was finished: {path} holds the earlier one again; --overwrite starts anew")


class RunFolder:
    """An output folder, held by :func:`held`.

    Attributes:
        path: of the folder.
        manifest: what ``manifest.json`` holds.
    """

    def __init__(self, path: Path, manifest: dict[str, Any], *, writes: bool = True) -> None:
        self.path = path
        self.manifest = manifest
        self._writes = writes
        self._started = time.time()

    def write_json(self, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """A JSON file with NaN and infinity as null; gives what it holds."""
        return write_json(self.path / name, content) if self._writes else plain(content)

    def finish(self, **more: Any) -> None:
        """Note the end of the run, and whatever else is known by then."""
        self.manifest |= {
            "status": "finished",
            "finished": now(),
            "seconds": round(time.time() - self._started, 3),
            **plain(more),
        }
        self.write_json(MANIFEST, self.manifest)

    def fail(self, *results: str, **more: Any) -> None:
        """Note that the run's results cannot be believed, and why; files of those names, an earlier run's, go."""
        for name in results if self._writes else ():
            (self.path / name).unlink(missing_ok=True)
        self.manifest |= {"status": "failed", "finished": now(), **plain(more)}
        self.write_json(MANIFEST, self.manifest)


def leads() -> bool:
    """Whether this process is the one that writes: in distributed training the same command runs once per device."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))
