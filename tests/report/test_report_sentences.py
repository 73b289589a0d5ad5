"""The answer in words: one exact sentence per kind of metrics."""

from __future__ import annotations

import math
from typing import Any

import pytest

from seqrobust.analysis.outcomes import answer
from seqrobust.analysis.outcomes.attack_sections import tiles
from seqrobust.report.words import percent, percent_range
from seqrobust.statistics import paired


def flips(
    n: int = 600,
    clean: float | None = 0.95,
    rate: float | None = 0.62,
    random: float | None = 0.015,
    ci: list[float] | None = None,
    budget: Any = 3,
    **more: Any,
) -> dict[str, Any]:
    row = {"budget": budget, "attack_success_rate": rate, "attack_success_rate_ci": ci, "random_success_rate": random}
    return (
        {"task": "classification", "goal": "any wrong prediction", "n": n, "clean_accuracy": clean}
        | {"budgets": [row]}
        | more
    )


CASES = [
    (
        flips(ci=[0.58, 0.66]),
        ("donor_GT", "acceptor_AG"),
        (),
        "With at most 3 letters changed outside donor_GT and acceptor_AG, 62 % (95 % interval 58-66) of the correctly "
        "read sequences can be flipped; random changes flip 1.5 %.",
    ),
    (
        flips(budget=1, random=None),
        (),
        ("linker",),
        "With a single letter changed inside linker, 62 % of the correctly read sequences can be flipped.",
    ),
    (
        flips(rate=0, ci=[0, 0.0067], random=0),
        (),
        (),
        "With at most 3 letters changed, none of the 570 correctly read sequences was flipped "
        "(95 % interval 0-0.7 %); random changes flip none.",
    ),
    (
        flips(rate=1, ci=[0.9933, 1], random=0.0001),
        ("a",),
        ("b",),
        "With at most 3 letters changed inside b but outside a, all 570 correctly read sequences can be flipped "
        "(95 % interval 99.3-100 %); random changes flip under 0.1 %.",
    ),
    (
        flips(rate=0.9995, random=0.2),
        (),
        (),
        "With at most 3 letters changed, over 99.9 % of the correctly read sequences can be flipped; random changes "
        "flip 20 %.",
    ),
    (
        flips(n=12, clean=1, rate=5 / 12, ci=[0.193, 0.68], random=1 / 12),
        (),
        (),
        "With at most 3 letters changed, 5 of the 12 correctly read sequences can be flipped (95 % interval 19-68 %); "
        "random changes flip 1 of them.",
    ),
    (
        flips(n=1, clean=1, rate=1, random=0),
        (),
        (),
        "With at most 3 letters changed, the one correctly read sequence can be flipped; random changes flip none.",
    ),
    (
        flips(n=1, clean=1, rate=0, random=0.1),
        (),
        (),
        "With at most 3 letters changed, the one correctly read sequence was not flipped; random changes flip 10 %.",
    ),
    (
        flips(n=1, clean=0, rate=None),
        (),
        (),
        "The one sequence attacked was not read correctly, so there was nothing to flip.",
    ),
    (
        flips(n=20, clean=0, rate=None),
        (),
        (),
        "None of the 20 sequences was read correctly, so there was nothing to flip.",
    ),
    (flips(rate=None), (), (), "With at most 3 letters changed, no success rate could be computed."),
    (flips(rate=math.nan, budget=1), (), (), "With a single letter changed, no success rate could be computed."),
    (
        flips(task="multilabel", random=0.03),
        (),
        (),
        "With at most 3 letters changed, 62 % of the correctly read sequences can be given a wrong label; random "
        "changes mislabel 3 %.",
    ),
    (
        flips(goal="the prediction EI", budget="2%"),
        (),
        (),
        "With at most 2 % of the letters changed, 62 % of the correctly read sequences of another class can be "
        "turned into EI; random changes turn 1.5 %.",
    ),
    (
        flips(goal="the prediction EI", attacked=12, rate=0.5, random=0),
        (),
        (),
        "With at most 3 letters changed, 6 of the 12 correctly read sequences of another class can be turned into EI; "
        "random changes turn none.",
    ),
    (
        flips(goal="the prediction EI", attacked=0, rate=None),
        (),
        (),
        "No sequence could be attacked: none is both read correctly and of another class than the wanted one.",
    ),
    (
        flips(clean=None, attacked=600, rate=0),
        (),
        (),
        "With at most 3 letters changed, none of the 600 sequences was flipped; random changes flip 1.5 %.",
    ),
    (
        flips(clean=None),
        (),
        (),
        "With at most 3 letters changed, 62 % of the correctly read sequences can be flipped; "
        "random changes flip 1.5 %.",
    ),
    (flips(budget=0), (), (), "Without any change, accuracy is 95 %."),
    ({"task": "binary", "budgets": [], "n": 3}, (), (), "Without any change, accuracy is n/a."),
]


@pytest.mark.parametrize(("metrics", "protect", "only", "sentence"), CASES)
def test_first_sentence(
    metrics: dict[str, Any], protect: tuple[str, ...], only: tuple[str, ...], sentence: str
) -> None:
    assert answer(metrics, protect=protect, only=only)[0] == sentence


def shift(goal: str, mean: float | None, n: int = 500, **more: Any) -> dict[str, Any]:
    row = {"budget": 3, "mean_shift": mean, "random_mean_shift": 0.031, **more}
    return {"task": "regression", "goal": goal, "n": n, "clean_r2": 0.713, "budgets": [{"budget": 0}, row]}


@pytest.mark.parametrize(
    ("metrics", "labels", "sentences"),
    [
        (
            shift("expression raised by at least 0.5", 1.238, r2=0.2, attack_success_rate=0.62, random_success_rate=0),
            ("expression",),
            [
                "With at most 3 letters changed, the predicted expression rises by 1.24 on average "
                "(random changes: 0.031).",
                "The shift asked for is reached in 62 % of the sequences; with random changes, in 0 %.",
                "R² falls from 0.713 to 0.2.",
            ],
        ),
        (
            shift("y lowered by at least 0.5", -1.2, n=4, attack_success_rate=0.75),
            ("a", "b"),
            [
                "With at most 3 letters changed, the prediction falls by 1.2 on average (random changes: 0.031).",
                "The shift asked for is reached in 3 of 4 sequences.",
                "Only 4 sequences could be attacked: take this as rough.",
            ],
        ),
        (
            shift("y raised by at least 0.5", -0.1),
            (),
            ["With at most 3 letters changed, the prediction changes by −0.1 on average (random changes: 0.031)."],
        ),
        (shift("y raised by 1", None), (), ["With at most 3 letters changed, no shift could be computed."]),
    ],
)
def test_shift_sentences(metrics: dict[str, Any], labels: tuple[str, ...], sentences: list[str]) -> None:
    assert answer(metrics, labels=labels) == sentences


def test_further_sentences_tell_the_smallest_budget_and_the_fall() -> None:
    metrics = flips(rate=0.62)
    metrics["budgets"][0]["robust_accuracy"] = 0.36
    metrics["budgets"].insert(0, {"budget": 1, "attack_success_rate": 0.2})
    further = answer(metrics)[1:]
    assert further == ["A single letter is enough for 20 % of them.", "Accuracy falls from 95 % to 36 %."]


def test_accuracies_name_whom_they_are_of() -> None:
    metrics = flips(rate=0.62) | {"nothing_editable": {"n": 10, "by_class": {}}, "clean_accuracy_editable": 0.9}
    metrics["budgets"][0]["robust_accuracy"] = 0.36
    fall = next(sentence for sentence in answer(metrics) if sentence.startswith("Accuracy"))
    assert fall == (
        "Accuracy on the 590 sequences that may be edited falls from 90 % to 36 % (95 % of all 600 without change)."
    )
    named = {tile.name: tile.value for tile in tiles(metrics)}
    assert named["accuracy of all without change"] == "95 %"
    assert named["accuracy of those that may be edited without change"] == "90 %"
    assert named["accuracy of those that may be edited under attack"] == "36 %"


@pytest.mark.parametrize(("units", "least"), [(1, "1"), (4, "0.125"), (5, "0.0625"), (6, None), (100, None)])
def test_an_attack_is_not_blamed_where_no_test_can_tell(units: int, least: str | None) -> None:
    metrics = flips(rate=0.1, ci=[0.05, 0.2])
    last = metrics["budgets"][0]
    last |= {"random_success_rate_ci": [0.02, 0.08], "over_random": paired([1] * units, [0] * units).plain()}
    assert last["over_random"]["smallest"] == 2 ** (1 - units)
    said = answer(metrics)[-1]
    if least is None:
        assert said == "The attack is not clearly better than random changes."
    else:
        assert said.startswith(f"Too few independent units ({units})")
        assert said.endswith(f"below {least}.")


def test_honesty_about_chance_failure_and_few_records() -> None:
    metrics = flips(rate=0.1, ci=[0.05, 0.2])
    metrics["budgets"][0]["random_success_rate_ci"] = [0.02, 0.08]
    assert answer(metrics)[-1] == "The attack is not clearly better than random changes."
    assert answer(flips(rate=0))[-1].startswith("That is what these attacks found, not a guarantee")
    assert answer(flips(n=8, clean=1, rate=0.5))[-1] == "Only 8 sequences could be attacked: take this as rough."


def test_rounding_never_reaches_the_ends() -> None:
    assert all(percent(x) != "0 %" for x in (1e-9, 1e-4, 4e-4))
    assert all(percent(1 - x) != "100 %" for x in (1e-9, 1e-4, 4e-4))
    assert percent_range(0.0996, 0.5) == "10.0-50.0"
