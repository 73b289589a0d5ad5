"""Summaries against counts done by hand and by loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from Bio.Seq import Seq
from Bio.SeqUtils import gc_fraction
from hypothesis import given, settings
from hypothesis import strategies as st

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.sequences import Region, SequenceSet
from seqrobust.sequences.labels import class_names
from seqrobust.sequences.summary import describe

texts = st.lists(st.text("ACGTN", min_size=1, max_size=4), min_size=1, max_size=25)


def test_both_strands_in_both_splits_hide_no_other_pair() -> None:
    splits = ["train", "train", "train", "test", "test", "test"]
    copies = describe(SequenceSet.from_texts(list("AGTTAC"), DNA, splits=splits)).copies
    assert dict(copies.across) == {"train / test": 2}
    assert dict(copies.other_strand_across) == {"train / test": 1}


@settings(max_examples=25)
@given(texts, st.data())
def test_copies_are_those_of_a_loop(rows: list[str], data: st.DataObject) -> None:
    splits = data.draw(st.lists(st.sampled_from(["train", "test"]), min_size=len(rows), max_size=len(rows)))
    labels = data.draw(st.lists(st.sampled_from(["x", "y", ""]), min_size=len(rows), max_size=len(rows)))
    records = SequenceSet.from_texts(rows, DNA, splits=splits, targets=pd.DataFrame({"y": labels}))
    copies = describe(records).copies
    train = {t for t, s in zip(rows, splits, strict=True) if s == "train"}
    test = {t for t, s in zip(rows, splits, strict=True) if s == "test"}
    told = {text: {y for t, y in zip(rows, labels, strict=True) if t == text and y} for text in rows}
    other_strand = {t for t in set(rows) if (rc := str(Seq(t).reverse_complement())) in rows and rc != t}
    crossing = {frozenset((t, str(Seq(t).reverse_complement()))) for t in train}
    crossing &= {frozenset((t, str(Seq(t).reverse_complement()))) for t in test}
    assert copies.distinct == len(set(rows))
    assert copies.within == len(rows) - len(train) - len(test)
    assert sum(copies.across.values()) == len(train & test)
    assert copies.conflicting == sum(len(names) > 1 for names in told.values())
    assert copies.other_strand == len(other_strand) // 2
    only_turned = [pair for pair in crossing if not (pair & train & test)]
    assert sum(copies.other_strand_across.values()) == len(only_turned)


@given(texts)
def test_letters_are_counted(rows: list[str]) -> None:
    summary = describe(SequenceSet.from_texts(rows, DNA))
    counts = Counter("".join(rows))
    known = max(sum(counts[letter] for letter in "ACGT"), 1)
    assert summary.composition == pytest.approx({letter: counts[letter] / known for letter in "ACGT"})
    assert summary.gc == pytest.approx(gc_fraction("".join(rows), ambiguous="remove"))
    assert summary.ambiguous == ({"N": counts["N"]} if counts["N"] else {})
    assert summary.lengths.median == np.median([len(row) for row in rows])


def test_classes_ranges_groups_and_regions() -> None:
    records = SequenceSet.from_texts(
        ["MKV", "MKVL", "AAAAA"],
        PROTEIN,
        targets=pd.DataFrame(
            {"c": ["x", "y", "x"], "v": ["0.5", "", "2"], "d": pd.Categorical(["a", "a", "a"], ["a", "b"])}
        ),
        splits=["test", "train", "train"],
        groups=["g", "g", "h"],
        regions=[[Region("r", 0, 2), Region("r", 1, 2)], [Region("s", 0, 1)], [Region("r", 0, 5)]],
    )
    summary = describe(records)
    assert summary.classes["c"] == {"x": {"train": 1, "test": 1}, "y": {"train": 1}}
    assert summary.classes["d"]["b"] == {}
    assert "v" not in summary.classes
    assert (summary.ranges["v"].min, summary.ranges["v"].max) == (0.5, 2)
    assert summary.missing == {"c": 0, "v": 1, "d": 0}
    assert list(summary.splits) == ["train", "test"]
    assert (summary.groups, summary.groups_across, summary.gc) == (2, ("g",), None)
    first, second = summary.regions
    assert (first.name, first.count, first.records, first.median_length) == ("r", 3, 2, 2)
    assert second.name == "s"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", ""], ["a", "b", ""]),
        ([1.0, 0.0, None], ["1", "0", ""]),
        (["1", "2", "1"], ["1", "2", "1"]),
        ([0.5, 1.0, 2.0], None),
        (list(range(60)), None),
    ],
)
def test_what_counts_as_a_class(values: list[object], expected: list[str] | None) -> None:
    found = class_names(pd.Series(values))
    assert (None if found is None else found.tolist()) == expected
