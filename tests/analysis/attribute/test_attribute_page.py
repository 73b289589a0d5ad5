"""Attributions as pictures and as a page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from attribute_cases import found_in, metrics_in, shown

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.analysis.asked import ModelOnSequences
from seqrobust.analysis.attribute import ATTRIBUTE, AttributeSettings
from seqrobust.analysis.attribute.layout import COLUMNS, Drawn, make_panel, window
from seqrobust.analysis.attribute.picture import attribution_figure
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.report.html import render
from seqrobust.run.answer import answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences import Region
from seqrobust.sequences.data_source import DataSource


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


def test_the_page(tmp_path: Path) -> None:
    found = found_in(tmp_path, methods=("ism", "saliency", "integrated_gradients"))
    text, page = shown(found), (found.folder / "report.html").read_text()
    assert page == render(found.page, json.loads((found.folder / "manifest.json").read_text()))
    auroc = f"{found.metrics['methods']['ism']['region_auroc']:.3f}"
    agreement = f"{found.metrics['agreement']['ism']['saliency']['spearman']:.2f}"
    for part in (auroc, agreement, "random ranking", "0.500", "functional: core", "too few records"):
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


TWENTY = [("".join(np.random.default_rng(seed).choice(list("ACGT"), 60)), seed) for seed in range(20)]


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


@pytest.mark.parametrize(("region", "verdict"), [((10, 15), "above chance"), ((0, 10), "consistent with chance")])
def test_what_a_model_reads_is_distinguished_from_chance(region: tuple[int, int], verdict: str, tmp_path: Path) -> None:
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
    # Five positions are read, so most regions placed anywhere have less than one half.
    assert found.metrics["methods"]["ism"]["region_auroc"] < 0.5 or verdict == "above chance"
    assert "Below chance" not in shown(found)
