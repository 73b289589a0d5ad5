"""The page: whole, self-contained, escaped, the same bytes twice, and written for the strangest input."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.analysis.outcomes import ReportInput, render_report, write_report
from seqrobust.analysis.outcomes.budget_curve import curve_caption, shift_curves
from seqrobust.sequences import Region, SequenceSet

FakeReport = Callable[..., ReportInput]
_VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Collects tags, attributes and text; fails on a tag that is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def check(text: str) -> Page:
    """A sound, self-contained page."""
    page = Page(text)
    assert len(text) < 3_000_000
    assert not {"script", "link", "iframe", "object", "form", "b-tag"} & set(page.tags)
    assert "://" not in re.sub(r"<(pre|td)>.*?</\1>", "", text, flags=re.S)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("href", "src"):
            assert value.startswith(("#", "data:image/png;base64,"))
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = [value[1:] for name, value in page.attributes if name == "href" and value.startswith("#")]
    used += [name for _, value in page.attributes for name in re.findall(r"url\(#([^)]+)\)", value)]
    assert set(used) <= set(ids)
    return page


def test_a_whole_run(fake_report: FakeReport) -> None:
    page = check(render_report(fake_report()))
    sections = [value for name, value in page.attributes if name == "id" and "-" not in value]
    assert sections == ["answer", "curve", "examples", "where", "model", "data", "how", "run"]
    assert "With at most 5 letters changed outside site_GT" in page.text
    assert "seqrobust run configs/splice.yaml --out 'runs/splice one'" in page.text
    assert "bb93affdca8e493471d9b422c992daec" in page.text
    assert "2 outside" not in page.text


def test_same_bytes_twice_and_nothing_left_behind(tmp_path: Path, fake_report: FakeReport) -> None:
    for name in ("a.html", "b.html"):
        write_report(fake_report(), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_text_of_strangers_is_escaped(fake_report: FakeReport) -> None:
    evil = "<script>alert(1)</script>"
    report = fake_report(n=40, labels=[f"{evil}$x^{{$", 'b" onload="x', "</svg><img src=x>", "汉字\x00"])
    sequences, results = report.sequences, report.results
    assert sequences is not None
    assert results is not None
    names = {name: f"{evil}{name}" for name in sequences.ids}
    regions = [
        [Region(f"{r.name}{evil}$\\frac$ url(#x) #1d2733", r.start, r.end) for r in sequences.regions.of(i)]
        for i in range(len(sequences))
    ]
    renamed = SequenceSet.from_texts(sequences.texts, DNA, ids=list(names.values()), regions=regions)
    strange = fake_report(
        n=40,
        labels=report.labels,
        title=f"{evil} &amp;\ud800",
        sequences=renamed,
        results=results.assign(id=results["id"].map(names)),
        protect=(f"site_GT{evil}$\\frac$ url(#x) #1d2733",),
        data_summary={"regions": {evil: {"count": None}}, "ambiguous": {evil: 1}, "splits": {evil: 2}},
        manifest={"command": evil, "config": f"a: {evil}", "versions": {evil: evil}},
        test_metrics={evil: 0.5},
        letter_rule=evil,
    )
    text = render_report(strange)
    page = check(text)
    assert "img" not in page.tags
    assert evil not in text
    assert page.text.count(evil) > 10
    assert "$x^{$" in page.text
    assert "url(#x) #1d2733" in page.text


NOTHING: dict[str, Any] = {
    "history": None,
    "test_metrics": None,
    "attack": None,
    "results": None,
    "sequences": None,
    "data_summary": None,
    "manifest": None,
    "protect": (),
}


@pytest.mark.parametrize(
    "changes",
    [
        NOTHING,
        {**NOTHING, "task": None, "labels": ()},
        {"attack": None, "results": None, "sequences": None},
        {"history": None, "test_metrics": None, "data_summary": None, "manifest": None},
        {"sequences": None},
        {"results": None},
        {"n": 1},
        {"n": 1, "length": 1},
        {"n": 2, "length": 3, "budgets": [1]},
        {"budgets": [0]},
        {"attack": {}},
        {"attack": {"task": "classification", "budgets": [{"budget": 2}], "clean_accuracy": None, "n": None}},
        {"history": pd.DataFrame({"epoch": [0], "train_loss": [np.nan]})},
        {
            "history": pd.DataFrame(
                {"epoch": [0, 0, 1], "train_loss": [1.0, np.nan, 0.5], "valid_r2": [np.nan, 0.1, np.nan]}
            )
        },
        {"labels": [f"class {i}" for i in range(40)], "n": 300},
        {"test_metrics": {"confusion": [[3, 1, 0], [0, 0, 0], [1, 1, 9]], "accuracy": None}},
        {"data_summary": {}},
        {"manifest": {"inputs": {}, "config": {"a": [1, {"b": None}]}, "seed": None}},
    ],
    ids=str,
)
def test_strange_input_gives_a_sound_page(fake_report: FakeReport, changes: dict[str, Any]) -> None:
    check(render_report(fake_report(**{"n": 20, **changes})))


def test_title_and_attack_alone(fake_report: FakeReport) -> None:
    page = check(render_report(ReportInput(title="t", attack=fake_report().attack)))
    assert "There is no edited sequence to show." in page.text


def test_no_success_at_all(fake_report: FakeReport) -> None:
    report = fake_report(n=30)
    assert report.results is not None
    for success in (
        pd.array([False] * len(report.results), "boolean"),
        pd.array([pd.NA] * len(report.results), "boolean"),
    ):
        page = check(render_report(fake_report(n=30, results=report.results.assign(success=success))))
        assert "There is no edited sequence to show." in page.text
        assert "Where the adversary edits" not in page.text


def test_records_without_regions(fake_report: FakeReport) -> None:
    report = fake_report(n=30)
    assert report.sequences is not None
    bare = SequenceSet.from_texts(report.sequences.texts, DNA, ids=report.sequences.ids)
    page = check(render_report(fake_report(n=30, sequences=bare, protect=())))
    assert "Share by region" not in page.text
    assert "Letters switched" in page.text


def test_long_proteins_of_many_lengths(fake_report: FakeReport) -> None:
    report = fake_report(n=60, length=600, alphabet=PROTEIN, even=False, budgets=(1, 40))
    page = check(render_report(report))
    assert "% of its length" in page.text


def test_regression_without_a_threshold(fake_report: FakeReport) -> None:
    report = fake_report(n=500)
    assert report.results is not None
    rng = np.random.default_rng(0)
    values = rng.normal(size=len(report.results))
    results = report.results.assign(
        target=values,
        clean_prediction=values,
        adversarial_prediction=values + 1.0,
        success=pd.array([pd.NA] * len(values), "boolean"),
    )
    attack = {
        "task": "regression",
        "n": 500,
        "goal": "y raised by at least 1",
        "budgets": [{"budget": 5, "mean_shift": 1.0}],
    }
    changes = {"task": "regression", "labels": ["y"], "attack": attack, "results": results, "test_metrics": {"r2": 0.5}}
    page = check(render_report(fake_report(n=500, **changes)))
    assert "the predicted y rises by 1 on average" in page.text
    assert "each one counts once, at the largest budget" in page.text
    assert "predicted y" in page.text


def test_without_labels_nothing_is_called_correct(fake_report: FakeReport) -> None:
    report = fake_report(n=40)
    assert report.attack is not None
    attack = {**report.attack, "clean_accuracy": None, "clean_accuracy_ci": None, "attacked": 40}
    text = check(render_report(fake_report(n=40, attack=attack, test_metrics=None))).text
    assert "of the sequences can be flipped" in text
    assert "predictions kept under attack" in text
    assert "share of each true class" not in text


def test_the_caption_names_what_the_curve_draws() -> None:
    shares = [{"budget": k, "robust_accuracy": 0.5, "robust_accuracy_ci": [0.4, 0.6]} for k in (1, 2)]
    attack = {"task": "binary", "clean_accuracy": 0.9, "clean_accuracy_ci": [0.8, 1.0], "n": 10, "attacked": 9}
    assert curve_caption({**attack, "budgets": shares}) == "Bands are 95 % intervals."
    beside = [{**row, "random_success_rate": 0.1, "random_success_rate_ci": [0.0, 0.2]} for row in shares]
    assert "; grey is the control" in curve_caption({**attack, "budgets": beside})
    # An evaluation of a regression has one absolute shift for two directions, and neither interval nor control.
    shifts = [{"budget": k, "mean_shift": 0.1 * k} for k in (1, 2)]
    assert curve_caption({"task": "regression", "budgets": shifts}) == ""
    assert shift_curves({"task": "regression", "budgets": shifts})[0].points == ()
