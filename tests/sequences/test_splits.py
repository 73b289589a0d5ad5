"""Splits: nothing that belongs together on two sides, near the shares asked for, the same from the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrobust.alphabet import DNA
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.dividing.splits import FRACTIONS, assign_splits, carve_split


def records_of(
    count: int, *, groups: list[str] | None = None, labels: list[str] | None = None, splits: list[str] | None = None
) -> SequenceSet:
    rows = np.random.default_rng(1).integers(0, 4, (count, 30))
    texts = ["".join("ACGT"[i] for i in row) for row in rows]
    targets = None if labels is None else pd.DataFrame({"label": labels})
    return SequenceSet.from_texts(texts, DNA, groups=groups, targets=targets, splits=splits)


def splits_of(records: SequenceSet) -> list[str]:
    assert records.splits is not None
    return [str(split) for split in records.splits]


@given(st.lists(st.integers(0, 30), min_size=40, max_size=150), st.integers(0, 3))
def test_no_group_lies_on_two_sides_and_shares_are_near(groups: list[int], seed: int) -> None:
    records = records_of(len(groups), groups=[f"g{group}" for group in groups])
    splits = splits_of(assign_splits(records, seed=seed, fractions=FRACTIONS))
    sides: dict[int, set[str]] = {}
    for group, split in zip(groups, splits, strict=True):
        sides.setdefault(group, set()).add(split)
    assert all(len(found) == 1 for found in sides.values())
    largest = max(Counter(groups).values())
    for name, share in FRACTIONS.items():
        assert abs(splits.count(name) - share * len(groups)) <= largest + 1


def test_a_seed_decides_and_file_order_does_not() -> None:
    records = records_of(200, groups=[f"g{i % 60}" for i in range(200)])
    splits = dict(zip(records.ids, splits_of(assign_splits(records, seed=5, fractions=FRACTIONS)), strict=True))
    shuffled = records.take(np.random.default_rng(0).permutation(200))
    again = dict(zip(shuffled.ids, splits_of(assign_splits(shuffled, seed=5, fractions=FRACTIONS)), strict=True))
    other = dict(zip(records.ids, splits_of(assign_splits(records, seed=6, fractions=FRACTIONS)), strict=True))
    assert splits == again
    assert splits != other


def test_classes_keep_their_share_in_every_split() -> None:
    labels = ["a"] * 500 + ["b"] * 100 + ["c"] * 20
    splits = splits_of(assign_splits(records_of(620, labels=labels), seed=0))
    for name, count in (("a", 500), ("b", 100), ("c", 20)):
        found = Counter(split for split, label in zip(splits, labels, strict=True) if label == name)
        for split, share in FRACTIONS.items():
            assert abs(found[split] - share * count) <= 1, (name, split)


def test_copies_stay_together_on_either_strand() -> None:
    records = records_of(60)
    twins = [
        *records.texts,
        *records.texts,
        *(text[::-1].translate(str.maketrans("ACGT", "TGCA")) for text in records.texts),
    ]
    splits = splits_of(assign_splits(SequenceSet.from_texts(twins, DNA), seed=0))
    assert splits[:60] == splits[60:120] == splits[120:]
    assert set(splits) == {"train", "valid", "test"}


def test_names_that_never_repeat_do_not_spoil_the_shares() -> None:
    splits = Counter(splits_of(assign_splits(records_of(100, labels=[f"p{i}" for i in range(100)]), seed=0)))
    assert splits == {"train": 80, "valid": 10, "test": 10}


def test_folds_are_mapped() -> None:
    records = records_of(10, splits=[str(i % 5) for i in range(10)])
    mapped = assign_splits(records, seed=0, mapping={"test": ["4"], "valid": ["3"]})
    assert splits_of(mapped) == ["train", "train", "train", "valid", "test"] * 2


def test_the_files_own_splits_stand() -> None:
    records = records_of(4, splits=["train", "test", "test", "train"])
    assert splits_of(assign_splits(records, seed=0)) == ["train", "test", "test", "train"]


def test_valid_is_carved_from_train_by_group() -> None:
    groups = [f"g{i % 40}" for i in range(400)]
    splits = ["test" if i % 40 < 8 else "train" for i in range(400)]
    carved = carve_split(records_of(400, groups=groups, splits=splits), seed=0, fraction=0.25)
    found = splits_of(carved)
    assert Counter(found) == {"train": 240, "valid": 80, "test": 80}
    assert [s == "test" for s in found] == [s == "test" for s in splits]
    sides = {(group, split) for group, split in zip(groups, found, strict=True)}
    assert len(sides) == 40


def test_by_group_false_lets_groups_part() -> None:
    records = records_of(100, groups=["one"] * 100)
    assert set(splits_of(assign_splits(records, seed=0))) == {"train"}
    assert set(splits_of(assign_splits(records, seed=0, by_group=False))) == {"train", "valid", "test"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fractions": {"train": 0.8, "test": 0.1}}, ["add up to 1", "0.9"]),
        ({"fractions": {"train": 1.2, "test": -0.2}}, ["above 0", "-0.2"]),
        ({"fractions": {}}, ["above 0"]),
        ({"fractions": FRACTIONS, "mapping": {"test": ["1"]}}, ["either"]),
        ({"mapping": {"test": ["9"]}}, ["no value '9'", "0, 1"]),
        ({"mapping": {"test": ["1"], "valid": ["1"]}}, ["two splits", "test and valid"]),
    ],
)
def test_impossible_splits_are_refused(options: dict[str, object], words: list[str]) -> None:
    records = records_of(4, splits=["0", "1", "0", "1"])
    with pytest.raises(DataError) as caught:
        assign_splits(records, seed=0, **options)  # type: ignore[arg-type]
    for word in words:
        assert word in str(caught.value)


def test_carving_needs_a_source_and_a_new_name() -> None:
    with pytest.raises(DataError, match="already"):
        carve_split(records_of(2, splits=["train", "valid"]), seed=0)
    with pytest.raises(DataError, match="no record"):
        carve_split(records_of(2, splits=["a", "b"]), seed=0)
    with pytest.raises(DataError, match="column"):
        assign_splits(records_of(2), seed=0, mapping={"test": ["1"]})
