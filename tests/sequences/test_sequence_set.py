"""Sets of records: taking, cropping, editing, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrobust.alphabet import DNA
from seqrobust.errors import DataError
from seqrobust.sequences import Region, SequenceSet
from seqrobust.sequences.sequence_set import distinct

TEXTS = ["ACGTN", "ac", "RYSWK", "GGG"]


def a_set() -> SequenceSet:
    return SequenceSet.from_texts(
        TEXTS,
        DNA,
        ids=["a", "b", "a", "c"],
        targets=pd.DataFrame({"y": [1, 2, 3, 4]}, index=[9, 8, 7, 6]),
        groups=["g", "g", "h", "i"],
        splits=["train", "train", "test", "test"],
        regions=[[Region("x", 0, 5)], [], [Region("x", 4, 5), Region("y", 0, 1)], [Region("y", 1, 3)]],
    )


@given(st.lists(st.integers(0, 3), max_size=6))
def test_take_keeps_every_column_in_step(chosen: list[int]) -> None:
    whole, part = a_set(), a_set().take(np.array(chosen, np.int64))
    assert part.texts == [TEXTS[i].upper() for i in chosen]
    assert part.ids == tuple(whole.ids[i] for i in chosen)
    assert part.targets is not None
    assert part.groups is not None
    assert part.splits is not None
    assert part.targets["y"].tolist() == [i + 1 for i in chosen]
    assert part.groups.tolist() == [["g", "g", "h", "i"][i] for i in chosen]
    assert part.splits.tolist() == [["train", "train", "test", "test"][i] for i in chosen]
    assert [part.regions.of(row) for row in range(len(chosen))] == [whole.regions.of(i) for i in chosen]
    assert part.width == whole.width


def test_take_reads_a_mask_as_a_mask() -> None:
    assert a_set().take(np.array([False, True, False, True])).ids == ("b", "c")


def test_edited_texts_keep_untouched_ambiguity_codes() -> None:
    records = a_set()
    tokens = records.tokens.copy()
    tokens[2, 0] = DNA.token("T")
    assert records.texts_with(tokens) == ["ACGTN", "AC", "TYSWK", "GGG"]


def test_cropping_cuts_letters_lengths_and_regions() -> None:
    cropped = a_set().cropped(3)
    assert cropped.texts == ["ACG", "AC", "RYS", "GGG"]
    assert cropped.regions.of(0) == [Region("x", 0, 3)]
    assert cropped.regions.of(2) == [Region("y", 0, 1)]
    assert a_set().cropped(99).texts == a_set().texts


def test_a_split_is_taken_by_name() -> None:
    assert a_set().in_split("test").ids == ("a#2", "c")
    with pytest.raises(DataError) as caught:
        a_set().in_split("valid")
    assert "test, train" in str(caught.value)


@given(st.lists(st.sampled_from(["a", "a#2", "a#3", "b", "b#2"]), max_size=9))
def test_ids_become_distinct_and_first_ones_stay(names: list[str]) -> None:
    made = distinct(names)
    assert len(set(made)) == len(names)
    for place, (before, after) in enumerate(zip(names, made, strict=True)):
        assert after == before if before not in names[:place] else after.startswith(before + "#")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ids": ["a"]}, ["ids", "1 and 2"]),
        ({"targets": pd.DataFrame({"y": [1]})}, ["targets", "1 and 2"]),
        ({"regions": [[Region("r", 0, 9)], []]}, ["leaves its record", "r:0-9", "seq1"]),
        ({"regions": [[], [Region("r", 2, 2)]]}, ["empty", "r:2-2", "seq2"]),
        ({"texts": ["ACGT", ""]}, ["empty", "seq2"]),
        ({"texts": ["ACGT", "AC!"]}, ["'!'", "seq2", "position 3"]),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], words: list[str]) -> None:
    texts = change.pop("texts", ["ACGT", "ACG"])
    with pytest.raises(DataError) as caught:
        SequenceSet.from_texts(texts, DNA, **change)  # type: ignore[arg-type]
    for word in words:
        assert word in str(caught.value)
