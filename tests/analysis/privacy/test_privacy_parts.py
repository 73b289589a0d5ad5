"""What an audit says in words and draws, and the random edits it asks with."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from seqrobust.alphabet import DNA
from seqrobust.analysis.membership import roc
from seqrobust.analysis.membership.roc import clopper_pearson
from seqrobust.analysis.privacy.label_only import substituted, survival
from seqrobust.analysis.privacy.metrics import relatives, split_units, verdict
from seqrobust.analysis.privacy.picture import alike, band, privacy_figure
from seqrobust.sequences import SequenceSet, Targets


def test_the_verdict_in_words() -> None:
    one: dict[str, Any] = {
        "auc": 0.61, "auc_ci": [0.55, 0.67], "p_value": 0.004, "tpr_at_fpr": {"0.01": 0.032},
        "tpr_at_fpr_ci": {"0.01": [0.026, 0.04]}, "tpr_at_fpr_p_value": {"0.01": 0.02},
        "tpr_at_fpr_by_chance": {"0.01": 0.012},
    }  # fmt: skip
    metrics = {"attacks": {"loss": one, "lira_online": one}, "best_attack": "lira_online", "n_nonmembers": 100}
    metrics |= {"copies": {"nonmembers_left": 10}, "shift": {"warning": "they differ", "auc": 0.7}}
    assert verdict(metrics) == (
        "an adversary who may be wrong once in a hundred finds 3.2 % [2.6, 4.0] of the members (lira online); "
        "chance finds 1.2 %; it tells a member from a non-member with an AUC of 0.610 [0.550, 0.670] (chance 0.5); "
        "together this is more than chance (p = 0.016, corrected for 2 attacks); but members and non-members differ "
        "without the model (AUC 0.70), so that this may be no leak of the model's; 90 of 100 non-members are near "
        "copies of members, which hides what leaks"
    )
    refused = {"tpr_at_fpr": {"0.01": None}, "tpr_at_fpr_p_value": {"0.01": None}}
    few = {**one, **refused, "tpr_at_fpr_refused": {"0.01": "9 non-members cannot show it"}, "p_value": 0.3}
    said = verdict({**metrics, "attacks": {"loss": few}, "best_attack": "loss", "shift": None})
    assert "is not known: 9 non-members cannot show it; " in said
    assert "this cannot be told from chance (p = 0.3, corrected for 1 attack)" in said
    assert said.endswith("were not tried: true leaks may be larger")


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
    found = relatives(pool, alone, identity=0.9, seed=0)
    assert len(np.unique(found)) == 12
    assert all(len(np.unique(found[family == one])) == 1 for one in range(12))
    # Asked for at that identity, nothing is looked for below it.
    assert relatives(pool, alone, identity=0.6, seed=0).tolist() == list(range(120))
    pool.groups = tuple(f"species {one // 2}" for one in family)
    assert len(np.unique(relatives(pool, alone, identity=0.9, seed=0))) == 6
    # Variants of a single sequence are taken one by one.
    single: Any = SimpleNamespace(clusters=np.zeros(120, np.int64))
    pool.groups = None
    assert relatives(pool, single, identity=0.6, seed=0).tolist() == list(range(120))
    # A group of half of all records would leave no folds.
    pool.groups = tuple(f"species {one // 6}" for one in family)
    assert len(np.unique(relatives(pool, alone, identity=0.9, seed=0))) == 12


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
