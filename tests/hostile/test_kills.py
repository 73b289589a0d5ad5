"""kill -9 at random instants over every command, also with temporary files on another file system: the same results."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_commands import COMMANDS, prepared
from hostile_fuzzing import noted, tries
from hostile_kills import finished, killed_and_finished, results

SHM = Path("/dev/shm")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder for temporary files on another file system than the results, where there is one."""
    if SHM.is_dir() and os.access(SHM, os.W_OK) and SHM.stat().st_dev != tmp_path.stat().st_dev:
        return SHM
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_runs_end_as_others_do(name: str, tmp_path: Path, elsewhere: Path) -> None:
    prepared(tmp_path)
    typed: Callable[[str], list[str]] = COMMANDS[name]
    seconds = finished(typed("whole"), tmp_path, tmp_path)
    wanted = results(tmp_path / "whole")
    assert wanted
    struck = 0
    for number, temporary in enumerate((tmp_path, elsewhere)):
        draw = random.Random(f"{name} {number}")
        out = f"killed-{number}"
        struck += killed_and_finished(typed(out), tmp_path, temporary, seconds=seconds, kills=tries(5), draw=draw)
        assert results(tmp_path / out) == wanted
        left = [file for file in (tmp_path / out).rglob(".[0-9]*.*") if file.name[1].isdigit()]
        assert not left, "temporary files of killed processes are swept"
    noted(f"kills: {name}", struck, 0)
