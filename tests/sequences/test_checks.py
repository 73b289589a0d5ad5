"""Every check finds its fault, and a sound set gives no finding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrobust.alphabet import DNA
from seqrobust.sequences import SequenceSet, Task
from seqrobust.sequences.checks import check

COUNT = 120


def sound() -> dict[str, Any]:
    rows = np.random.default_rng(0).integers(0, 4, (COUNT, 25))
    return {
        "texts": ["".join("ACGT"[i] for i in row) for row in rows],
        "targets": pd.DataFrame({"y": ["ab"[i % 2] for i in range(COUNT)]}),
        "splits": ["test" if i % 3 == 0 else "train" for i in range(COUNT)],
        "groups": [f"g{i}" for i in range(COUNT)],
    }


def findings(parts: dict[str, Any], task: Task | None = None) -> list[tuple[str, str]]:
    given = dict(parts)
    problems = check(SequenceSet.from_texts(given.pop("texts"), DNA, **given), task)
    assert all(problem.fix for problem in problems)
    assert sorted(problems, key=lambda p: p.severity) == problems  # errors come first
    return [(problem.severity, problem.text) for problem in problems]


def test_a_sound_set_gives_no_finding() -> None:
    assert findings(sound(), "binary") == []


def put(parts: dict[str, Any], key: str, row: int, value: object) -> None:
    parts[key] = [*parts[key][:row], value, *parts[key][row + 1 :]]


def fault(name: str) -> dict[str, Any]:
    parts = sound()
    labels = parts["targets"]["y"].tolist()
    if name == "copy across":
        put(parts, "texts", 0, parts["texts"][2])
    elif name == "other strand across":
        put(parts, "texts", 0, parts["texts"][2][::-1].translate(str.maketrans("ACGT", "TGCA")))
    elif name == "copy within":
        put(parts, "texts", 4, parts["texts"][2])
    elif name == "conflict":
        put(parts, "texts", 1, parts["texts"][2])
    elif name == "group across":
        put(parts, "groups", 0, "g1")
    elif name == "untaught class":
        labels[0] = labels[3] = labels[6] = labels[9] = labels[12] = labels[15] = labels[18] = "new"
    elif name == "untested class":
        labels[1] = labels[2] = labels[4] = labels[5] = labels[7] = labels[8] = "new"
    elif name == "constant":
        labels = ["a"] * COUNT
    elif name == "constant number":
        labels = [0.25] * COUNT
    elif name == "missing":
        labels[5] = ""
    elif name == "imbalance":
        labels = ["a" if i > 3 else "b" for i in range(COUNT)]
    elif name == "declared class":
        parts["targets"] = pd.DataFrame({"y": pd.Categorical(labels, ["a", "b", "c"])})
        return parts
    elif name == "no train":
        parts["splits"] = ["fit" if s == "train" else s for s in parts["splits"]]
    elif name == "all train":
        parts["splits"] = ["train"] * COUNT
    elif name == "tiny test":
        parts["splits"] = ["test" if i < 6 else "train" for i in range(COUNT)]
    elif name == "one group":
        parts["groups"] = ["g"] * COUNT
        parts["splits"] = None
    elif name == "blank":
        put(parts, "texts", 7, "N" * 25)
    elif name == "vague":
        put(parts, "texts", 7, "NNNN" + parts["texts"][7][4:])
    elif name == "short":
        put(parts, "texts", 7, "ACGTA")
    parts["targets"] = pd.DataFrame({"y": labels})
    return parts


@pytest.mark.parametrize(
    ("name", "severity", "words"),
    [
        ("copy across", "error", "1 sequence in more than one split (train / test)"),
        ("other strand across", "warning", "reverse complement in another split (train / test)"),
        ("copy within", "warning", "1 repeat of a sequence"),
        ("conflict", "error", "1 sequence with more than one label"),
        ("group across", "error", "1 group in more than one split: g1"),
        ("untaught class", "error", "no training record has: new"),
        ("untested class", "warning", "no test record has: new"),
        ("constant", "error", "one value only: a"),
        ("constant number", "error", "same value everywhere: 0.25"),
        ("missing", "error", "'y' for 1 of 120 records"),
        ("imbalance", "warning", "uneven classes in column 'y': a 116, b 4"),
        ("declared class", "error", "without a record: c"),
        ("no train", "error", "no record is in the split train"),
        ("all train", "warning", "nothing is left to test on"),
        ("tiny test", "warning", "the split test holds 6 records"),
        ("one group", "warning", "all records are in one group"),
        ("blank", "error", "unknown letters only: seq8"),
        ("vague", "warning", "more than 5% ambiguous letters: seq8"),
        ("short", "warning", "shorter than 8 letters: seq8"),
    ],
)
def test_a_fault_is_found(name: str, severity: str, words: str) -> None:
    found = findings(fault(name))
    assert any(kind == severity and words in text for kind, text in found), found


@pytest.mark.parametrize(
    ("task", "labels", "words"),
    [
        ("binary", ["a", "b", "c"] * 40, "two classes (3: a, b, c"),
        ("regression", ["1", "x"] * 60, "finite number"),
        ("multilabel", [1, 2] * 60, "0 or 1"),
    ],
)
def test_targets_are_held_against_the_task(task: Task, labels: list[object], words: str) -> None:
    parts = sound()
    parts["targets"] = pd.DataFrame({"y": labels})
    assert any(kind == "error" and words in text for kind, text in findings(parts, task))


def test_a_task_needs_a_target() -> None:
    parts = sound()
    parts["targets"] = None
    assert findings(parts) == []
    assert "no target column" in findings(parts, "regression")[0][1]
