"""How far a value has to move: one yardstick for every draw, command and model, counted here by other means."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.asked import Opening
from seqrobust.analysis.compare.study import prepare as prepare_comparison
from seqrobust.analysis.subject import Subject
from seqrobust.attacks.goals import Shift
from seqrobust.attacks.problem import Problem
from seqrobust.attacks.settings import AttackSettings
from seqrobust.attacks.shift_size import ShiftSize, sized
from seqrobust.attacks.stating import attack_problem
from seqrobust.errors import ConfigError
from seqrobust.models import ModelCard, build_model, save_checkpoint
from seqrobust.models.opening import open_predictor
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.run.train import target_spread
from seqrobust.sequences import SequenceSet, Targets

RANDOM = np.random.default_rng(4)
VALUES = RANDOM.gamma(1.0, 3.0, (60, 2)).astype(np.float32)
LABELS = ("yield", "growth")


class Scaled(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x.mean(2)[:, :2]


def predictor(scale: float = 1.0, **spread: float) -> Predictor:
    made = Predictor(Scaled(scale), alphabet=DNA, task="regression", labels=LABELS, device="cpu", scale="logits")
    made.check(torch.tensor(records().tokens))
    made.target_spread = spread
    return made


def records() -> SequenceSet:
    letters = np.random.default_rng(1).choice(list("ACGT"), (60, 20))
    return SequenceSet.from_texts(["".join(row) for row in letters.tolist()], alphabet=DNA)


def known() -> Targets:
    return Targets(task="regression", labels=LABELS, values=VALUES)


def settings(**more: object) -> AttackSettings:
    return AttackSettings(budget="1", **more)  # type: ignore[arg-type]


def shift(problem: Problem) -> Shift:
    assert isinstance(problem.goal, Shift)
    return problem.goal


def sd(values: np.ndarray) -> float:
    return statistics.pstdev([float(value) for value in values])


@pytest.mark.parametrize("most", [None, 5, 20])
@pytest.mark.parametrize("output", LABELS)
def test_the_draw_does_not_move_the_default(most: int | None, output: str) -> None:
    column = LABELS.index(output)
    asked = settings(max_records=most, output=output)
    own = shift(attack_problem(predictor(), records(), known(), asked, seed=0))
    assert own.delta == pytest.approx(sd(VALUES[:, column]), rel=1e-6)
    assert "of these 60 records" in own.describe(LABELS)
    trained = shift(attack_problem(predictor(growth=0.25, **{"yield": 4.0}), records(), known(), asked, seed=0))
    assert trained.delta == (4.0, 0.25)[column]
    assert trained.describe(LABELS) == f"{output} raised by at least {trained.delta:g} (1 sd of the training targets)"


@pytest.mark.parametrize(
    ("written", "value", "unit"),
    [
        (0.5, 0.5, "own units"),
        ("0.5", 0.5, "own units"),
        ("1sd", 4.0, "1 sd of"),
        ("1.5 SD", 6.0, "1.5 sd of"),
        ("2fold", 1.0, "log2"),
        ("8-fold", 3.0, "log2"),
    ],
)
def test_what_is_written(written: float | str, value: float, unit: str) -> None:
    found = sized(AttackSettings(budget="1", delta=written).delta, lambda: ShiftSize(value=4, unit="sd of x"))
    assert found.value == pytest.approx(value)
    assert unit in found.unit


@pytest.mark.parametrize(
    "written", [0, -1.0, float("nan"), float("inf"), "1fold", "0.5fold", "sd", "0sd", "-1sd", "2 sds", ""]
)
def test_what_cannot_be_read(written: float | str) -> None:
    with pytest.raises(ConfigError, match="a shift is positive"):
        settings(delta=written)


def test_values_that_do_not_vary_need_a_number() -> None:
    still = replace(known(), values=np.full((60, 2), 0.1, np.float32))
    with pytest.raises(ConfigError, match="do not vary"):
        attack_problem(predictor(), records(), still, settings(), seed=0)
    assert shift(attack_problem(predictor(), records(), still, settings(delta=2), seed=0)).delta == 2


def subject(name: str, model: Predictor) -> Subject:
    return Subject(name=name, predictor=model, sequences=records(), targets=None)


def test_one_shift_for_every_model_of_a_comparison() -> None:
    models = [subject("tall", predictor(10.0)), subject("flat", predictor(0.0)), subject("small", predictor(0.1))]
    ready = prepare_comparison(models, settings(max_records=7), Opening(seed=3))
    with models[0].predictor.attached():
        said = models[0].predictor.logits(torch.tensor(records().tokens))[:, 0].numpy()
    for problem in ready.problems.values():
        assert shift(problem).delta == pytest.approx(sd(said), rel=1e-5)
        assert "as tall has it, for every model" in shift(problem).unit
    # A model that knows its training targets has the say, wherever it stands.
    models.append(subject("trained", predictor(1.0, **{"yield": 0.7})))
    ready = prepare_comparison(models, settings(), Opening(seed=3))
    assert {shift(problem).delta for problem in ready.problems.values()} == {0.7}


def test_a_checkpoint_keeps_the_spread_of_its_training(tmp_path: Path) -> None:
    spread = target_spread(known())
    assert spread == pytest.approx({name: sd(VALUES[:, i]) for i, name in enumerate(LABELS)}, rel=1e-6)
    classes = Targets(task="binary", labels=("no", "yes"), values=np.array([0, 1]))
    assert target_spread(classes) == {}
    model = build_model("cnn", alphabet_size=4, outputs=2, channels=4, blocks=1, first_kernel=3, hidden=0, pool=2)
    card = ModelCard(
        alphabet=DNA,
        task="regression",
        labels=LABELS,
        architecture="cnn",
        hyperparameters=model.hyperparameters,
        input_length=None,
        provenance={"target_spread": spread},
    )
    for kept, expected in ((card, spread), (replace(card, provenance={"target_spread": "a text"}), {})):
        save_checkpoint(tmp_path / "model.ckpt", model, kept)
        source = ModelSource(model=str(tmp_path / "model.ckpt"))
        opened, _ = open_predictor(source, alphabet=None, device="cpu", batch_size=None)
        assert opened.target_spread == expected
