"""Budgets drawn anew at every step: evenly, from the least share to the whole, the same when a run is resumed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor
from training_toys import TINY_CNN, LinearModel, small, toy

from seqrobust.errors import ConfigError
from seqrobust.run.config import read_config
from seqrobust.training import Trained, TrainingSettings, adversarial_settings, fit
from seqrobust.training.data import Batch, RecordDataset
from seqrobust.training.objectives import Robust, make_objective

DATA = toy("binary", n=40)


def objective(**options: Any) -> Robust:
    made = make_objective(DATA, "zeros", TrainingSettings(), adversarial_settings(**options))
    assert isinstance(made, Robust)
    return made


def batch_with(budgets: list[int]) -> Batch:
    batch = RecordDataset(DATA, adversarial_settings(budget=3).threat()).__getitems__([0] * len(budgets))
    return batch._replace(budget=torch.tensor(budgets))


@pytest.mark.parametrize(
    ("share", "whole", "expected"),
    [(0.5, 2, [1, 2]), (0.0, 2, [0, 1, 2]), (0.3, 10, [3, 4, 5, 6, 7, 8, 9, 10]), (0.9, 1, [1]), (0.0, 0, [0])],
)
def test_budgets_are_drawn_evenly(share: float, whole: int, expected: list[int]) -> None:
    torch.manual_seed(0)
    batch = batch_with([whole] * 4000)
    drawn = objective(least_share=share).with_budgets_drawn(batch).budget
    assert drawn.dtype == batch.budget.dtype
    values, counts = np.unique(drawn.numpy(), return_counts=True)
    assert values.tolist() == expected
    assert len(counts) == 1 or chisquare(counts).pvalue > 1e-3


def test_each_record_draws_from_its_own_budget() -> None:
    torch.manual_seed(0)
    batch = batch_with([0, 1, 4, 9] * 200)
    drawn = objective(least_share=0.5).with_budgets_drawn(batch).budget.view(-1, 4)
    assert drawn.amin(0).tolist() == [0, 1, 2, 5]
    assert drawn.amax(0).tolist() == [0, 1, 4, 9]


def test_the_whole_budget_draws_nothing() -> None:
    """So that what was trained without the setting is trained as before."""
    batch, before = batch_with([2, 3]), torch.get_rng_state()
    assert objective().with_budgets_drawn(batch) is batch
    assert torch.equal(torch.get_rng_state(), before)


def test_a_loss_is_that_at_the_budget_drawn() -> None:
    """Of a linear model, whose hinge takes off exactly the largest gains, by hand."""
    torch.manual_seed(0)
    model, made = LinearModel(DATA.sequences.width), objective(objective="hinge", budget=3, least_share=0.0)
    plain = RecordDataset(DATA, made.settings.threat()).__getitems__(range(40))
    batch = made.with_budgets_drawn(plain)
    assert set(batch.budget.tolist()) == {0, 1, 2, 3}
    losses = made.losses(model, batch, 0).detach()
    sign = (2 * batch.targets - 1).to(torch.float32)
    weight: Tensor = model.weight[0].detach()
    for row in range(40):
        tokens = batch.tokens[row].long()
        kept = weight[tokens, torch.arange(len(tokens))]
        gains = (kept - weight).mul(sign[row]).amax(0).sort(descending=True).values
        margin = sign[row] * kept.sum() - gains[: int(batch.budget[row])].sum()
        assert float(losses[row]) == pytest.approx(float((1 - margin).clamp(min=0)), abs=1e-4)


class KilledError(Exception):
    """Stands for whatever ends a process."""


def trained(out: Path, *, stop: float = 99, resume: bool = False, share: float = 0.0) -> Trained:
    def progress(done: float, row: Mapping[str, float]) -> None:
        if done > stop:
            raise KilledError

    adversary = adversarial_settings(objective="hinge", budget=3, least_share=share)
    settings = TrainingSettings(epochs=4, batch_size=16, learning_rate=0.02, select="last")
    model = small("cnn", DATA, **TINY_CNN)
    told: dict[str, Any] = {"settings": settings, "adversarial": adversary, "out": out, "resume": resume}
    return fit(model, DATA, DATA, progress=progress, **told)


def test_a_resumed_run_draws_as_an_unbroken_one(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    with pytest.raises(KilledError):
        trained(tmp_path / "broken", stop=2.4)
    again = trained(tmp_path / "broken", resume=True)
    pd.testing.assert_frame_equal(whole.history.drop(columns="seconds"), again.history.drop(columns="seconds"))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    # And it is not what the whole budget gives.
    assert not whole.history["train_loss"].equals(trained(tmp_path / "full", share=1.0).history["train_loss"])


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_out_of_range(share: float) -> None:
    with pytest.raises(ConfigError, match="least budget"):
        adversarial_settings(least_share=share)


def test_a_config_may_say_so(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text("name: tiny\ntask: binary\ndata: {path: data.csv}\ntraining: {adversarial: {least_share: 0.5}}\n")
    (tmp_path / "data.csv").write_text("sequence,label\nACGT,0\nACGA,1\n")
    adversarial = read_config(path).training.adversarial
    assert adversarial is not None
    assert adversarial.least_share == 0.5
