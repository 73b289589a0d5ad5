"""What an audit says in words and draws, and the random edits it asks with."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from seqrobust.alphabet import DNA
from seqrobust.analysis.membership import Shift, roc
from seqrobust.analysis.privacy.label_only import substituted, survival
from seqrobust.analysis.privacy.metrics import relatives, shift_of, split_units, verdict
from seqrobust.analysis.privacy.performance import label_notices, performance_of
from seqrobust.analysis.privacy.picture import alike, band, privacy_figure
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.statistics import clopper_pearson, wilson


def test_the_verdict_in_words() -> None:
    one: dict[str, Any] = {
        "auc": 0.61, "auc_ci": [0.55, 0.67], "p_value": 0.004, "tpr_at_fpr": {"0.01": 0.032},
        "tpr_at_fpr_ci": {"0.01": [0.026, 0.04]}, "tpr_at_fpr_p_value": {"0.01": 0.02},
        "tpr_at_fpr_by_chance": {"0.01": 0.012},
    }  # fmt: skip
    metrics = {"attacks": {"loss": one, "lira_online": one}, "best_attack": "lira_online", "n_nonmembers": 100}
    right = {"score": "accuracy", "members": {"value": 0.99}, "nonmembers": {"value": 0.74}}
    metrics |= {"copies": {"nonmembers_left": 10}, "performance": right}
    shift = Shift(auc=0.7, interval=[0.6, 0.8], folds=(), k=3, warning="they differ")
    assert verdict(metrics, shift) == (
        "an adversary who may be wrong once in a hundred finds 3.2 % [2.6, 4.0] of the members (lira online); "
        "chance finds 1.2 %; it tells a member from a non-member with an AUC of 0.610 [0.550, 0.670] (chance 0.5); "
        "together this is more than chance (p = 0.016, corrected for 2 attacks); but members and non-members differ "
        "without the model (AUC 0.700), so that this may be no leak of the model's; the model answers 99 % of the "
        "members rightly and 74 % of the others; 90 of 100 non-members are near copies of members, which hides what "
        "leaks"
    )
    refused = {"tpr_at_fpr": {"0.01": None}, "tpr_at_fpr_p_value": {"0.01": None}}
    few = {**one, **refused, "tpr_at_fpr_refused": {"0.01": "9 non-members cannot show it"}, "p_value": 0.3}
    said = verdict({**metrics, "attacks": {"loss": few}, "best_attack": "loss"}, None)
    assert "is not known: 9 non-members cannot show it; " in said
    assert "this cannot be told from chance (p = 0.3, corrected for 1 attack)" in said
    assert said.endswith("were not tried: true leaks may be larger")
    # A sure difference of no size explains no attack that is far above it.
    little = replace(shift, auc=0.513, interval=[0.505, 0.521])
    assert "too little to be what the attack found" in verdict(metrics, little)
    near = {**one, "auc": 0.52, "auc_ci": [0.515, 0.525]}
    weak = {**metrics, "attacks": {"loss": near, "lira_online": near}}
    assert "may be no leak" in verdict(weak, little)
    alone = {**metrics, "attacks": {"loss": {**one, "auc_ci": None}}, "best_attack": "loss"}
    assert "AUC of 0.610 (too few records for an interval)" in verdict(alone, None)


def _answered(right: list[float], labels: tuple[str, ...] = ("a", "b")) -> Any:
    """Members and non-members, 40 each, of which such shares are answered rightly by two logits."""
    truth = np.tile([0, 1], 40)
    good = np.concatenate([np.arange(40) < 40 * share for share in right])
    logits = np.where(good[:, None], 1, -1) * np.where(truth[:, None] == np.arange(2), 1.0, -1.0)
    targets = SimpleNamespace(task="classification", values=truth, labels=labels)
    return SimpleNamespace(targets=targets, logits=logits, is_member=np.arange(80) < 40)


def test_labels_and_lists_that_look_wrong_are_asked_about() -> None:
    """Accuracy of either list, by construction; swapped labels are worse than a guess, swapped lists answered worse."""
    each = np.arange(80)
    found = performance_of(_answered([1.0, 0.75]), each)
    assert [found[name]["value"] for name in ("members", "nonmembers")] == [1.0, 0.75]
    assert found["members"]["ci"] == pytest.approx(wilson(40, 40))
    for shares, asked in (([1.0, 0.75], ""), ([0.1, 0.2], "--labels"), ([0.5, 0.95], "the two lists")):
        pool = _answered(shares)
        notices = label_notices(pool, performance_of(pool, each))
        assert len(notices) == bool(asked)
        assert all(asked in text for text in notices)


def test_what_could_not_be_compared_is_said() -> None:
    sequences = SequenceSet.from_texts(["ACGT"] * 6, DNA)
    targets = SimpleNamespace(values=np.zeros(6, np.int64))
    sides = (sequences.take(np.arange(3)), sequences.take(np.arange(3, 6)))
    pool: Any = SimpleNamespace(targets=targets, sides=sides, is_member=np.arange(6) < 3)
    warnings = shift_of(pool, np.arange(6)).warnings
    assert len(warnings) == 1
    assert "was not tested: the shift test sets records aside in folds" in warnings[0]


def test_substitutions_are_as_many_as_asked_for() -> None:
    sequences = SequenceSet.from_texts(["ACGTN" * 20, "AAAAA", "N"], DNA)
    edited = substituted(sequences.tokens, 4, 0.1, np.random.default_rng(0))
    assert (edited != sequences.tokens).sum(1).tolist() == [8, 1, 0]
    assert (edited[sequences.tokens >= 4] == sequences.tokens[sequences.tokens >= 4]).all()


def test_the_band_and_equal_curves() -> None:
    rng = np.random.default_rng(0)
    members, values = np.repeat([True, False], 30), rng.normal(size=60)
    values[members] += 1
    curve = roc(values[members], values[~members])
    low, high = band(curve)
    for at in (0, 5, len(low) - 1):
        assert [low[at], high[at]] == pytest.approx(clopper_pearson(int(curve.true[at]), 30))
    scores = {"loss": values, "rmia": rng.normal(size=60), "confidence": np.exp(values)}
    assert alike(scores, "rmia") == [("rmia",), ("loss", "confidence")]
    attacks = {name: {"auc": 0.5} for name in scores}
    metrics = {"best_attack": "rmia", "attacks": attacks, "n_members": 30, "n_nonmembers": 30}
    drawn = privacy_figure(scores, members, metrics)
    axes = drawn.axes
    assert (axes[0].get_xscale(), axes[0].get_yscale()) == ("log", "log")
    named = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert named == ["rmia (AUC 0.500)", "loss, confidence (AUC 0.500)", "chance"]
    assert axes[0].xaxis.get_major_formatter()(0.01, 0) == "1 %"


def test_relatives_stay_in_one_fold() -> None:
    """Families of which half are too far apart to be near copies, and groups that link what no letter does."""
    rng = np.random.default_rng(3)
    ancestors = rng.integers(0, 4, (12, 200))
    family = np.repeat(np.arange(12), 10)
    moved = rng.random((120, 200)) < 0.05
    letters = np.where(moved, (ancestors[family] + rng.integers(1, 4, (120, 200))) % 4, ancestors[family])
    sequences = SequenceSet.from_texts(["".join("ACGT"[i] for i in row) for row in letters], DNA)
    pool: Any = SimpleNamespace(sequences=sequences, groups=None)
    alone: Any = SimpleNamespace(clusters=np.arange(120))
    found = relatives(pool, alone, identity=0.9, seed=0).numbers
    assert len(np.unique(found)) == 12
    assert all(len(np.unique(found[family == one])) == 1 for one in range(12))
    # Asked for at that identity, nothing is looked for below it.
    assert relatives(pool, alone, identity=0.6, seed=0).numbers.tolist() == list(range(120))
    pool.groups = tuple(f"species {one // 2}" for one in family)
    assert len(np.unique(relatives(pool, alone, identity=0.9, seed=0).numbers)) == 6
    # Variants of a single sequence are taken one by one.
    single: Any = SimpleNamespace(clusters=np.zeros(120, np.int64))
    pool.groups = None
    assert relatives(pool, single, identity=0.6, seed=0).numbers.tolist() == list(range(120))
    # A group of half of all records would leave no folds.
    pool.groups = tuple(f"species {one // 6}" for one in family)
    kept = relatives(pool, alone, identity=0.9, seed=0)
    assert len(np.unique(kept.numbers)) == 12
    assert "60 of 120 records are of one group" in kept.notices[0]


def test_shadow_models_are_split_as_the_audited_one_was() -> None:
    """By relatives, where no relative of a member is a non-member; else by near copies alone."""
    members, together = np.arange(100) < 60, np.arange(100) // 5
    copies: Any = SimpleNamespace(clusters=np.arange(100))
    pool: Any = SimpleNamespace(is_member=members)
    assert split_units(pool, copies, together).tolist() == together.tolist()
    pool.is_member = np.arange(100) % 2 == 0
    assert split_units(pool, copies, together).tolist() == list(range(100))


@pytest.mark.parametrize("both", [False, True])
def test_answers_are_asked_for_on_the_strands_wanted(both: bool) -> None:
    """A model that knows letters of one strand alone: A and C in records that hold nothing else."""
    sequences = SequenceSet.from_texts(["ACCA" * 10, "CCAC" * 10], DNA)
    turned: list[bool] = []

    def logits(tokens: torch.Tensor) -> torch.Tensor:
        turned.append(bool((tokens >= 2).float().mean() > 0.5))
        return torch.tensor([[1.0, 0.0]]).repeat(len(tokens), 1) * (-1 if turned[-1] else 1)

    predictor = SimpleNamespace(attached=nullcontext, device=torch.device("cpu"), logits=logits)
    targets = Targets(task="classification", labels=("a", "b"), values=np.zeros(2, np.int64))
    pool: Any = SimpleNamespace(predictor=predictor, sequences=sequences, targets=targets, other_strand=both)
    found = survival(pool, 0)
    assert (sum(turned), len(turned)) == ((30, 60) if both else (0, 30))
    assert found.tolist() == ([0.5, 0.5] if both else [1.0, 1.0])
