"""Places by number, by letter, and for one class: as counted by hand, on records of several lengths."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from seqrobust.alphabet import PROTEIN
from seqrobust.attacks.settings import AttackSettings, resolved
from seqrobust.errors import ThreatError
from seqrobust.sequences import Region, SequenceSet
from seqrobust.sequences.patterns import with_patterns
from seqrobust.threats import Budget, SubstitutionThreat

TEXTS = ["MKWVTFISLL", "AKWM", "MKLVT"]
NAMED = [[Region("core", 2, 4)], [], [Region("core", 0, 2), Region("2-3", 4, 5)]]


def records() -> SequenceSet:
    classes = pd.DataFrame({"label": ["pos", "neg", "pos"]})
    return SequenceSet.from_texts(TEXTS, PROTEIN, regions=NAMED, targets=classes)


def covered(name: str, sequences: SequenceSet | None = None) -> list[str]:
    """The letters at a place of every record."""
    sequences = sequences or records()
    mask = sequences.regions.cover([name], (len(sequences), sequences.width))
    return ["".join(np.array(list(text))[row[: len(text)]]) for text, row in zip(sequences.texts, mask, strict=True)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1-3", ["MKW", "AKW", "MKL"]),
        ("1..3", ["MKW", "AKW", "MKL"]),
        ("4-8", ["VTFIS", "M", "VT"]),
        ("-2..-1", ["LL", "WM", "VT"]),
        ("-7..-4", ["VTFI", "A", "MK"]),
        ("3..-2", ["WVTFISL", "W", "LV"]),
        ("M1", ["M", "", "M"]),
        ("m4", ["", "M", ""]),
        ("5", ["T", "", "T"]),
        ("-1", ["L", "M", "T"]),
        ("M1@pos", ["M", "", "M"]),
        ("1-2@neg", ["", "AK", ""]),
        ("core@pos", ["WV", "", "MK"]),
        ("co*@neg", ["", "", ""]),
        ("2-3", ["", "", "T"]),  # the file's own name comes first
    ],
)
def test_places(name: str, expected: list[str]) -> None:
    assert covered(name) == expected


def test_ranges_are_those_of_slices() -> None:
    """Every range from 1 to 12 and from the end, beside Python's own slices."""
    for start, end in product([*range(1, 13), *range(-12, 0)], repeat=2):
        if (start < 0) == (end < 0) and start > end:
            continue
        expected = []
        for text in TEXTS:
            low, high = (value if value > 0 else value + len(text) + 1 for value in (start, end))
            expected.append(text[max(low - 1, 0) : max(high, 0)])
        if f"{start}-{end}" != "2-3":
            assert covered(f"{start}..{end}") == expected, (start, end)


def test_places_follow_records_that_are_taken_and_cut() -> None:
    assert covered("-1", records().take([2, 1])) == ["T", "M"]
    assert covered("-1", records().cropped(3)) == ["W", "W", "L"]
    assert covered("1@neg", records().take([1, 2])) == ["A", ""]


@pytest.mark.parametrize("name", ["0-3", "3-1", "-1..-3", "croe", "nothing@pos", "@pos", "1-2-3"])
def test_what_is_no_place_is_told(name: str) -> None:
    with pytest.raises(ThreatError):
        records().regions.named(name)


@pytest.mark.parametrize("name", ["W1", "30-40", "co*@neg", "core@nobody"])
def test_a_place_of_no_record_is_told_before_an_attack(name: str) -> None:
    with pytest.raises(ThreatError, match="no record has that place"):
        resolved(AttackSettings(protect=(name,)), records())
    assert resolved(AttackSettings(protect=("M1,5", "-10..-1")), records()).protect == ("M1", "5", "-10..-1")


def test_a_threat_protects_places_beside_regions() -> None:
    threat = SubstitutionThreat(budget=Budget(1), protect=("core", "1-2@neg"), only=("1-4",))
    texts = ["".join(np.array([*text])[row[: len(text)]]) for text, row in zip(TEXTS, threat.editable(records()))]  # noqa: B905
    assert texts == ["MK", "WM", "LV"]


def test_which_names_a_record_lacks() -> None:
    found = records().regions.lacking(("core", "M1", "6-9"), (3, 10))
    assert found == [(), ("core", "M1", "6-9"), ("6-9",)]


def test_patterns_are_anchored_at_the_ends() -> None:
    patterns = {"start": "<M-K", "end": "[LT]>", "anywhere": "K-x", "whole": "<A-K-W-M>"}
    found = with_patterns(records(), patterns)
    assert [covered(name, found) for name in patterns] == [
        ["MK", "", "MK"],
        ["L", "", "T"],
        ["KW", "KW", "KL"],
        ["", "AKWM", ""],
    ]
