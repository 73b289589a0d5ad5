"""Attributions of a file of records: what is left in the folder, how it agrees, how a stopped run goes on."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from sklearn.metrics import average_precision_score, roc_auc_score

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.analysis.asked import ModelOnSequences
from seqrobust.analysis.attribute import ATTRIBUTE, AttributeSettings
from seqrobust.analysis.attribute import parts as parts_module
from seqrobust.analysis.attribute import study as study_module
from seqrobust.analysis.attribute.layout import COLUMNS, Drawn, make_panel, window
from seqrobust.analysis.attribute.parts import Parts
from seqrobust.analysis.attribute.picture import attribution_figure
from seqrobust.analysis.attribution import METHODS
from seqrobust.errors import ConfigError, InputError
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.report.html import render
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences import Region
from seqrobust.sequences.data_source import DataSource

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, letters, outputs, recurrent=False):
        super().__init__()
        torch.manual_seed(0)
        self.gru = nn.GRU(letters, letters, batch_first=True) if recurrent else None
        self.layers = nn.Sequential(nn.Conv1d(letters, 8, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(8, outputs)

    def forward(self, x):
        if self.gru is not None:
            x = self.gru(x.transpose(1, 2))[0].transpose(1, 2)
        return self.head(self.layers(x).mean(2))


class Ratio(Net):
    def forward(self, x):
        return Over.apply(super().forward(x))


class Over(torch.autograd.Function):
    '''A step that torch tells no rule of.'''

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (9 * x) ** 3

    @staticmethod
    def backward(ctx, g):
        return 27 * (9 * ctx.saved_tensors[0]) ** 2 * g


def dna():
    return Net(4, 3)


def gru():
    return Net(4, 3, True)


def protein():
    return Net(20, 1)


def value():
    return Net(4, 2)


def ratio():
    return Ratio(4, 3)
"""

TEXTS = {
    "DNA": ["ACGTNACGTTGCATTTACG", "acgtg", "A", "GGGTTTCCCAAANNGTACCATTAGA", "TTGACATATAAT", "NNNN"],
    "PROTEIN": ["MKVLAADDGHE", "MXK", "w", "HEHEHSTQQ"],
}


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """See the protocol."""
        self.said.append(text)


def asked_in(
    folder: Path,
    *,
    model: str = "dna",
    text: str | None = None,
    weights: Path | None = None,
    annotation: Path | None = None,
    preprocess: str | None = None,
) -> ModelOnSequences:
    """A model and a file in that folder."""
    (folder / "model.py").write_text(MODEL)
    alphabet = "PROTEIN" if model == "protein" else "DNA"
    task, labels = ("binary", "no,yes") if model == "protein" else ("classification", "EI,IE,N")
    task, labels = ("regression", "up,down") if model == "value" else (task, labels)
    rows = []
    for number, one in enumerate(TEXTS[alphabet]):
        target = f"{number}.5\t{number}" if model == "value" else f"{labels.split(',')[number % 2]}\t-"
        rows.append(f"r{number % 5}\t{target}\t{one}\tcore:0-{(len(one) + 1) // 2};tail:{len(one) - 1}-{len(one)}")
    head = "id\tlabel\tmore\tsequence\tregions\n"
    (folder / "data.tsv").write_text(head + "\n".join(rows) + "\n" if text is None else text)
    source = ModelSource(
        model=f"{folder / 'model.py'}:{model}",
        alphabet=alphabet,
        task=task,  # type: ignore[arg-type]
        labels=tuple(labels.split(",")),
        weights=weights,
        preprocess=preprocess,
    )
    return ModelOnSequences(model=source, data=DataSource(path=folder / "data.tsv", annotation=annotation))


def found_in(
    folder: Path,
    heard: Silent | None = None,
    *,
    out: str = "out",
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    files: dict[str, Any] | None = None,
    model: str = "dna",
    text: str | None = None,
    **more: Any,
) -> Answer[Any]:
    """What is found of a file in that folder, written into ``out`` there."""
    asked = asked_in(folder, model=model, text=text, **(files or {}))
    settings = AttributeSettings(**{"steps": 20, "draws": 3, "regions": ("core",), **more})
    run = RunSettings(out=folder / out, device="cpu", seed=seed, resume=resume, overwrite=overwrite)
    return answer(ATTRIBUTE, asked, settings, run, heard or Silent())


def metrics_in(folder: Path, heard: Silent | None = None, **more: Any) -> dict[str, Any]:
    """What ``metrics.json`` holds."""
    return found_in(folder, heard, **more).metrics


def opened(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "out" / "attributions.npz") as archive:
        return dict(archive)


@pytest.mark.parametrize("model", ["dna", "gru", "protein", "value"])
def test_the_files_agree(model: str, tmp_path: Path) -> None:
    heard = Heard()
    metrics = metrics_in(tmp_path, heard, model=model, methods=("all",), save="both")
    found, folder = opened(tmp_path), tmp_path / "out"
    texts = [text.upper() for text in TEXTS["PROTEIN" if model == "protein" else "DNA"]]
    letters = found["alphabet"].tolist()
    names = [name for name in METHODS if (model, name) != ("gru", "deeplift")]
    assert list(metrics["methods"]) == names
    assert set(metrics["left_out"]) == set(METHODS) - set(names)
    assert [row.tobytes().rstrip(b"\0").decode() for row in found["letters"]] == texts
    assert found["lengths"].tolist() == [len(text) for text in texts]
    table = pd.read_parquet(folder / "attributions.parquet")
    known = sum(letter in letters for text in texts for letter in text)
    assert len(table) == known * len(letters)
    rows = table["id"].map({name: row for row, name in enumerate(found["ids"])}).to_numpy()
    place, letter = table["position"].to_numpy() - 1, table["letter"].map(letters.index).to_numpy()
    assert [texts[row][column] for row, column in zip(rows, place, strict=True)] == table["reference"].tolist()
    for name in names:
        assert found[name].dtype == np.float32
        assert found[name].shape == (len(texts), len(letters), max(map(len, texts)))
        np.testing.assert_array_equal(table[name], found[name][rows, letter, place])
    results = pd.read_parquet(folder / "results.parquet")
    assert len(results) == len(names) * len(texts)
    _the_metrics_follow(metrics, found, texts, results)
    for name in ("metrics.json", "manifest.json"):
        assert json.loads((folder / name).read_text())
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert (folder / "attribute.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert not list((folder / "parts").iterdir())


def _the_metrics_follow(
    metrics: dict[str, Any], found: dict[str, np.ndarray], texts: list[str], results: pd.DataFrame
) -> None:
    letters = found["alphabet"].tolist()
    areas, precisions = [], []
    for row, text in enumerate(texts):
        kept = [place for place, letter in enumerate(text) if letter in letters]
        inside = np.array([place < (len(text) + 1) // 2 for place in kept])
        strength = np.abs([found["ism"][row, letters.index(text[place]), place] for place in kept])
        if inside.any() and not inside.all():
            areas.append(roc_auc_score(inside, strength))
            precisions.append(average_precision_score(inside, strength))
    method = metrics["methods"]["ism"]
    assert method["records"] == len(areas)
    assert method["region_auroc"] == pytest.approx(np.mean(areas))
    assert method["region_aupr"] == pytest.approx(np.mean(precisions))
    assert method["region_auroc_ci"][0] <= method["region_auroc"] <= method["region_auroc_ci"][1]
    assert results[results.method == "ism"].region_auroc.mean() == pytest.approx(method["region_auroc"])
    assert metrics["methods"]["integrated_gradients"]["completeness_delta"] < 0.1
    assert metrics["agreement"]["ism"]["saliency"] == metrics["agreement"]["saliency"]["ism"]
    if metrics["task"] != "regression":
        assert sum(one["records"] for one in method["per_class"].values()) == len(areas)


def test_a_stopped_run_goes_on_to_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts_module, "_RECORDS", 2)
    whole = metrics_in(tmp_path, out="whole", save="both")
    real, written = Parts.write, list[str]()

    def stops(parts: Parts, method: str, *more: Any) -> None:
        written.append(method)
        if len(written) == 5:
            raise KeyboardInterrupt
        real(parts, method, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            metrics_in(tmp_path, save="both")
    assert not (tmp_path / "out" / "attributions.npz").exists()
    written.clear()
    counted = lambda parts, method, *more: (written.append(method), real(parts, method, *more))[1]  # noqa: E731
    monkeypatch.setattr(Parts, "write", counted)
    again = metrics_in(tmp_path, save="both", resume=True)
    assert len(written) == 3 * 5 - 4
    assert _timeless(again) == _timeless(whole)
    for name in ("attributions.parquet", "results.parquet"):
        one, other = (pd.read_parquet(tmp_path / folder / name) for folder in ("whole", "out"))
        pd.testing.assert_frame_equal(one, other)
    assert (tmp_path / "whole" / "attribute.png").read_bytes() == (tmp_path / "out" / "attribute.png").read_bytes()


@pytest.mark.parametrize("step", ["pack", "remove"])
def test_a_run_stopped_while_it_writes_goes_on(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"methods": ("ism",), "draw": False}
    whole = metrics_in(tmp_path, out="whole", **settings)

    def stops(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, step, stops)
        with pytest.raises(KeyboardInterrupt):
            found_in(tmp_path, **settings)
    assert _timeless(metrics_in(tmp_path, resume=True, **settings)) == _timeless(whole)
    assert not list((tmp_path / "out" / "parts").iterdir())
    with np.load(tmp_path / "whole" / "attributions.npz") as archive:
        np.testing.assert_array_equal(opened(tmp_path)["ism"], archive["ism"])


def _timeless(metrics: dict[str, Any]) -> dict[str, Any]:
    methods = {name: {**found, "seconds": 0} for name, found in metrics["methods"].items()}
    return {**metrics, "methods": methods}


def test_a_finished_run_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = metrics_in(tmp_path)
    picture = (tmp_path / "out" / "attribute.png").read_bytes()
    monkeypatch.setattr(study_module, "attribute", None)
    assert metrics_in(tmp_path, resume=True, save="both", picture=("r1",)) == metrics
    assert (tmp_path / "out" / "attribute.png").read_bytes() != picture
    assert len(pd.read_parquet(tmp_path / "out" / "attributions.parquet"))


def test_parquet_alone_keeps_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = metrics_in(tmp_path, save="parquet", draw=False)
    assert not (tmp_path / "out" / "attributions.npz").exists()
    assert not (tmp_path / "out" / "attribute.png").exists()
    monkeypatch.setattr(study_module, "attribute", None)
    assert metrics_in(tmp_path, resume=True) == metrics
    assert (tmp_path / "out" / "attributions.npz").exists()


def test_starting_anew_forgets_the_earlier_run(tmp_path: Path) -> None:
    metrics_in(tmp_path, save="both", methods=("ism",))
    with pytest.raises(ConfigError, match="holds a run already"):
        metrics_in(tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        metrics_in(tmp_path, resume=True, methods=("saliency",))
    metrics_in(tmp_path, overwrite=True, methods=("saliency",))
    assert not (tmp_path / "out" / "attributions.parquet").exists()
    assert "ism" not in opened(tmp_path)


def test_a_sample_of_records(tmp_path: Path) -> None:
    metrics = metrics_in(tmp_path, max_records=3, methods=("saliency",), draw=False)
    assert metrics["n"] == 3
    assert len(opened(tmp_path)["ids"]) == 3
    assert metrics["agreement"] == {"saliency": {}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"regions": (), "protect": ("tail",)}, None),
        ({"regions": ()}, "all regions count as functional (core, tail)"),
        ({"regions": (), "text": "id\tsequence\nr1\tACGTACGT\n"}, "no regions"),
        ({"text": "id\tsequence\tregions\nr1\tACGTACGT\tcore:0-8\n"}, "nothing to compare"),
        ({"model": "gru"}, "deeplift is left out"),
        ({"model": "ratio", "methods": ("deeplift",)}, "miss their sum"),
        ({"text": "id\tlabel\tsequence\tregions\nr1\tEE\tACGTACGT\tcore:0-4\n"}, "classes are those predicted"),
    ],
)
def test_what_is_said(more: dict[str, Any], words: str | None, tmp_path: Path) -> None:
    heard = Heard()
    metrics = metrics_in(tmp_path, heard, **more)
    noted = json.loads((tmp_path / "out" / "manifest.json").read_text())["notices"]
    assert words is None or any(words in text for text in [*heard.said, *noted])
    if words in ("no regions",):
        assert "region_auroc" not in next(iter(metrics["methods"].values()))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"picture": ("nobody",)}, "no record has that id"),
        ({"output": "EE"}, "no output has that name"),
        ({"regions": ("nowhere",)}, "no region has that name"),
        ({"regions": ("core",), "protect": ("core",)}, "both functional and left out"),
        ({"model": "gru", "methods": ("deeplift",)}, "no method that was asked for applies"),
        ({"text": ""}, "empty"),
        ({"text": "id\tsequence\n"}, "no record"),
    ],
)
def test_refused_before_anything_is_written(more: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        metrics_in(tmp_path, **more)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"methods": ("shap",)},
        {"methods": ()},
        {"save": "csv"},
        {"max_records": 0},
        {"baseline": "mean"},
        {"noise": float("nan")},
        {"draw": False, "picture": ("r1",)},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        AttributeSettings(**wrong)


@pytest.mark.parametrize("length", [1, 2, COLUMNS, COLUMNS + 1, 900])
def test_pictures_of_any_length(length: int, tmp_path: Path) -> None:
    text = "".join(np.random.default_rng(0).choice(list("ACGTN"), length))
    regions = ";".join(f"a rather long name of a region {i}:{i}-{i + 1}" for i in range(min(length, 9)))
    data = f"id\tsequence\tregions\n$a$\x01{length}\t{text}\t{regions}\n"
    metrics_in(tmp_path, text=data, regions=(), methods=("saliency",))
    assert (tmp_path / "out" / "attribute.png").stat().st_size > 1000


def test_the_window_holds_regions_or_the_peak() -> None:
    heights = np.full(1000, 0.01)
    heights[437] = 1.0
    start, end = window([heights], [])
    assert start % 10 == 0
    assert start <= 437 < end
    assert end - start == COLUMNS
    start, end = window([heights], [Region("site", 903, 907)])
    assert start <= 903 < 907 <= end
    assert window([np.zeros(1000)], [])[1] <= 1000
    assert window([np.full(130, np.nan)], [Region("last", 129, 130)], columns=120)[1] == 130


def test_rows_stand_at_their_columns() -> None:
    tokens = np.array([0, 3, 4, 1], np.uint8)
    values = np.arange(16, dtype=np.float32).reshape(4, 4) - 8
    drawn = Drawn(
        title="r", name="EI", quantity="the logit", value=1.0, tokens=tokens, alphabet=DNA,
        rows=(("ism", True, values), ("saliency", False, values)), regions=(Region("a", 1, 3),),
    )  # fmt: skip
    panel = make_panel(drawn)
    assert panel.letters == "AT C"
    np.testing.assert_array_equal(panel.rows[0].heights, [values[0, 0], values[3, 1], np.nan, values[1, 3]])
    np.testing.assert_array_equal(panel.rows[1].heights, [8, 7, np.nan, 7])
    assert [(bar.start, bar.end, bar.name) for bar in panel.lanes[0]] == [(1, 3, "a")]
    figure = attribution_figure([panel], protein=False)
    shaded = [patch for axes in figure.axes for patch in axes.patches if patch.get_gid() == "functional"]
    assert len(shaded) == 1
    letters = {artist.get_gid() for axes in figure.axes for artist in axes.collections}
    assert letters == {"A", "C", "T"}
    assert PROTEIN.size == 20


def test_another_seed_draws_other_records_and_other_noise(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"methods": ("smoothgrad",), "draw": False, "overwrite": True}
    ids, values = [], []
    for seed in (0, 1):
        found_in(tmp_path, seed=seed, max_records=3, **settings)
        ids.append(opened(tmp_path)["ids"].tolist())
        found_in(tmp_path, seed=seed, **settings)
        values.append(opened(tmp_path)["smoothgrad"][0])
    assert ids[0] != ids[1]
    assert not np.array_equal(*values)


def _weights(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    space: dict[str, Any] = {}
    exec(MODEL, space)
    model = space["dna"]()
    torch.save({name: value + 0.1 * seed for name, value in model.state_dict().items()}, folder / "weights.pt")


@pytest.mark.parametrize("which", ["model.py", "data.tsv", "weights.pt", "step.py", "features.bed"])
def test_a_run_is_not_resumed_on_changed_files(which: str, tmp_path: Path) -> None:
    _weights(tmp_path, 0)
    (tmp_path / "step.py").write_text("def step(x):\n    return x\n")
    (tmp_path / "features.bed").write_text("r0\t2\t5\tsite\n")
    files = {
        "weights": tmp_path / "weights.pt",
        "preprocess": f"{tmp_path / 'step.py'}:step",
        "annotation": tmp_path / "features.bed",
    }
    settings: dict[str, Any] = {"methods": ("saliency",), "draw": False, "files": files, "regions": ("site",)}
    text = "id\tsequence\nr0\tACGTACGTAA\n"
    found_in(tmp_path, text=text, **settings)
    assert found_in(tmp_path, text=text, resume=True, **settings).metrics
    if which == "weights.pt":
        _weights(tmp_path, 1)
    elif which == "data.tsv":
        text = text.replace("GTAA", "GTTT")
    elif which != "model.py":
        (tmp_path / which).write_text(
            (tmp_path / which).read_text() + ("# \n" if which == "step.py" else "r0\t0\t1\ts\n")
        )
    with pytest.MonkeyPatch.context() as patch:
        if which == "model.py":
            patch.setattr(sys.modules[__name__], "MODEL", MODEL + "\n# changed\n")
        with pytest.raises(ConfigError, match="cannot be resumed") as error:
            found_in(tmp_path, text=text, resume=True, **settings)
    assert f"contents of {ROLES[which]} = " in str(error.value)


ROLES = {
    "model.py": "model, model.py",
    "data.tsv": "data.path",
    "weights.pt": "model.weights",
    "step.py": "model, step.py",
    "features.bed": "data.annotation",
}


def shown(found: Answer[Any]) -> str:
    """What a terminal shows."""
    console = Console(file=io.StringIO(), width=200)
    show(found.page, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_page(tmp_path: Path) -> None:
    found = found_in(tmp_path, methods=("ism", "saliency", "integrated_gradients"))
    text, page = shown(found), (found.folder / "report.html").read_text()
    assert page == render(found.page, json.loads((found.folder / "manifest.json").read_text()))
    auroc = f"{found.metrics['methods']['ism']['region_auroc']:.3f}"
    agreement = f"{found.metrics['agreement']['ism']['saliency']['spearman']:.2f}"
    for part in (auroc, agreement, "by chance", "0.500", "functional: core", "too few records"):
        assert part in text
        assert part in page
    # A picture for each of the first four records, on the page alone.
    assert page.count("<svg") == 4
    assert "Letters" not in text
    assert "Only 4 records could be compared with annotation" in text


def test_nothing_annotated_is_nothing_judged(tmp_path: Path) -> None:
    found = found_in(tmp_path, text="id\tsequence\nr1\tACGTACGT\n", regions=(), methods=("ism",), draw=False)
    text = shown(found)
    assert "shown, and not judged" in text
    assert "AUROC" not in text
    assert "<svg" not in (found.folder / "report.html").read_text()


TWENTY = [("".join(np.random.default_rng(seed).choice(list("ACGT"), 30)), seed) for seed in range(20)]
READS = """
import torch
from torch import nn


class Reads(nn.Module):
    '''Reads positions 10 to 14, and nothing else.'''

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([-1.0, 0.3, 0.7, 1.5]))

    def forward(self, x):
        total = (x * self.weight[None, :, None])[:, :, 10:15].sum((1, 2))
        return torch.stack([-total, total], 1)
"""


@pytest.mark.parametrize(("region", "verdict"), [((10, 15), "above chance"), ((0, 10), "below chance")])
def test_what_a_model_reads_is_told_from_chance(region: tuple[int, int], verdict: str, tmp_path: Path) -> None:
    (tmp_path / "reads.py").write_text(READS)
    rows = [f"r{number}\t{text}\tsite:{region[0]}-{region[1]}" for text, number in TWENTY]
    (tmp_path / "data.tsv").write_text("id\tsequence\tregions\n" + "\n".join(rows) + "\n")
    model = ModelSource(
        model=f"{tmp_path / 'reads.py'}:Reads", alphabet="DNA", task="classification", labels=("a", "b")
    )
    asked = ModelOnSequences(model=model, data=DataSource(path=tmp_path / "data.tsv"))
    run = RunSettings(out=tmp_path / "out", device="cpu")
    found = answer(ATTRIBUTE, asked, AttributeSettings(methods=("ism", "saliency"), draw=False), run, Silent())
    assert found.findings.verdicts["ism"] == verdict
    assert ("most of all" in shown(found)) == (verdict == "above chance")
    assert ("Below chance" in shown(found)) == (verdict == "below chance")
