"""How much of a split stands in training, against comparing every record with every other."""

from __future__ import annotations

from random import Random

import numpy as np
import pandas as pd
import pytest

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_config import DataConfig, load_data
from seqrobust.sequences.dividing.leakage import leaks

OTHER = str.maketrans("ACGT", "TGCA")


def changed(random: Random, text: str, edits: int, letters: str) -> str:
    made = list(text)
    for place in random.sample(range(len(text)), edits):
        made[place] = random.choice([letter for letter in letters if letter != made[place]])
    return "".join(made)


def family(alphabet: Alphabet, lengths: tuple[int, int] = (60, 60)) -> tuple[list[str], list[str]]:
    """Training records, and test records: two copies, five near copies, eleven that are far from all."""
    random = Random(4)
    texts = ["".join(random.choices(alphabet.letters, k=random.randint(*lengths))) for _ in range(51)]
    train, far = texts[:40], texts[40:]
    near = [changed(random, text, 3, alphabet.letters) for text in train[:5]]
    if alphabet.complement:
        near[0] = near[0].translate(OTHER)[::-1]
    return train, [*train[5:7], *near, *far]


def as_set(train: list[str], test: list[str], alphabet: Alphabet) -> SequenceSet:
    splits = ["train"] * len(train) + ["test"] * len(test)
    return SequenceSet.from_texts([*train, *test], alphabet, splits=splits)


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN], ids=["DNA", "PROTEIN"])
def test_records_of_one_length_are_compared_letter_by_letter(alphabet: Alphabet) -> None:
    train, test = family(alphabet)
    (found,) = leaks(as_set(train, test, alphabet))

    def distance(one: str) -> int:
        strands = [one, one.translate(OTHER)[::-1]] if alphabet.complement else [one]
        return min(sum(a != b for a, b in zip(text, other, strict=True)) for text in strands for other in train)

    each = np.array([distance(text) for text in test])
    assert (found.looked_at, found.copies) == (len(test), 2)
    assert found.near == int(((each > 0) & (each <= 6)).sum()) == 5
    assert found.nearest == np.median(each)
    assert "2 copy a training record and 5 nearly do" in found.words


def test_records_of_several_lengths_are_compared_by_their_words() -> None:
    train, test = family(PROTEIN, (180, 260))
    (found,) = leaks(as_set(train, test, PROTEIN))
    assert (found.looked_at, found.copies, found.near, found.nearest) == (18, 2, 5, None)


def test_unlike_records_are_not_worth_a_word() -> None:
    train, test = family(DNA)
    (found,) = leaks(as_set(train, test[7:], DNA))
    assert not found.worth_saying
    assert leaks(SequenceSet.from_texts(train, DNA)) == ()


def loaded(tmp_path: object, splits: list[str], **more: object) -> str:
    path = f"{tmp_path}/records.csv"
    texts = family(DNA)[0][: len(splits)]
    pd.DataFrame({"sequence": texts, "label": ["a", "b"] * (len(splits) // 2), "split": splits}).to_csv(path)
    return " | ".join(load_data(DataConfig(path=path, **more), "binary", 1).notices)  # type: ignore[arg-type]


def test_it_is_said_which_records_nothing_uses(tmp_path: object) -> None:
    said = loaded(tmp_path, ["train"] * 10 + ["valid"] * 4 + ["test"] * 2 + ["extra"] * 2 + [""] * 2)
    assert "2 records in the split extra: used where a section names it, and nowhere else" in said
    assert "2 records in no split" in said
    assert "nowhere else" not in loaded(tmp_path, ["train"] * 10 + ["valid"] * 4 + ["test"] * 4)


def test_it_is_said_what_a_mapping_leaves_to_training(tmp_path: object) -> None:
    splits = ["0"] * 8 + ["1"] * 4 + ["2"] * 4
    assert "puts in no other split (8)" in loaded(tmp_path, splits, folds={"valid": ["1"], "test": ["2"]})
    assert "no other split" not in loaded(tmp_path, splits, folds={"train": ["0"], "valid": ["1"], "test": ["2"]})
