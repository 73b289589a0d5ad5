"""A run's folder: who may write there, and what of an earlier run stays."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqrobust.errors import ConfigError
from seqrobust.run.folder import PARTS, RunFolder, plain


def folder(path: Path, **options: Any) -> RunFolder:
    usual: dict[str, Any] = {"command": "seqrobust", "config": {}, "inputs": [], "fingerprint": {"seed": 1}}
    return RunFolder(path, **{**usual, **options})


def test_a_manifest_tells_how_far_a_run_came(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("abc")
    made = folder(tmp_path / "out", inputs=[tmp_path / "in.tsv"])
    running = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert running["status"] == "running"
    # Of "abc", from FIPS 180-2, appendix B.1.
    assert running["inputs"][0]["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    made.finish(device="cpu")
    finished = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (finished["status"], finished["device"]) == ("finished", "cpu")
    assert not list((tmp_path / "out").glob(".*"))


def test_a_folder_with_a_run_is_refused(tmp_path: Path) -> None:
    folder(tmp_path)
    with pytest.raises(ConfigError, match="holds a run already"):
        folder(tmp_path)
    folder(tmp_path, resume=True)
    folder(tmp_path, overwrite=True, fingerprint={"seed": 2})
    with pytest.raises(ConfigError, match="other settings") as caught:
        folder(tmp_path, resume=True)
    assert (caught.value.expected, caught.value.found) == ("seed = 2", "seed = 1")


def test_only_what_a_new_run_would_mistake_is_removed(tmp_path: Path) -> None:
    leftovers = (*PARTS, "model.ckpt")
    kept, lost = ["notes.txt", "parts/mine.parquet", "results.parquet"], ["parts/part-00000.parquet", "model.ckpt"]
    (tmp_path / "parts").mkdir()
    for name in kept + lost:
        (tmp_path / name).write_text("")
    folder(tmp_path, leftovers=leftovers).finish()
    assert [name for name in kept + lost if (tmp_path / name).exists()] == kept
    for name in lost:
        (tmp_path / name).write_text("")
    folder(tmp_path, leftovers=leftovers, resume=True)
    assert all((tmp_path / name).exists() for name in lost)
    folder(tmp_path, leftovers=leftovers, overwrite=True)
    assert [name for name in kept + lost if (tmp_path / name).exists()] == kept


def test_only_a_shared_folder_is_left_to_the_first_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    folder(tmp_path / "training", shared=True)
    assert not (tmp_path / "training").exists()
    folder(tmp_path / "attack")
    with pytest.raises(ConfigError, match="holds a run already"):
        folder(tmp_path / "attack")


@pytest.mark.parametrize("place", ["/proc/nothing/out", "/dev/null/out"])
def test_a_place_where_nothing_can_be_written(place: str) -> None:
    with pytest.raises(ConfigError, match="cannot be written to"):
        folder(Path(place))


def test_plain_values() -> None:
    value = {
        "path": Path("a"), 1: (np.int64(2), np.float32(0.5), math.nan, math.inf), "flag": np.bool_(True), "set": {3},
    }  # fmt: skip
    assert plain(value) == {"path": "a", "1": [2, 0.5, None, None], "flag": True, "set": [3]}
    json.dumps(plain(value), allow_nan=False)
