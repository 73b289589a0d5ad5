"""The transfer matrix from a table made by hand, models that do not read the same records, and models averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis import wilson
from seqrobust.analysis.ensemble import ensemble, misfit
from seqrobust.analysis.transfer import Fidelity, fidelity, same_records, transfer_metrics
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


TOKENS = torch.tensor(np.random.default_rng(0).integers(0, 4, (40, 6)).astype(np.uint8))


class Linear(nn.Module):
    """One weight per letter and position, times a scale."""

    def __init__(self, outputs: int, seed: int, scale: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(scale * torch.randn(outputs, 4, 6, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nkl,okl->no", x, self.weight)


def predictor_of(module: nn.Module, task: Any, labels: tuple[str, ...], **how: Any) -> Predictor:
    made = Predictor(module, alphabet=DNA, task=task, labels=labels, device="cpu", scale="logits", **how)
    made.check(TOKENS)
    return made


def asked(predictor: Predictor) -> Tensor:
    with predictor.attached():
        return predictor.logits(TOKENS)


def test_an_ensemble_is_the_mean_at_one_spread_in_the_models_order() -> None:
    first = predictor_of(Linear(3, 1), "classification", ("a", "b", "c"))
    other = predictor_of(Linear(3, 2, scale=100.0), "classification", ("c", "a", "b"))
    mean = ensemble(first, [first, other], TOKENS)
    mine, theirs = asked(first), asked(other)[:, [1, 2, 0]]
    sizes = [float((one - one.mean(1, keepdim=True)).square().mean().sqrt()) for one in (mine, theirs)]
    by_hand = (mine / sizes[0] + theirs / sizes[1]) / 2 * sum(sizes) / 2
    torch.testing.assert_close(asked(mean), by_hand)
    encoded = mean.encode(TOKENS)
    with mean.attached():
        found = mean.gradient(encoded, mean.lengths(TOKENS), lambda logits, _: logits[:, 0]).gradient
    own, others = (one.module.get_parameter("weight") for one in (first, other))
    weights = own[0] / sizes[0] + others[1] / sizes[1]
    torch.testing.assert_close(found[0], (weights * sum(sizes) / 4).detach())


def test_an_ensemble_of_binary_models_that_call_the_other_class_positive() -> None:
    first = predictor_of(Linear(1, 1), "binary", ("no", "yes"))
    other = predictor_of(Linear(1, 1, scale=-3.0), "binary", ("yes", "no"))
    # The other is the first one three times as sure, with its classes named the other way round.
    torch.testing.assert_close(asked(ensemble(first, [first, other], TOKENS)), 2 * asked(first))


def test_records_of_different_lengths_are_averaged_one_length_at_a_time() -> None:
    padded = TOKENS.clone()
    padded[:20, 4:] = DNA.padding
    models = [Predictor(Mean(), alphabet=DNA, task="classification", device="cpu", scale="logits") for _ in range(2)]
    for one in models:
        one.check(padded)
    mean = ensemble(models[0], models, padded)
    with mean.attached(), models[0].attached():
        torch.testing.assert_close(mean.logits(padded), models[0].logits(padded))


def test_who_cannot_be_averaged() -> None:
    model = predictor_of(Linear(3, 1), "classification", ("a", "b", "c"))
    assert misfit(model, predictor_of(Linear(3, 2), "classification", ("c", "b", "a"))) is None
    assert misfit(model, predictor_of(Linear(3, 2), "classification", ("x", "b", "a"))) == "its labels are x, b, a"
    assert "task" in str(misfit(model, predictor_of(Linear(3, 2), "multilabel", ("a", "b", "c"))))
    uniform = predictor_of(Linear(3, 2), "classification", ("a", "b", "c"), unknown="uniform")
    assert "uniform" in str(misfit(model, uniform))


def test_fidelity_by_hand() -> None:
    model = predictor_of(Linear(3, 1), "classification", ("a", "b", "c"))
    other = predictor_of(Linear(3, 2), "classification", ("c", "a", "b"))
    found = fidelity(model, other, TOKENS)
    said = [["abc"[i] for i in asked(model).argmax(1)], ["cab"[i] for i in asked(other).argmax(1)]]
    same = sum(one == two for one, two in zip(*said, strict=True))
    assert found.agreement == same / 40
    assert found.agreement_ci == wilson(same, 40)
    assert found.chance == max(said[0].count(name) for name in "abc") / 40
    assert fidelity(model, model, TOKENS).agreement == 1
    values = [predictor_of(Linear(2, seed), "regression", ("u", "v")) for seed in (1, 2)]
    by_output = [float(np.corrcoef(asked(values[0])[:, i], asked(values[1])[:, i])[0, 1]) for i in (0, 1)]
    assert fidelity(*values, TOKENS).agreement == pytest.approx(min(by_output), abs=1e-5)


@pytest.mark.parametrize(
    ("agreement", "chance", "low"),
    [
        (0.95, 0.5, False),
        (0.75, 0.3, True),
        (0.95, 0.94, True),
        (0.98, 0.94, False),
        (1.0, 1.0, False),
        (None, None, False),
    ],
)
def test_a_poor_stand_in(agreement: float | None, chance: float | None, low: bool) -> None:
    assert Fidelity(n=100, agreement=agreement, chance=chance).low is low
