"""What a search could not see is told beside its numbers: saturated probabilities, quick searches, records left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis import attack_metrics
from seqrobust.analysis.alarms import alarms, remarks
from seqrobust.analysis.robustness import saturated
from seqrobust.analysis.shards import run_shards
from seqrobust.attacks import Attack, Problem, Untargeted, attacks_named, scores_for
from seqrobust.attacks.searches.exhaustive import Exhaustive
from seqrobust.models.outputs import OutputScale
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Silent
from seqrobust.sequences import SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat

LENGTH = 10


class Steep(nn.Module):
    """Probability by the number of G; so steep that float32 gives 1 where two letters more or less would flip it."""

    def __init__(self, steepness: float, *, end: bool) -> None:
        super().__init__()
        self.steepness, self.end = steepness, end

    def forward(self, encoded: Tensor) -> Tensor:
        lead = self.steepness * (encoded[:, 2].sum(1, keepdim=True) - 2.5)
        # Written by hand, so that what is squashed cannot be read off it.
        return 1 / (1 + torch.exp(-lead)) if self.end else lead


def table_of(module: nn.Module, folder: Path, *attacks: Attack, budget: int = 2) -> tuple[pd.DataFrame, Problem]:
    rng = np.random.default_rng(0)
    sequences = SequenceSet.from_texts(["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(24)], DNA)
    scale: OutputScale = "probabilities" if getattr(module, "end", False) else "logits"
    predictor = Predictor(module, alphabet=DNA, task="binary", device="cpu", scale=scale)
    predictor.check(torch.tensor(sequences.tokens))
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=None,
        threat=SubstitutionThreat(budget=Budget(1)),
        budgets=(Budget(budget),),
        goal=Untargeted(),
        control_draws=2,
    )
    with predictor.attached():
        found = run_shards(problem, attacks, lambda shard: folder / f"{shard}.parquet", Silent(), scores_for(predictor))
    return found, problem


def test_records_of_saturated_probabilities_are_counted_and_told(tmp_path: Path) -> None:
    quick = attacks_named(["quick"])
    table, problem = table_of(Steep(50, end=True), tmp_path / "p", *quick)
    twin, _ = table_of(Steep(50, end=False), tmp_path / "z", *quick)
    missed = int((twin["success"].astype(bool) & ~table["success"].astype(bool)).sum())
    lost = saturated(table, problem.predictor)
    assert lost >= missed
    stands = table[~table["success"].astype(bool)]
    assert lost == int((stands["clean_score"] >= 13.8).sum())
    assert lost > 0
    metrics = attack_metrics(table, "binary", labelled=False) | {"saturated": lost}
    assert any(f"on {lost} record" in said and "no search sees a slope" in said for said in remarks(metrics))
    flat, gentle = table_of(Steep(1, end=True), tmp_path / "g", *quick)
    assert saturated(flat, gentle.predictor) == 0
    twin, logits = table_of(Steep(50, end=False), tmp_path / "l", *quick)
    assert saturated(twin, logits.predictor) == 0


@pytest.mark.parametrize(("attacks", "said"), [("quick", True), ("one_step", True), ("standard", False)])
def test_quick_searches_are_told(attacks: str, said: bool) -> None:
    row = {"budget": 2, "attack_success_rate": 0.5, "not_searched": 0}
    metrics = {"attacks": [attack.name for attack in attacks_named([attacks])], "budgets": [row], "n": 9, "attacked": 9}
    assert any("only quick searches ran" in text for text in remarks(metrics)) == said
    for other in ({"attack_success_rate": 1.0}, {"budget": 0}, {"attack_success_rate": None}):
        assert not any("only quick" in text for text in remarks({**metrics, "budgets": [row | other]}))


def test_what_a_search_left_out_bounds_the_rate_of_all(tmp_path: Path) -> None:
    """Records of few free letters are covered, others not: the truth, by a search of all, lies between the bounds."""
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(8)]
    texts += ["N" * 6 + "".join(rng.choice(list("ACGT"), LENGTH - 6)) for _ in range(8)]
    _, problem = table_of(Steep(1, end=False), tmp_path / "first", Exhaustive())
    problem = replace(problem, sequences=SequenceSet.from_texts(texts, DNA))
    rates = {}
    for name, attack in (("part", Exhaustive(limit=100)), ("all", Exhaustive())):
        with problem.predictor.attached():
            table = run_shards(
                problem, [attack], lambda shard, name=name: tmp_path / name / f"{shard}.parquet", Silent(),
                scores_for(problem.predictor),
            )  # fmt: skip
        rates[name] = attack_metrics(table, "binary", labelled=False)
    row, truth = (rates[name]["budgets"][0] for name in ("part", "all"))
    assert row["not_searched"] == 8
    low, high = row["attack_success_rate_bounds"]
    assert low <= truth["attack_success_rate"] <= high
    assert high - low == pytest.approx(0.5)
    assert "attack_success_rate_bounds" not in truth
    assert any("of all attacked records, between" in said for said in alarms(rates["part"]))
