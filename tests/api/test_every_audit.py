"""What any analysis finds is audited: a study that gives something that cannot be is refused, by every room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import seqrobust as sr
from seqrobust.analysis.audit.outcome import AuditError
from seqrobust.run.registry import ANALYSES, Row
from seqrobust.sequences import SequenceSet

HOW: dict[str, Any] = {"task": "binary", "alphabet": "DNA"}
Findings = Any


def net() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv1d(4, 6, 5, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(96, 1)).eval()


def some(n: int = 12) -> SequenceSet:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 16)) for _ in range(n)]
    regions = [{"core": (4, 8)} for _ in range(n)]
    return sr.records(texts, alphabet="DNA", targets=[str(i % 2) for i in range(n)], regions=regions)


def certified_too_high(found: Findings) -> Findings:
    return replace(found, results=found.results.assign(certified_units=2, attacked_units=2, attackable=True))


def certified_where_edits_flip(found: Findings) -> Findings:
    return replace(found, results=found.results.assign(certified_units=2, attacked_units=None))


CASES: dict[str, tuple[str, Callable[[], Any], Callable[[Findings], Findings], str]] = {
    "a value that is not the model's": (
        "attribute",
        lambda: sr.attribute(net(), some(), methods=("saliency",), **HOW),
        lambda found: replace(found, values=found.values + 1),
        "value explained",
    ),
    "a row of attributions lost": (
        "attribute",
        lambda: sr.attribute(net(), some(), methods=("saliency",), **HOW),
        lambda found: replace(found, table=found.table.iloc[1:]),
        "a row per record and method",
    ),
    "an area that ranks do not give": (
        "privacy",
        lambda: sr.audit_privacy(
            net(), some(60).take(range(30)), some(60).take(range(30, 60)), attacks=("loss",), **HOW
        ),
        lambda found: replace(found, scores={name: -one for name, one in found.scores.items()}),
        "areas counted again",
    ),
    "a certificate above its attack": (
        "certify",
        lambda: sr.certify(net(), some(), 2, **HOW),
        certified_too_high,
        "certificates beneath attacks",
    ),
    "a certificate of what flips": (
        "certify",
        lambda: sr.certify(net(), some(40), 4, time_limit=0.0, methods=("window_sums",), **HOW),
        certified_where_edits_flip,
        "random members of certified sets",
    ),
    "rows of strangers": (
        "inspect",
        lambda: sr.inspect(net(), some(), 2, ways=2, attacks="quick", random_draws=2, **HOW),
        lambda found: replace(found, table=found.table.assign(id="nobody")),
        "rows of known records",
    ),
    "shares beyond one": (
        "ism",
        lambda: sr.ism(net(), some(), **HOW),
        lambda found: replace(found, metrics={**found.metrics, "flip_rate": 1.2}),
        "shares between 0 and 1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_is_refused(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, ask, spoil, invariant = CASES[case]
    room = ANALYSES[name].load("room")
    genuine = Row.load
    spoiled = replace(room, study=lambda ready, work: spoil(room.study(ready, work)))
    monkeypatch.setattr(
        Row, "load", lambda row, which: spoiled if (row.name, which) == (name, "room") else genuine(row, which)
    )
    with pytest.raises(AuditError, match=invariant):
        ask()


def test_an_interval_beside_its_estimate_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    room = ANALYSES["ism"].load("room")
    genuine = Row.load

    def spoil(found: Findings) -> Findings:
        return replace(found, metrics={**found.metrics, "auc": 0.5, "auc_ci": [0.6, 0.7]})

    spoiled = replace(room, study=lambda ready, work: spoil(room.study(ready, work)))
    monkeypatch.setattr(Row, "load", lambda row, which: spoiled if which == "room" else genuine(row, which))
    found = sr.ism(net(), some(), **HOW)
    assert any("auc is 0.5" in doubt for doubt in found.metrics["doubts"])
    assert found.page.sections[0].name == "doubts"


def test_every_analysis_states_its_invariants() -> None:
    assert all(callable(row.load("room").invariants) for row in ANALYSES.values())
