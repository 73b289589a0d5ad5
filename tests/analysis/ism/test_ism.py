"""The folder of a saturation map: its files, how they agree, and how a stopped run goes on."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from changes import put_back
from rich.console import Console

from seqrobust.analysis import saturation
from seqrobust.analysis.asked import ModelOnSequences
from seqrobust.analysis.audit.outcome import AuditError
from seqrobust.analysis.ism import ISM, IsmFindings, IsmSettings, open_map, storage
from seqrobust.analysis.ism import findings as findings_module
from seqrobust.analysis.ism.storage import MapStore
from seqrobust.errors import ConfigError, InputError
from seqrobust.memory import parse_memory
from seqrobust.models.source import ModelSource
from seqrobust.neighbours import NeighbourScores
from seqrobust.progress import Progress, Silent
from seqrobust.report.html import render
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_source import DataSource

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


def ask(
    folder: Path,
    progress: Progress | None = None,
    *,
    alphabet: str = "DNA",
    text: str | None = None,
    out: Path | None = None,
    run: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    **settings: Any,
) -> Answer[IsmFindings]:
    """The scan of a file in that folder, written into ``out`` there."""
    if not (folder / "model.py").exists():
        (folder / "model.py").write_text(MODEL)
    rows = [f"r{i % 4}\t{text}\tcore:0-{len(text)}" for i, text in enumerate(TEXTS[alphabet])]
    if text is not None or not (folder / "data.tsv").exists():
        (folder / "data.tsv").write_text("id\tsequence\tregions\n" + "\n".join(rows) + "\n" if text is None else text)
    source = ModelSource(
        model=f"{folder / 'model.py'}:{alphabet.lower()}",
        alphabet=alphabet,
        task="classification" if alphabet == "DNA" else "binary",
        labels=("EI", "IE", "N") if alphabet == "DNA" else ("no", "yes"),
        **(model or {}),
    )
    asked = ModelOnSequences(model=source, data=DataSource(path=folder / "data.tsv"))
    where = RunSettings(out=out or folder / "out", device="cpu", **(run or {}))
    return answer(ISM, asked, IsmSettings(**settings), where, progress or Silent())


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saturation, "FEWEST", 30)
    monkeypatch.setattr(saturation, "MOST", 30)


@pytest.mark.parametrize("alphabet", ["DNA", "PROTEIN"])
def test_the_files_agree(alphabet: str, tmp_path: Path) -> None:
    heard = Heard()
    metrics = ask(tmp_path, heard, alphabet=alphabet, save="both").metrics
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
    assert [part.name for part in (tmp_path / "out" / "parts").iterdir()] == ["ism-done.json"]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.usefixtures("small_blocks")
def test_a_stopped_run_goes_on_to_the_same_bytes(half: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(tmp_path, save="both", out=tmp_path / "whole")
    real, written = MapStore.write, []

    def stops(growing: MapStore, scored: Any) -> None:
        written.append(1)
        if len(written) == 4:
            if half:
                real(growing, scored._replace(scores=scored.scores + 1))
            raise KeyboardInterrupt
        real(growing, scored)

    with monkeypatch.context() as patch:
        patch.setattr(MapStore, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            ask(tmp_path, save="both")
    assert not (tmp_path / "out" / "ism.npz").exists()
    written.clear()
    monkeypatch.setattr(MapStore, "write", lambda *arguments: (written.append(1), real(*arguments))[1])
    ask(tmp_path, save="both", run={"resume": True, "batch_size": 16, "memory": 10**8})
    assert len(written) == len(_blocks(tmp_path)) - 3
    for name in ("ism.npz", "ism.parquet", "ism.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def _blocks(folder: Path) -> list[saturation.Block]:
    with np.load(folder / "whole" / "ism.npz") as archive:
        scanned = np.isfinite(archive["scores"]).any((1, 3))
    return saturation.cut_blocks(scanned, 4, 3)


def test_a_finished_run_is_not_scored_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = ask(tmp_path).metrics
    picture = (tmp_path / "out" / "ism.png").read_bytes()
    monkeypatch.setattr(NeighbourScores, "logits", None)
    again = ask(tmp_path, run={"resume": True}, save="both", picture=("r1",), output="IE")
    assert again.metrics == metrics
    assert (tmp_path / "out" / "ism.png").read_bytes() != picture
    assert len(pd.read_parquet(tmp_path / "out" / "ism.parquet")) == 3 * metrics["candidates"]


def test_parquet_alone_keeps_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = ask(tmp_path, save="parquet", draw=False).metrics
    assert not (tmp_path / "out" / "ism.npz").exists()
    assert not (tmp_path / "out" / "ism.png").exists()
    monkeypatch.setattr(NeighbourScores, "logits", None)
    assert ask(tmp_path, run={"resume": True}).metrics["candidates"] == metrics["candidates"]
    assert (tmp_path / "out" / "ism.npz").exists()


def test_starting_anew_forgets_the_earlier_map(tmp_path: Path) -> None:
    ask(tmp_path, save="both")
    with pytest.raises(ConfigError, match="holds a run already"):
        ask(tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        ask(tmp_path, run={"resume": True}, unknown_too=True)
    metrics = ask(tmp_path, run={"overwrite": True}, unknown_too=True).metrics
    assert metrics["skipped_unknown"] == 0
    assert not (tmp_path / "out" / "ism.parquet").exists()


def test_memory_does_not_change_the_map(tmp_path: Path) -> None:
    ask(tmp_path, draw=False)
    ask(tmp_path, draw=False, run={"memory": 10**6, "batch_size": 1}, out=tmp_path / "little")
    one, other = (np.load(tmp_path / name / "ism.npz") for name in ("out", "little"))
    np.testing.assert_allclose(one["scores"], other["scores"], atol=1e-6)


def test_the_map_is_read_without_being_loaded(tmp_path: Path) -> None:
    ask(tmp_path, draw=False)
    found = open_map(tmp_path / "out" / "ism.npz")
    assert isinstance(found.scores, np.memmap)
    with np.load(tmp_path / "out" / "ism.npz") as archive:
        np.testing.assert_array_equal(found.scores, archive["scores"])
        np.testing.assert_array_equal(found.reference, archive["reference"])


def test_a_full_disk_is_noticed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage.os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left on device: the map takes") as caught:
        ask(tmp_path)
    assert caught.value.filename
    assert not list((tmp_path / "out" / "parts").iterdir())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"picture": ("nobody",)}, "no record has that id"),
        ({"output": "EE"}, "no output has that name"),
        ({"only": ("nowhere",)}, "no region has that name"),
        ({"only": ("core",), "protect": ("core",)}, "both protected"),
        ({"draw": False, "output": "EI"}, "exclude each other"),
        ({"text": ""}, "empty"),
        ({"text": "id\tsequence\n"}, "no record"),
    ],
)
def test_refused_before_anything_is_written(more: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        ask(tmp_path, **more)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["/proc/nothing/out", "/dev/null/out"])
def test_a_place_where_nothing_can_be_written(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written to"):
        ask(tmp_path, out=Path(place))


@pytest.mark.parametrize("length", [1, 119, 121, 900])
def test_pictures_of_any_length(length: int, tmp_path: Path) -> None:
    text = "".join(np.random.default_rng(0).choice(list("ACGTN"), length))
    regions = ";".join(f"a rather long name of a region {i}:{i}-{i + 1}" for i in range(min(length, 9)))
    data = f"id\tsequence\tregions\n$a$\x01{length}\t{text}\t{regions}\n"
    ask(tmp_path, text=data)
    assert (tmp_path / "out" / "ism.png").stat().st_size > 1000


@pytest.mark.parametrize("text", ["", "lots", "2", "-1GB", "1.2.3GB", "2PB", "GB", "0MB", "999KB", "1 000 MB"])
def test_sizes_of_memory_that_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_memory(text)
    assert caught.value.where == "--memory"
    assert caught.value.expected


def test_a_run_stopped_while_it_packs_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The map may be packed already, and its picture not yet drawn."""
    first = ask(tmp_path, out=tmp_path / "whole")

    def stops(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(findings_module, "draw_map", stops)
        with pytest.raises(KeyboardInterrupt):
            ask(tmp_path)
    assert not (tmp_path / "out" / "ism.png").exists()
    monkeypatch.setattr(NeighbourScores, "logits", None)
    again = ask(tmp_path, run={"resume": True})
    timed = {"seconds", "candidates_per_second"}
    assert {k: v for k, v in again.metrics.items() if k not in timed} == {
        k: v for k, v in first.metrics.items() if k not in timed
    }
    for name in ("ism.npz", "ism.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a map that read every kind of file, and how its model was given."""
    tmp_path = tmp_path_factory.mktemp("finished")
    (tmp_path / "before.py").write_text("def step(x):\n    return x\n")
    (tmp_path / "model.py").write_text(MODEL)
    module: dict[str, Any] = {}
    exec(MODEL, module)
    torch.save(module["dna"]().state_dict(), tmp_path / "weights.pt")
    model = {"weights": tmp_path / "weights.pt", "preprocess": f"{tmp_path / 'before.py'}:step"}
    ask(tmp_path, draw=False, model=model)
    return tmp_path, model


@pytest.mark.parametrize("name", ["model.py", "data.tsv", "weights.pt", "before.py"])
def test_resume_names_the_file_that_changed(name: str, finished: tuple[Path, dict[str, Any]]) -> None:
    folder, model = finished
    path = folder / name
    with put_back(path):
        if name == "weights.pt":
            torch.save({key: value + 1 for key, value in torch.load(path).items()}, path)
        elif name == "data.tsv":
            path.write_text(path.read_text().replace("ACGTN", "ACGTA"))
        else:
            path.write_text(path.read_text() + "\n")
        with pytest.raises(ConfigError, match="cannot be resumed") as caught:
            ask(folder, draw=False, model=model, run={"resume": True})
    assert {"data.tsv": "data.path", "weights.pt": "model.weights"}.get(name, name) in str(caught.value)


@pytest.mark.parametrize("alphabet", ["DNA", "PROTEIN"])
def test_the_page_on_a_terminal_and_as_html(alphabet: str, tmp_path: Path) -> None:
    found = ask(tmp_path, alphabet=alphabet)
    console = Console(record=True, width=120, file=io.StringIO())
    show(found.page, console)
    text, html = console.export_text(), (tmp_path / "out" / "report.html").read_text()
    metrics = found.metrics
    for said in (f"{metrics['candidates']:,} substitutions", "largest increase", "core"):
        assert said in text
        assert said in html
    for name, one in metrics["outputs"].items():
        assert name in text
        assert one["largest_increase"]["edit"] in text
    assert "<svg" in html
    assert "<svg" not in render(ask(tmp_path, alphabet=alphabet, draw=False, out=tmp_path / "undrawn").page)


def test_targets_are_not_looked_at(tmp_path: Path) -> None:
    """Classes that the model does not know say nothing against scanning it."""
    text = "id\tlabel\tsequence\na\tnone of these\tACGTAC\nb\t\tACCTAC\n"
    assert ask(tmp_path, text=text, draw=False).metrics["n"] == 2


def test_a_sample_of_records(tmp_path: Path) -> None:
    found = ask(tmp_path, max_records=2, draw=False)
    whole = ask(tmp_path, draw=False, out=tmp_path / "whole")
    assert found.metrics["n"] == 2 < whole.metrics["n"]
    with np.load(tmp_path / "out" / "ism.npz") as part, np.load(tmp_path / "whole" / "ism.npz") as everything:
        rows = [everything["ids"].tolist().index(name) for name in part["ids"].tolist()]
        np.testing.assert_array_equal(part["reference"], everything["reference"][rows])
    with pytest.raises(ConfigError, match="must be a record"):
        IsmSettings(max_records=0)


def test_the_page_begins_with_what_was_found(tmp_path: Path) -> None:
    """By hand from the map: whose prediction one letter changes, and the largest change."""
    found = ask(tmp_path, draw=False)
    with np.load(tmp_path / "out" / "ism.npz") as archive:
        scores, reference = archive["scores"], archive["reference"]
    known = np.isfinite(scores[..., 0])
    other = (scores.argmax(3) != reference.argmax(1)[:, None, None]) & known
    delta = np.where(known[..., None], scores - reference[:, None, None], 0)
    said = " ".join(found.page.sections[0].answer)
    assert said.startswith(f"One substitution is enough to change the prediction of {other.any((1, 2)).sum()} of ")
    assert f"({other.sum():,} of " in said
    assert f"The largest change is {delta.ravel()[np.abs(delta).argmax()]:+.3g} in the output" in said
    assert "a second" not in said


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("the map asked again", lambda scores, reference: scores.__iadd__(3.0)),
        ("references asked again", lambda scores, reference: reference.__iadd__(3.0)),
        ("the map is full", lambda scores, reference: scores.__setitem__((0, 0, 0), np.nan)),
        ("references are numbers", lambda scores, reference: reference.__setitem__(0, np.nan)),
    ],
)
def test_a_map_that_is_not_the_models_is_refused(
    name: str, spoil: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = MapStore.write

    def spoiled(store: MapStore, scored: Any) -> None:
        scores, reference = scored.scores.copy(), scored.reference.copy()
        spoil(scores, reference)
        genuine(store, scored._replace(scores=scores, reference=reference))

    monkeypatch.setattr(MapStore, "write", spoiled)
    with pytest.raises(AuditError, match=name):
        ask(tmp_path, draw=False)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["status"] == "failed"
    assert not (tmp_path / "out" / "ism.npz").exists()
