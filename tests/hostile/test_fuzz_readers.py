"""Every reader of files, on damaged files of its kind: read, or refused in our own words, within seconds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hostile_fuzzing import Tally, attempt, generator, require_none, tries
from hostile_mutating import damaged
from hostile_subjects import SUBJECTS, Subject


def fuzzed(name: str, subject: Subject, folder: Path, count: int) -> Tally:
    """So many damaged files of one kind, tried."""
    draw, whole, tally = generator(name), subject.contents(), Tally()
    for file, content in whole.items():
        (folder / file).write_bytes(content)
    for _ in range(count):
        file = subject.files[0] if draw.random() < 0.9 else draw.choice(subject.files)
        content = damaged(whole[file], draw)
        (folder / file).write_bytes(content)
        attempt(tally, partial(subject.read, folder), (file, content))
        (folder / file).write_bytes(whole[file])
        for index in folder.glob("*.fai"):
            index.unlink()
    return tally


@pytest.mark.parametrize("name", SUBJECTS)
def test_whole_files_are_read(name: str, tmp_path: Path) -> None:
    """What is damaged must have been whole: a corpus that is refused as it stands would show nothing."""
    for file, content in SUBJECTS[name].contents().items():
        (tmp_path / file).write_bytes(content)
    SUBJECTS[name].read(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_damaged_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    require_none(fuzzed(name, SUBJECTS[name], tmp_path, tries(1000)), name)
