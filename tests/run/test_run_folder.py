"""A run's folder: who may write there, and what becomes of what stood there."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqrobust.errors import ConfigError
from seqrobust.files import plain, replacing
from seqrobust.run import aside
from seqrobust.run.folder import Claim, RunFolder, held

OUTPUTS = ("results.parquet", "parts/part-*.parquet", "train")


def folder(path: Path, **options: Any) -> AbstractContextManager[RunFolder]:
    usual: dict[str, Any] = {"kind": "attack", "command": "seqrobust", "config": {}, "inputs": []}
    return held(path, Claim(**{**usual, "fingerprint": {"seed": 1}, "outputs": OUTPUTS, **options}))


def finished(path: Path, text: str, **options: Any) -> None:
    """A run that leaves ``results.parquet`` and a file in ``train``."""
    with folder(path, **options) as made:
        (path / "results.parquet").write_text(text)
        (path / "train").mkdir(exist_ok=True)
        (path / "train" / "model.ckpt").write_text(text)
        made.finish()


def everything(path: Path) -> dict[str, str]:
    return {str(file.relative_to(path)): file.read_text() for file in sorted(path.rglob("*")) if file.is_file()}


def test_a_manifest_tells_how_far_a_run_came(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("abc")
    with folder(tmp_path / "out", inputs=[tmp_path / "in.tsv"]) as made:
        running = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert running["status"] == "running"
        # Of "abc", from FIPS 180-2, appendix B.1.
        assert running["inputs"][0]["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        made.finish(device="cpu")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["status"], manifest["device"]) == ("finished", "cpu")
    assert not list((tmp_path / "out").glob(".*"))


def test_a_folder_with_a_run_is_refused(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    with pytest.raises(ConfigError, match="holds a run already"), folder(tmp_path):
        pass
    with folder(tmp_path, resume=True) as made:
        made.finish()
    with pytest.raises(ConfigError, match="other settings") as caught, folder(
        tmp_path, resume=True, fingerprint={"seed": 2}
    ):  # fmt: skip
        pass
    assert (caught.value.expected, caught.value.found) == ("seed = 1", "seed = 2")
    for option in ("resume", "overwrite"):
        with pytest.raises(ConfigError, match="another kind"), folder(tmp_path, kind="train", **{option: True}):
            pass
    assert everything(tmp_path)["results.parquet"] == "first"


@pytest.mark.parametrize("name", ["results.parquet", "train/model.ckpt", "parts/part-00000.parquet", "metrics.json"])
@pytest.mark.parametrize("option", ["resume", "overwrite", ""])
def test_a_users_own_files_are_not_written_over(tmp_path: Path, name: str, option: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    options = {option: True} if option else {}
    with pytest.raises(ConfigError, match="would write over"), folder(tmp_path, **options):
        pass
    assert everything(tmp_path) == {name: "mine"}


def test_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name in ("notes.txt", "parts/mine.parquet"):
        (tmp_path / name).write_text("mine")
    finished(tmp_path, "first")
    finished(tmp_path, "second", overwrite=True)
    found = everything(tmp_path)
    assert found.pop("manifest.json")
    second = dict.fromkeys(("results.parquet", "train/model.ckpt"), "second")
    assert found == {"notes.txt": "mine", "parts/mine.parquet": "mine"} | second


def test_an_input_is_not_an_output(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    for option in ("resume", "overwrite"):
        for name in ("results.parquet", "train/model.ckpt"):
            with (
                pytest.raises(ConfigError, match="an input is one of the files"),
                folder(tmp_path, inputs=[tmp_path / name], **{option: True}),
            ):
                pass
    assert everything(tmp_path)["results.parquet"] == "first"


class DiedError(Exception):
    """Of a run that comes to an end before its time."""


def dies(path: Path, text: str | None = None, **options: Any) -> None:
    """A run that starts anew, leaves that text at most, and comes to an early end."""
    with suppress(DiedError), folder(path, overwrite=True, **options):
        assert "results.parquet" not in {file.name for file in path.iterdir()}
        if text is not None:
            (path / "results.parquet").write_text(text)
        raise DiedError


def test_what_failed_at_once_has_replaced_nothing(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    before = everything(tmp_path)
    dies(tmp_path, fingerprint={"seed": 2})
    assert everything(tmp_path) == before


def test_what_came_to_something_and_what_it_was_to_replace_both_stay(tmp_path: Path) -> None:
    finished(tmp_path, "first")
    heard: list[str] = []
    options: dict[str, Any] = {"fingerprint": {"seed": 2}, "say": heard.append}
    dies(tmp_path, "half", **options)
    assert str(tmp_path / ".replaced") in heard[0]
    assert everything(tmp_path / ".replaced")["results.parquet"] == "first"
    # Started anew a second time, what waits is still the run that was finished.
    dies(tmp_path, "half", **options)
    assert everything(tmp_path / ".replaced")["results.parquet"] == "first"
    finished(tmp_path, "second", resume=True, **options)
    assert not (tmp_path / ".replaced").exists()
    assert everything(tmp_path)["results.parquet"] == "second"


@pytest.mark.parametrize("moves", range(1, 4))
@pytest.mark.parametrize("way", ["put_aside", "put_back"])
def test_moving_that_was_interrupted_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int, way: str
) -> None:
    """A process killed after so many of the moves, then a command that starts anew, or goes on."""
    finished(tmp_path, "first")
    before = everything(tmp_path)
    if way == "put_back":
        aside.put_aside(tmp_path, ("manifest.json", *OUTPUTS))
    real, done = aside.os.replace, []

    def replace(source: Path, place: Path) -> None:
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(place)
        real(source, place)

    with monkeypatch.context() as patch:
        patch.setattr(aside.os, "replace", replace)
        with suppress(KeyboardInterrupt):
            aside.put_aside(tmp_path, ("manifest.json", *OUTPUTS)) if way == "put_aside" else aside.put_back(tmp_path)
    dies(tmp_path)
    assert everything(tmp_path) == before


HOLD = """
import sys
from pathlib import Path
from seqrobust.run.lock import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        for option in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(ConfigError, match="another run is working") as caught, folder(tmp_path, **option):
                pass
            assert f"process {other.pid} on " in str(caught.value.found)
        other.kill()
        other.wait()
    with folder(tmp_path), pytest.raises(ConfigError, match="another run is working"), folder(tmp_path, overwrite=True):
        pass
    assert not (tmp_path / ".lock").exists()


def test_temporary_files_of_the_dead_are_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
        dead.wait()
    (tmp_path / "parts").mkdir()
    left = tmp_path / "parts" / f".{dead.pid}.part-00000.parquet"
    mine = [tmp_path / f".1.{left.name}", tmp_path / ".hidden"]
    for file in (left, *mine):
        file.write_text("")
    with replacing(tmp_path / "parts" / "part.json") as temporary:
        temporary.write_text("")
        with folder(tmp_path / "inner"):
            pass
        assert temporary.exists()
    with folder(tmp_path):
        assert not left.exists()
        assert all(file.exists() for file in mine)


def test_only_a_shared_folder_is_left_to_the_first_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    with folder(tmp_path / "training", shared=True) as made:
        made.write_json("metrics.json", {})
        made.finish()
    assert not (tmp_path / "training").exists()
    with folder(tmp_path / "attack"):
        pass
    with pytest.raises(ConfigError, match="holds a run already"), folder(tmp_path / "attack"):
        pass


@pytest.mark.parametrize("place", ["/proc/nothing/out", "/dev/null/out"])
def test_a_place_where_nothing_can_be_written(place: str) -> None:
    with pytest.raises(ConfigError, match="cannot be written to"), folder(Path(place)):
        pass


def test_a_manifest_of_others(tmp_path: Path) -> None:
    for text in ("{}", "[]", "{", '{"name": "app", "icons": []}'):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(ConfigError, match=r"not one of seqrobust's"), folder(tmp_path, overwrite=True):
            pass
        assert everything(tmp_path) == {"manifest.json": text}


def test_plain_values() -> None:
    value = {
        "path": Path("a"), 1: (np.int64(2), np.float32(0.5), math.nan, math.inf), "flag": np.bool_(True), "set": {3},
    }  # fmt: skip
    assert plain(value) == {"path": "a", "1": [2, 0.5, None, None], "flag": True, "set": [3]}
    json.dumps(plain(value), allow_nan=False)
