"""The folder of a saturation map: its files, how they agree, and how a stopped run goes on."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrobust.analysis import saturation
from seqrobust.analysis.saturation import Scan
from seqrobust.errors import ConfigError, InputError
from seqrobust.memory import parse_memory
from seqrobust.models.source import ModelSource
from seqrobust.pipeline import ism_command as command_module
from seqrobust.pipeline import ism_files
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.ism_command import IsmCommand, ism_command
from seqrobust.pipeline.ism_files import GrowingMap, open_map
from seqrobust.progress import Silent

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, letters, outputs):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv1d(letters, 8, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(8, outputs)

    def forward(self, x):
        return self.head(self.layers(x).mean(2))


def dna():
    return Net(4, 3)


def protein():
    return Net(20, 1)
"""

TEXTS = {
    "DNA": ["ACGTNACGTTGCATTTACG", "acgt", "A", "GGGTTTCCCAAANNGTACCATTAGA", "TTGACATATAAT"],
    "PROTEIN": ["MKVLAADDGHE", "MXK", "w", "HEHEHSTQQ"],
}


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """See the protocol."""
        self.said.append(text)


def call(folder: Path, *, alphabet: str = "DNA", text: str | None = None, **more: Any) -> IsmCommand:
    """A call on a file in that folder, written into ``out`` there."""
    (folder / "model.py").write_text(MODEL)
    rows = [f"r{i % 4}\t{text}\tcore:0-{len(text)}" for i, text in enumerate(TEXTS[alphabet])]
    (folder / "data.tsv").write_text("id\tsequence\tregions\n" + "\n".join(rows) + "\n" if text is None else text)
    model = ModelSource(
        model=f"{folder / 'model.py'}:{alphabet.lower()}",
        alphabet=alphabet,
        task="classification" if alphabet == "DNA" else "binary",
        labels=("EI", "IE", "N") if alphabet == "DNA" else ("no", "yes"),
    )
    usual: dict[str, Any] = {"data": DataSource(path=folder / "data.tsv"), "out": folder / "out", "device": "cpu"}
    return IsmCommand(model=model, **{**usual, **more})


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saturation, "FEWEST", 30)
    monkeypatch.setattr(saturation, "MOST", 30)


@pytest.mark.parametrize("alphabet", ["DNA", "PROTEIN"])
def test_the_files_agree(alphabet: str, tmp_path: Path) -> None:
    heard = Heard()
    metrics = ism_command(call(tmp_path, alphabet=alphabet, save="both"), heard)
    with np.load(tmp_path / "out" / "ism.npz") as archive:
        found = dict(archive)
    texts = [text.upper() for text in TEXTS[alphabet]]
    assert found["lengths"].tolist() == [len(text) for text in texts]
    assert [row.tobytes().rstrip(b"\0").decode() for row in found["letters"]] == texts
    assert len(set(found["ids"])) == len(texts)
    assert found["scores"].dtype == found["reference"].dtype == np.float32
    letters, outputs = found["alphabet"].tolist(), found["outputs"].tolist()
    assert found["scores"].shape == (len(texts), len(letters), max(map(len, texts)), len(outputs))
    assert outputs == (["EI", "IE", "N"] if alphabet == "DNA" else ["yes"])
    table = pd.read_parquet(tmp_path / "out" / "ism.parquet")
    assert len(table) == metrics["candidates"] * len(outputs)
    rows = table["id"].map({name: row for row, name in enumerate(found["ids"])}).to_numpy()
    at = [table[name].map(known.index).to_numpy() for name, known in (("letter", letters), ("output", outputs))]
    column = table["position"].to_numpy() - 1
    np.testing.assert_array_equal(table["score"], found["scores"][rows, at[0], column, at[1]])
    np.testing.assert_array_equal(table["delta"], table["score"] - found["reference"][rows, at[1]])
    assert [texts[row][i] for row, i in zip(rows, column, strict=True)] == table["reference"].tolist()
    assert (table["letter"] != table["reference"]).all()
    assert not table.duplicated(["id", "position", "letter", "output"]).any()
    unknown = sum(text.count("N" if alphabet == "DNA" else "X") for text in texts)
    assert metrics["skipped_unknown"] == unknown
    assert any("unknown letter" in text and str(unknown) in text for text in heard.said)
    assert (tmp_path / "out" / "ism.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["candidates"] == metrics["candidates"]
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["status"] == "finished"
    assert not list((tmp_path / "out" / "parts").iterdir())


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.usefixtures("small_blocks")
def test_a_stopped_run_goes_on_to_the_same_bytes(half: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ism_command(call(tmp_path, save="both", out=tmp_path / "whole"), Silent())
    real, written = GrowingMap.write, []

    def stops(growing: GrowingMap, scored: Any) -> None:
        written.append(1)
        if len(written) == 4:
            if half:
                real(growing, scored._replace(scores=scored.scores + 1))
            raise KeyboardInterrupt
        real(growing, scored)

    with monkeypatch.context() as patch:
        patch.setattr(GrowingMap, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            ism_command(call(tmp_path, save="both"), Silent())
    assert not (tmp_path / "out" / "ism.npz").exists()
    written.clear()
    monkeypatch.setattr(GrowingMap, "write", lambda *arguments: (written.append(1), real(*arguments))[1])
    ism_command(call(tmp_path, save="both", resume=True, batch_size=16, memory=10**8), Silent())
    assert len(written) == len(_blocks(tmp_path)) - 3
    for name in ("ism.npz", "ism.parquet", "ism.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def _blocks(folder: Path) -> list[saturation.Block]:
    with np.load(folder / "whole" / "ism.npz") as archive:
        scanned = np.isfinite(archive["scores"]).any((1, 3))
    return saturation.cut_blocks(scanned, 4, 3)


def test_a_finished_run_is_not_scored_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = ism_command(call(tmp_path), Silent())
    picture = (tmp_path / "out" / "ism.png").read_bytes()
    monkeypatch.setattr(command_module, "saturate", None)
    again = call(tmp_path, resume=True, save="both", picture=("r1",), output="IE")
    assert ism_command(again, Silent()) == metrics
    assert (tmp_path / "out" / "ism.png").read_bytes() != picture
    assert len(pd.read_parquet(tmp_path / "out" / "ism.parquet")) == 3 * metrics["candidates"]


def test_parquet_alone_keeps_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = ism_command(call(tmp_path, save="parquet", draw=False), Silent())
    assert not (tmp_path / "out" / "ism.npz").exists()
    assert not (tmp_path / "out" / "ism.png").exists()
    monkeypatch.setattr(command_module, "saturate", lambda *_: iter(()))
    assert ism_command(call(tmp_path, resume=True), Silent())["candidates"] == metrics["candidates"]
    assert (tmp_path / "out" / "ism.npz").exists()


def test_starting_anew_forgets_the_earlier_map(tmp_path: Path) -> None:
    ism_command(call(tmp_path, save="both"), Silent())
    with pytest.raises(ConfigError, match="holds a run already"):
        ism_command(call(tmp_path), Silent())
    with pytest.raises(ConfigError, match="other settings"):
        ism_command(call(tmp_path, resume=True, scan=Scan(unknown_too=True)), Silent())
    metrics = ism_command(call(tmp_path, overwrite=True, scan=Scan(unknown_too=True)), Silent())
    assert metrics["skipped_unknown"] == 0
    assert not (tmp_path / "out" / "ism.parquet").exists()


def test_memory_does_not_change_the_map(tmp_path: Path) -> None:
    ism_command(call(tmp_path, draw=False), Silent())
    ism_command(call(tmp_path, draw=False, memory=10**6, batch_size=1, out=tmp_path / "little"), Silent())
    one, other = (np.load(tmp_path / name / "ism.npz") for name in ("out", "little"))
    np.testing.assert_allclose(one["scores"], other["scores"], atol=1e-6)


def test_the_map_is_read_without_being_loaded(tmp_path: Path) -> None:
    ism_command(call(tmp_path, draw=False), Silent())
    found = open_map(tmp_path / "out" / "ism.npz")
    assert isinstance(found.scores, np.memmap)
    with np.load(tmp_path / "out" / "ism.npz") as archive:
        np.testing.assert_array_equal(found.scores, archive["scores"])
        np.testing.assert_array_equal(found.reference, archive["reference"])


def test_a_full_disk_is_noticed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ism_files.os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left on device: the map takes") as caught:
        ism_command(call(tmp_path), Silent())
    assert caught.value.filename
    assert not list((tmp_path / "out" / "parts").iterdir())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"picture": ("nobody",)}, "no record has that id"),
        ({"output": "EE"}, "no output has that name"),
        ({"scan": Scan(only=("nowhere",))}, "no region has that name"),
        ({"scan": Scan(only=("core",), protect=("core",))}, "both protected"),
        ({"text": ""}, "empty"),
        ({"text": "id\tsequence\n"}, "no record"),
    ],
)
def test_refused_before_anything_is_written(more: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        ism_command(call(tmp_path, **more), Silent())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["/proc/nothing/out", "/dev/null/out"])
def test_a_place_where_nothing_can_be_written(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written to"):
        ism_command(call(tmp_path, out=Path(place)), Silent())


@pytest.mark.parametrize("length", [1, 119, 121, 900])
def test_pictures_of_any_length(length: int, tmp_path: Path) -> None:
    text = "".join(np.random.default_rng(0).choice(list("ACGTN"), length))
    regions = ";".join(f"a rather long name of a region {i}:{i}-{i + 1}" for i in range(min(length, 9)))
    data = f"id\tsequence\tregions\n$a$\x01{length}\t{text}\t{regions}\n"
    ism_command(call(tmp_path, text=data), Silent())
    assert (tmp_path / "out" / "ism.png").stat().st_size > 1000


@pytest.mark.parametrize("text", ["", "lots", "2", "-1GB", "1.2.3GB", "2PB", "GB", "0MB", "999KB", "1 000 MB"])
def test_sizes_of_memory_that_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_memory(text)
    assert caught.value.where == "--memory"
    assert caught.value.expected
