"""Pictures show exactly the data: lines equal the metrics, boxes the edits, shading the protected letters."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.analysis.outcomes import (
    ReportInput,
    before_after_logo,
    budget_curve,
    example_edits,
    overview_picture,
    save_picture,
)
from seqrobust.analysis.outcomes.examples import EditedRecord, edited_record
from seqrobust.analysis.outcomes.where import (
    OUTSIDE,
    binned_edits,
    binned_regions,
    choose_bins,
    edit_positions,
    region_shares,
    switch_counts,
)
from seqrobust.errors import InternalError
from seqrobust.report.edits import decisive_rows, edit_table, parse_edits
from seqrobust.report.logo_layout import lay_out
from seqrobust.report.look import svg_markup
from seqrobust.sequences import Region, SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat

FakeReport = Callable[..., ReportInput]


def lines_of(figure: Figure, panel: int = 0) -> dict[str, list[tuple[float, float]]]:
    return {str(line.get_label()): list(zip(*line.get_data(), strict=True)) for line in figure.axes[panel].lines}


def test_curve_equals_metrics(fake_report: FakeReport) -> None:
    metrics = fake_report().attack
    assert metrics is not None
    lines = lines_of(budget_curve(metrics))
    clean = metrics["clean_accuracy"]
    rows = metrics["budgets"]
    assert lines["attack"] == [(0, clean), *((row["budget"], row["robust_accuracy"]) for row in rows)]
    expected = [clean, *(clean * (1 - row["random_success_rate"]) for row in rows)]
    assert [value for _, value in lines["random changes"]] == pytest.approx(expected)


def test_curve_bands_equal_intervals(fake_report: FakeReport) -> None:
    metrics = fake_report().attack
    assert metrics is not None
    band = budget_curve(metrics).axes[0].collections[1].get_paths()[0].vertices
    corners = {(round(float(x), 9), round(float(y), 9)) for x, y in band}
    wanted = {(row["budget"], round(end, 9)) for row in metrics["budgets"] for end in row["robust_accuracy_ci"]}
    assert wanted <= corners


def test_regression_curve_equals_metrics() -> None:
    rows = [{"budget": k, "mean_shift": 0.4 * k, "random_mean_shift": 0.01 * k, "r2": 0.7 - 0.1 * k} for k in (1, 2, 4)]
    figure = budget_curve({"task": "regression", "clean_r2": 0.7, "budgets": rows})
    assert lines_of(figure)["attack"] == [(0, 0), *((row["budget"], row["mean_shift"]) for row in rows)]
    assert lines_of(figure, 1)["attack"] == [(0, 0.7), *((row["budget"], row["r2"]) for row in rows)]


def test_without_labels_the_curve_counts_predictions_kept() -> None:
    row = {"budget": 2, "robust_accuracy": 0.4, "random_success_rate": 0.1}
    metrics = {"task": "binary", "n": 50, "attacked": 50, "clean_accuracy": None, "budgets": [row]}
    figure = budget_curve(metrics)
    assert figure.axes[0].get_title(loc="left") == "Predictions kept"
    assert lines_of(figure) == {"attack": [(0, 1), (2, 0.4)], "random changes": [(0, 1), (2, pytest.approx(0.9))]}


def test_random_changes_touch_only_the_records_attacked() -> None:
    row = {"budget": 1, "robust_accuracy": 0.5, "random_success_rate": 0.5}
    metrics = {"task": "classification", "n": 10, "attacked": 4, "clean_accuracy": 0.9, "budgets": [row]}
    assert lines_of(budget_curve(metrics))["random changes"] == [(0, 0.9), (1, pytest.approx(0.9 - 0.4 * 0.5))]


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"task": "binary", "budgets": [{"budget": 0}], "clean_accuracy": 0.9},
        {"task": "binary", "budgets": [{"budget": 1, "robust_accuracy": None}], "clean_accuracy": None},
        {"task": "regression", "budgets": [{"budget": "2%", "mean_shift": None}]},
    ],
)
def test_curve_of_nothing_is_drawn(metrics: dict[str, Any]) -> None:
    assert "<svg" in svg_markup(budget_curve(metrics), "c", "d")


def example_of(length: int, edited: list[int], regions: list[Region], **threat: tuple[str, ...]) -> EditedRecord:
    alphabet = PROTEIN if length > 200 else DNA
    text = "".join(np.random.default_rng(length).choice(list(alphabet.letters), length))
    other = {letter: alphabet.letters[(code + 1) % alphabet.size] for code, letter in enumerate(alphabet.letters)}
    row = {"edits": ";".join(f"{text[p]}{p + 1}{other[text[p]]}" for p in edited), "clean_prediction": "x"}
    names = {"protect": threat.get("protect", ()), "only": threat.get("only", ())}
    return edited_record(row, SequenceSet.from_texts([text], alphabet, regions=[regions]), 0, **names)


def columns_of(figure: Figure, kind: type, gid: str) -> list[set[int]]:
    """Per line, the columns under patches of that kind."""
    patches = [[p for p in axes.patches if isinstance(p, kind) and p.get_gid() == gid] for axes in figure.axes]
    spans = [[(p.get_x(), p.get_x() + p.get_width()) for p in line] for line in patches]
    return [{c for low, high in line for c in range(round(low), round(high))} for line in spans]


REGIONS = [Region("GT", 28, 31), Region("BINDING[Fe:S]", 33, 34), Region("exon", 0, 40)]


@pytest.mark.parametrize(
    ("length", "edited"),
    [
        (60, [3, 25, 31, 32]),
        (60, list(range(0, 24))),
        (600, [98, 99, 305, 599]),
        (600, list(range(7, 600, 23))),
        (1, [0]),
    ],
)
def test_boxes_are_the_edits(length: int, edited: list[int]) -> None:
    example = example_of(length, edited, [])
    figure = before_after_logo(example)
    lines = lay_out(length, edited)
    boxed = columns_of(figure, FancyBboxPatch, "edit")
    positions = [lines[number].positions[column] for number, columns in enumerate(boxed) for column in columns]
    assert sorted(positions) == edited
    named = sorted(text.get_text() for axes in figure.axes for text in axes.texts if text.get_color() == "#d55e00")
    assert named == sorted(edit.name for edit in example.edits)
    assert all(example.after[p] != example.before[p] for p in edited)


@pytest.mark.parametrize("length", [60, 600])
@pytest.mark.parametrize(
    "threat", [{"protect": ("GT", "BIND*")}, {"only": ("GT",)}, {"only": ("exon",), "protect": ("GT",)}, {}]
)
def test_shading_is_what_is_protected(length: int, threat: dict[str, tuple[str, ...]]) -> None:
    example = example_of(length, [20, 50], REGIONS, **threat)
    closed = set(range(length)) - set(range(0, 40)) if threat.get("only") == ("exon",) else set()
    closed |= {28, 29, 30} if "GT" in threat.get("protect", ()) else set()
    closed |= {33} if "BIND*" in threat.get("protect", ()) else set()
    closed |= set(range(length)) - {28, 29, 30} if threat.get("only") == ("GT",) else set()
    lines = lay_out(length, [20, 50])
    for line, columns in zip(lines, columns_of(before_after_logo(example), Rectangle, "protected"), strict=True):
        assert columns == {column for column, p in enumerate(line.positions) if p in closed}


@pytest.mark.parametrize("edited", [[0], [599], [0, 599], [10, 11, 12, 300], list(range(0, 600, 9))])
def test_windows_hold_every_edit_and_at_most_a_line(edited: list[int]) -> None:
    lines = lay_out(600, edited)
    shown = [p for line in lines for p in line.positions if p >= 0]
    assert set(edited) <= set(shown)
    assert shown == sorted(set(shown))
    assert all(len(line.positions) <= 60 for line in lines)


def test_decisive_rows_are_each_flipped_record_at_its_fewest_edits(fake_report: FakeReport) -> None:
    results = fake_report().results
    assert results is not None
    rows = decisive_rows(results)
    flipped = results[results["success"].fillna(False)]
    assert set(rows["id"]) == set(flipped["id"])
    assert rows["id"].is_unique
    assert (rows.set_index("id")["n_edits"] == flipped.groupby("id")["n_edits"].min()[rows["id"]]).all()
    assert rows["n_edits"].is_monotonic_increasing


def test_examples_take_turns_between_classes(fake_report: FakeReport) -> None:
    report = fake_report()
    chosen = example_edits(report.results, report.sequences, protect=report.protect)
    assert len(chosen) == 6
    assert [sorted(e.row["clean_prediction"] for e in part) for part in (chosen[:3], chosen[3:])] == [
        ["EI", "IE", "N"]
    ] * 2
    many = fake_report(labels=[f"class {i}" for i in range(40)])
    assert len({e.row["clean_prediction"] for e in example_edits(many.results, many.sequences)}) == 8


@pytest.mark.parametrize("even", [True, False])
def test_positions_and_regions_against_counting(fake_report: FakeReport, even: bool) -> None:
    report = fake_report(n=40, length=130, even=even)
    sequences = report.sequences
    assert sequences is not None
    edits = edit_table(decisive_rows(report.results), sequences.ids, sequences.lengths)
    bins = choose_bins(sequences)
    counted = np.zeros(bins.count)
    covered, total = np.zeros(bins.count), np.zeros(bins.count)
    for record, length in enumerate(sequences.lengths.tolist()):
        of = [p * bins.count // length if bins.relative else p // bins.width for p in range(length)]
        for p in edits.position[edits.record == record].tolist():
            counted[of[p]] += 1 / len(edits)
        ((start, end),) = [(r.start, r.end) for r in sequences.regions.of(record) if r.name == "left"]
        for p in range(length):
            total[of[p]] += 1
            covered[of[p]] += start <= p < end
    np.testing.assert_allclose(binned_edits(sequences, edits, bins), counted)
    np.testing.assert_allclose(binned_regions(sequences, ["left"], bins)[0], covered / total)
    bars = [p for p in edit_positions(sequences, edits).axes[0].patches if p.get_gid() == "edits"]
    assert [bar.get_height() for bar in bars] == pytest.approx(counted.tolist())


def test_region_shares_add_up_and_leave_protected_out(fake_report: FakeReport) -> None:
    report = fake_report()
    sequences = report.sequences
    assert sequences is not None
    edits = edit_table(decisive_rows(report.results), sequences.ids, sequences.lengths)
    editable = SubstitutionThreat(budget=Budget(1), protect=report.protect).editable(sequences)
    shares = region_shares(sequences, edits, editable)
    assert set(shares) == {"left", "right flank <b>&"}
    assert np.array(list(shares.values())).sum(0) == pytest.approx([1, 1])
    everywhere = region_shares(
        sequences.take(range(len(sequences))), edits, SubstitutionThreat(budget=Budget(1)).editable(sequences)
    )
    assert everywhere["site_GT"] == (0, pytest.approx(2 / 60))
    assert OUTSIDE not in everywhere


def test_switches_count_every_edit(fake_report: FakeReport) -> None:
    report = fake_report()
    assert report.sequences is not None
    edits = edit_table(decisive_rows(report.results), report.sequences.ids, report.sequences.lengths)
    counts = switch_counts(edits, "ACGT")
    assert counts.sum() == len(edits)
    assert counts[0, 2] == sum((edits.before == "A") & (edits.after == "G"))
    assert not np.diag(counts).any()


def test_an_edit_that_cannot_be_read_is_our_fault() -> None:
    assert parse_edits(None) == parse_edits("") == parse_edits(float("nan")) == ()
    with pytest.raises(InternalError, match="A12"):
        parse_edits("A12")


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_saved_pictures_are_the_same_bytes_twice(tmp_path: Path, fake_report: FakeReport, suffix: str) -> None:
    report = fake_report()
    assert report.attack is not None
    example = example_edits(report.results, report.sequences)[0]
    blobs = []
    for name, setting in (("a", 10.0), ("b", 23.0)):
        with mpl.rc_context({"font.size": setting}):
            save_picture(overview_picture(report.attack, example, "A headline"), tmp_path / f"{name}.{suffix}")
        blobs.append((tmp_path / f"{name}.{suffix}").read_bytes())
    assert blobs[0] == blobs[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a.{suffix}", f"b.{suffix}"]


def test_pyplot_is_never_imported() -> None:
    code = "import sys, seqrobust.analysis.outcomes; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
