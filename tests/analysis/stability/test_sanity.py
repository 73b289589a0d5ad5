"""Randomised weights: layers in the order they are called, weights given back, and methods told apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from stability_models import Smooth, problem_for, records
from torch import nn

from seqrobust.analysis.stability import StabilitySettings, Study, sanity_metrics, sanity_summary
from seqrobust.analysis.stability.sanity import REPEATS, layers_from_output, randomised, stages
from seqrobust.models import build_model


def test_layers_go_from_the_output_down_and_get_their_weights_back() -> None:
    module = Smooth()
    predictor = problem_for(module, records()).predictor
    before = {name: value.clone() for name, value in module.state_dict().items()}
    tokens = torch.tensor(records().tokens)
    with predictor.attached():
        layers = layers_from_output(predictor, tokens)
        assert layers == ("head", "body.2", "body.0")
        first, second, *_ = stages(layers)
        clean = predictor.logits(tokens)
        with randomised(predictor, first):
            assert not torch.equal(module.head.weight, before["head.weight"])
            assert torch.equal(module.body[2].weight, before["body.2.weight"])
            one = module.head.weight.clone()
        with randomised(predictor, second):
            # The same draw for the same layer: a cascade adds to what is random already.
            assert torch.equal(module.head.weight, one)
            assert not torch.equal(module.body[2].weight, before["body.2.weight"])
        with pytest.raises(RuntimeError), randomised(predictor, second):
            raise RuntimeError
        torch.testing.assert_close(predictor.logits(tokens), clean, rtol=0, atol=0)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def _explains(kind: str, study: Study) -> Callable[[str], np.ndarray]:
    plain = study.problem.plain

    def explain(method: str) -> np.ndarray:
        if kind == "input":
            return 1.0 + plain.sequences.tokens.astype(np.float32) + np.arange(plain.sequences.width)
        with torch.no_grad():
            size = sum(float(weight.abs().sum()) for weight in plain.predictor.module.parameters())
        rng = np.random.default_rng(int(size * 1e6))
        return rng.random(plain.sequences.tokens.shape).astype(np.float32)

    return explain


@pytest.mark.parametrize(("kind", "passed"), [("input", False), ("weights", True)])
def test_what_shows_the_input_fails_and_what_shows_the_weights_passes(kind: str, passed: bool) -> None:
    sequences = records(12)
    study = Study(problem=problem_for(Smooth(), sequences))
    with study.attached():
        predictor = study.problem.predictor
        found = list(sanity_metrics(predictor, sequences, ["m"], _explains(kind, study)))
    summary = sanity_summary([stage for _, stage in found], 0.5)
    assert summary["passed"] is passed
    assert [stage["stage"] for stage in summary["cascade"]] == ["head", "body.2", "body.0"]
    assert [stage["layers"] for stage in summary["cascade"]] == [1, 2, 3]
    assert len(summary["all_at_once"]["draws"]) == REPEATS
    if kind == "input":
        assert summary["all_at_once"]["spearman"] == pytest.approx(1)


@pytest.mark.parametrize("extra", [{"lipschitz": True}, {"spectral_norm": 1.0}, {}])
def test_gradients_of_our_own_models_come_apart(extra: dict[str, float | bool]) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build_model("cnn", alphabet_size=4, outputs=3, input_length=16, channels=8, **extra)
    sequences = records(16)
    problem = problem_for(module, sequences)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    study = Study(
        problem=problem, settings=StabilitySettings(methods=("input_x_gradient_corrected",), sanity_records=16)
    )
    with study.attached():
        found = [stage for _, stage in study.sanity()]
    assert sanity_summary(found, 0.5)["passed"]
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_model_without_weights_has_nothing_to_randomise() -> None:
    class Counts(nn.Module):
        def forward(self, encoded: torch.Tensor) -> torch.Tensor:
            return encoded[:, :3].sum(2)

    study = Study(problem=problem_for(Counts(), records()), settings=StabilitySettings(methods=("saliency",)))
    with study.attached():
        assert list(study.sanity()) == []
