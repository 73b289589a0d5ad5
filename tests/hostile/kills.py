"""Commands that are killed at random instants and gone on with, until they end: what they leave must not tell."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from seqrobust_cli.main import _exit_code

_TIMES = ("second", "started", "finished", "command")
"""What names of values hold in which two runs of one command may differ."""


def _called(typed: Sequence[str], folder: Path, temporary: Path) -> int:
    """A command in a process of its own, which has its libraries loaded already; the number of the process."""
    child = os.fork()
    if child:
        return child
    os.chdir(folder)
    heard = os.open(folder / "heard.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(heard, 1)
    os.dup2(heard, 2)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    code = 99
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = _exit_code(list(typed), debug=False)
    finally:
        os._exit(code)


def finished(typed: Sequence[str], folder: Path, temporary: Path) -> float:
    """Run to the end; the seconds it took."""
    started = time.monotonic()
    _, status = os.waitpid(_called(typed, folder, temporary), 0)
    assert os.waitstatus_to_exitcode(status) == 0, (folder / "heard.txt").read_text()[-800:]
    return time.monotonic() - started


def killed_and_finished(
    typed: Sequence[str], folder: Path, temporary: Path, *, seconds: float, kills: int, draw: random.Random
) -> int:
    """Kill the command so often at random instants, each time going on, then let it end; the kills that struck."""
    struck = 0
    for _ in range(kills):
        child = _called([*typed, "--resume"], folder, temporary)
        time.sleep(draw.uniform(0.02, 1.0) * seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        struck += os.WIFSIGNALED(status)
    finished([*typed, "--resume"], folder, temporary)
    return struck


def results(folder: Path) -> dict[str, Any]:
    """What a run found: its tables, arrays and numbers, without the times it took."""
    found: dict[str, Any] = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.suffix == ".parquet" and "parts" not in file.parts:
            table = pd.read_parquet(file)
            found[name] = table.drop(columns=[one for one in table if _is_of_time(one)]).to_json(double_precision=15)
        elif file.name == "metrics.json":
            found[name] = _timeless(json.loads(file.read_text()))
        elif file.suffix in (".fa", ".npz") and "parts" not in file.parts:
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def _is_of_time(name: str) -> bool:
    return any(part in name for part in _TIMES)


def _timeless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _timeless(item) for key, item in value.items() if not _is_of_time(key)}
    return [_timeless(item) for item in value] if isinstance(value, list) else value
