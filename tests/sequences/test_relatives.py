"""Near copies across splits against pairwise comparison of all records."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.checks import check
from seqrobust.sequences.dividing.relatives import near_copies_across


def mutated(random: Random, text: str, edits: int, letters: str) -> str:
    changed = list(text)
    for place in random.sample(range(len(text)), edits):
        changed[place] = random.choice([letter for letter in letters if letter != changed[place]])
    return "".join(changed)


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN], ids=["DNA", "PROTEIN"])
def test_near_copies_are_those_of_a_pairwise_comparison(alphabet: Alphabet) -> None:
    random = Random(1)
    train = ["".join(random.choices(alphabet.letters, k=200)) for _ in range(80)]
    near = [mutated(random, text, 4, alphabet.letters) for text in train[:7]]
    far = [mutated(random, text, 90, alphabet.letters) for text in train[7:20]]
    test = [*near, *far, train[30], *("".join(random.choices(alphabet.letters, k=200)) for _ in range(20))]
    if alphabet.complement:
        test.append(mutated(random, train[40], 3, alphabet.letters)[::-1].translate(str.maketrans("ACGT", "TGCA")))
        test.append(train[41][::-1].translate(str.maketrans("ACGT", "TGCA")))
    sides = np.array(["train"] * len(train) + ["test"] * len(test))
    records = SequenceSet.from_texts([*train, *test], alphabet, splits=sides.tolist())
    found = near_copies_across(records, sides, ["train", "test"])

    def differ(one: str, other: str) -> int:
        return sum(a != b for a, b in zip(one, other, strict=True))

    def strands(text: str) -> list[str]:
        return [text] + ([text[::-1].translate(str.maketrans("ACGT", "TGCA"))] if alphabet.complement else [])

    expected = []
    for number, text in enumerate(test):
        fewest = min(differ(one, other) for one in strands(text) for other in train)
        if 0 < fewest <= 20:
            expected.append(len(train) + number)
    assert found["train", "test"].tolist() == expected
    assert list(found) == [("train", "test")]
    said = [problem for problem in check(records) if "nearly a copy" in problem.text]
    assert len(said) == 1
    assert said[0].text.startswith(f"{len(expected)} records of the split test")


def test_short_records_and_one_split_have_none() -> None:
    records = SequenceSet.from_texts(["AC", "AG"], DNA, splits=["train", "test"])
    assert near_copies_across(records, np.array(["train", "test"]), ["train", "test"]) == {}
    assert not any("nearly a copy" in problem.text for problem in check(records))
