"""The transfer matrix from a table made by hand, and models that do not read the same records."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis import wilson
from seqrobust.analysis.transfer import same_records, transfer_metrics
from seqrobust.attacks import Problem, Untargeted
from seqrobust.errors import DataError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat


def table(answers: dict[tuple[str, str], list[tuple[bool, bool | None]]]) -> pd.DataFrame:
    """From (source, target) to a record's (found, success) at one budget."""
    rows = [
        {"source": source, "target_model": target, "id": f"r{number}", "budget": 2, "found": found, "success": success}
        for (source, target), records in answers.items()
        for number, (found, success) in enumerate(records)
    ]
    made = pd.DataFrame(rows)
    return made.astype({"found": "boolean", "success": "boolean"})


def test_rates_by_hand() -> None:
    found = transfer_metrics(
        table(
            {
                # b reads r3 wrongly from the start, so it counts neither way
                ("a", "a"): [(True, True), (True, True), (False, False), (True, True)],
                ("a", "b"): [(True, True), (True, False), (False, True), (True, None)],
                ("b", "a"): [(False, False), (True, True), (False, False), (False, None)],
                ("b", "b"): [(False, False), (True, True), (False, False), (False, None)],
            }
        )
    )
    assert found["names"] == ["a", "b"]
    pairs = {(pair["source"], pair["target"]): pair for pair in found["budgets"][0]["pairs"]}
    cell = pairs["a", "b"]
    assert (cell["n"], cell["rate"], cell["rate_ci"]) == (3, pytest.approx(2 / 3), wilson(2, 3))
    assert (cell["n_found"], cell["rate_of_found"]) == (2, 0.5)
    assert cell["own_rate"] == pytest.approx(1 / 3)
    assert (pairs["a", "a"]["n"], pairs["a", "a"]["rate"]) == (4, 0.75)
    assert pairs["b", "a"]["own_rate"] == pytest.approx(2 / 3)


def test_transfer_that_beats_a_models_own_attack_is_a_sign() -> None:
    strong, weak = [(True, True)] * 60, [(False, False)] * 60
    found = transfer_metrics(
        table({("a", "a"): strong, ("a", "blind"): strong, ("blind", "a"): weak, ("blind", "blind"): weak})
    )
    assert found["masking"]["blind"]["verdict"] == "masked"
    assert found["masking"]["blind"]["values"]["method"] == "a"
    assert found["masking"]["a"]["verdict"] == "none"


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :2].mean(2)


def problem(texts: list[str]) -> Problem:
    sequences = SequenceSet.from_texts(texts, DNA)
    predictor = Predictor(Mean(), alphabet=DNA, task="classification", device="cpu", scale="logits")
    predictor.check(torch.tensor(sequences.tokens))
    budget = Budget(1)
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=None,
        threat=SubstitutionThreat(budget=budget),
        budgets=(budget,),
        goal=Untargeted(),
    )


def test_records_that_are_read_differently() -> None:
    same_records([("a", problem(["ACGT", "CCGT"])), ("b", problem(["ACGT", "CCGT"]))])
    with pytest.raises(DataError, match="differently") as found:
        same_records([("a", problem(["ACGT", "CCGT"])), ("b", problem(["ACG", "CCG"]))])
    assert "--max-length" in str(found.value)
