"""Attacks on explanations against known answers: what cannot move does not, what can is found, and nothing is claimed
that the bare model does not bear out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from stability_models import LENGTH, Linear, Recurrent, Smooth, Switched, problem_for, records, searched
from torch import nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.attribution import METHODS
from seqrobust.analysis.stability import PROFILES, ExplainedPredictor, StabilitySettings, importances
from seqrobust.analysis.stability.explained import Layout
from seqrobust.analysis.stability.goals import ChangeExplanation
from seqrobust.errors import ConfigError
from seqrobust.sequences import SequenceSet, one_hot


def slope(module: nn.Module, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and the gradient of the predicted class's logit less the mean of the others, by autograd alone."""
    encoded = one_hot(tokens, DNA).requires_grad_(True)
    logits = module(encoded)
    said = logits.argmax(1, keepdim=True)
    own = logits.gather(1, said).squeeze(1)
    others = (logits.sum(1) - own) / max(logits.shape[1] - 1, 1) if logits.shape[1] > 1 else 0
    (found,) = torch.autograd.grad((own - others).sum(), encoded)
    return logits.detach(), found


@pytest.mark.parametrize("method", list(PROFILES))
@pytest.mark.parametrize("module", [Smooth(), Recurrent()])
def test_an_explained_model_says_what_the_model_and_the_method_say(module: nn.Module, method: str) -> None:
    assert method in METHODS
    sequences = records(ragged=True)
    plain = problem_for(module, sequences).predictor
    predictor = ExplainedPredictor(plain, method)
    tokens = torch.tensor(sequences.tokens)
    predictor.check(tokens)
    with predictor.attached():
        parts = predictor.layout.parts(predictor.logits(tokens))
        torch.testing.assert_close(parts.logits, plain.logits(tokens))
        expected = importances(plain, sequences, method, StabilitySettings(methods=(method,)), seed=0)
    known = tokens < 4
    assert (np.isfinite(expected) == known.numpy()).all()
    close = {"rtol": 0.05, "atol": 0.02} if method == "integrated_gradients" else {"rtol": 1e-4, "atol": 1e-6}
    torch.testing.assert_close(parts.importance[known], torch.tensor(expected)[known], **close)
    assert torch.equal((parts.letters[known] * 5).round().long() - 1, tokens[known].long())
    assert not parts.letters[~known].any()


def test_the_gradient_of_an_explanation_is_its_derivative() -> None:
    sequences = records(2)
    plain = problem_for(Smooth(), sequences).predictor
    predictor = ExplainedPredictor(plain, "input_x_gradient")
    tokens = torch.tensor(sequences.tokens)
    predictor.check(tokens)
    weights = torch.randn(2, LENGTH, generator=torch.Generator().manual_seed(3))

    def objective(matrix: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return (predictor.layout.parts(matrix).importance * weights[rows]).sum(1)

    with predictor.attached():
        points, lengths = predictor.encode(tokens), predictor.lengths(tokens)
        found = predictor.gradient(points, lengths, objective).gradient
        way = torch.randn(points.shape, generator=torch.Generator().manual_seed(4))
        step = 1e-2
        ends = [predictor.gradient(points + sign * step * way, lengths, objective).value for sign in (1, -1)]
    difference = (ends[0] - ends[1]) / (2 * step)
    torch.testing.assert_close((found * way).sum((1, 2)), difference, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "saliency_corrected"])
def test_what_cannot_move_does_not(method: str) -> None:
    run, made = searched(problem_for(Linear(), records(), budget="1,3"), method, "change", StabilitySettings())
    assert bool(run.attackable.all())
    assert not bool(run.reached.any())
    bound = made.goal.bind("regression", run.clean, run.targets)
    moved = bound.objective(run.logits[:, -1], torch.arange(6))
    assert float(moved.max()) < 1e-4


def test_an_unused_letter_that_changes_the_gradient_is_found() -> None:
    sequences = records(5, letters="AC")
    problem = problem_for(Switched(), sequences, task="binary", budget="1")
    settings = StabilitySettings(kept_lead=0.9)
    run, _ = searched(problem, "input_x_gradient", "change", settings)
    assert bool(run.reached.all())
    changed = run.tokens[:, 0] != torch.tensor(sequences.tokens)
    assert changed.sum(1).tolist() == [1] * 5
    assert bool((run.tokens[:, 0, 0] == 3).all())
    # A protected first letter takes the switch away.
    elsewhere = SequenceSet.from_texts(sequences.texts, DNA, regions=[[("core", 0, 1)]] * 5)  # type: ignore[list-item]
    run, _ = searched(
        problem_for(Switched(), elsewhere, task="binary", protect=("core",)), "input_x_gradient", "change", settings
    )
    assert not bool(run.reached.any())


@pytest.mark.parametrize("kept_lead", [0.0, 0.5])
def test_one_edit_is_the_best_of_all_single_edits(kept_lead: float) -> None:
    module, sequences = Smooth(activation=nn.ReLU), records(5)
    problem = problem_for(module, sequences)
    settings = StabilitySettings(kept_lead=kept_lead)
    run, made = searched(problem, "input_x_gradient", "change", settings)
    bound = made.goal.bind("regression", run.clean, run.targets)
    best = bound.objective(run.logits[:, 0], torch.arange(5))
    for row in range(5):
        tokens = torch.tensor(sequences.tokens[row])
        clean, gradient = slope(module, tokens[None])
        mine = (gradient * one_hot(tokens[None], DNA)).sum(1).abs()[0].numpy()
        lead = clean[0].sort().values[-1] - clean[0].sort().values[-2]
        largest = 0.0
        for place in range(LENGTH):
            for letter in range(4):
                edited = tokens.clone()
                edited[place] = letter
                logits, gradient = slope(module, edited[None])
                margin = logits[0, clean.argmax()] - logits[0].clone().index_fill(0, clean.argmax(), -1e9).max()
                if logits.argmax() != clean.argmax() or margin < kept_lead * lead:
                    continue
                theirs = (gradient * one_hot(edited[None], DNA)).sum(1).abs()[0].numpy()
                kept = (edited == tokens).numpy()
                largest = max(largest, 1 - pearsonr(mine[kept], theirs[kept]).statistic)
        assert float(best[row]) == pytest.approx(largest, abs=1e-4)
        assert bool(run.reached[row, 0]) == (largest > 0.5)


@pytest.mark.parametrize("module", [Smooth(seed=2), Recurrent()])
@pytest.mark.parametrize("goal", ["change", "keep"])
def test_what_is_claimed_is_true_of_the_bare_module(module: nn.Module, goal: str) -> None:
    sequences = records(12, seed=5)
    problem = problem_for(module, sequences, budget="1,3", protect=("core",))
    settings = StabilitySettings(changed_below=0.9, kept_above=0.6)
    attacks = ("discrete_pgd", "greedy_all", "genetic") if goal == "keep" else ("greedy_all",)
    run, _ = searched(problem, "input_x_gradient", goal, settings, attacks)
    clean = torch.tensor(sequences.tokens)
    changed = run.tokens != clean[:, None]
    assert bool((changed.sum(2) <= torch.tensor([1, 3])).all())
    assert not bool(changed[:, :, 5:8].any())
    assert bool((run.reached[:, 1] | ~run.reached[:, 0]).all())
    assert int(run.reached.sum()) >= 3
    logits, gradient = slope(module, clean)
    mine = (gradient * one_hot(clean, DNA)).sum(1).abs().numpy()
    lead = logits.sort(1).values[:, -1] - logits.sort(1).values[:, -2]
    for row, level in torch.nonzero(run.reached).tolist():
        edited = run.tokens[row, level][None]
        after, gradient = slope(module, edited)
        theirs = (gradient * one_hot(edited, DNA)).sum(1).abs()[0].numpy()
        kept = ~changed[row, level].numpy()
        like = pearsonr(mine[row][kept], theirs[kept]).statistic
        if goal == "keep":
            assert after.argmax() != logits[row].argmax()
            assert like >= 0.6 - 1e-5
        else:
            assert after.argmax() == logits[row].argmax()
            assert after[0].sort().values[-1] - after[0].sort().values[-2] >= 0.5 * lead[row] - 1e-5
            assert like < 0.9 + 1e-5


@pytest.mark.parametrize("goal", ["change", "keep"])
def test_values_of_a_regression_stay_or_shift(goal: str) -> None:
    module, sequences = Smooth(outputs=2), records(10, seed=3)
    problem = problem_for(module, sequences, task="regression", budget="2")
    settings: dict[str, Any] = {"tolerance": 0.05, "delta": 0.12, "changed_below": 0.95, "kept_above": 0.5}
    run, _ = searched(problem, "saliency", goal, StabilitySettings(**settings), ("greedy_all", "discrete_pgd"))
    moved = (module(one_hot(run.tokens[:, 0], DNA)) - module(one_hot(torch.tensor(sequences.tokens), DNA))).abs()
    reached = run.reached[:, 0]
    assert int(reached.sum()) >= 2
    if goal == "keep":
        assert bool((moved[reached, 0] >= 0.12 - 1e-5).all())
    else:
        assert bool((moved[reached] <= 0.05 + 1e-5).all())


@pytest.mark.parametrize(("logit", "kept"), [(1.5, True), (0.5, False), (-1.0, False)])
def test_a_prediction_is_kept_with_half_of_its_lead(logit: float, kept: bool) -> None:
    """The explanation is turned round in each case, the class the same in all but the last."""
    importance = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    letters = torch.full((1, 4), 0.4)
    clean = torch.cat([torch.tensor([[2.0]]), importance, letters], dim=1)
    edited = torch.cat([torch.tensor([[logit]]), importance.flip(1), letters], dim=1)
    goal = ChangeExplanation(layout=Layout(task="binary", outputs=1)).bind("regression", clean, torch.tensor([1]))
    assert bool(goal.attackable)
    assert bool(goal.achieved(edited, torch.tensor([0]))) == kept


def test_no_broken_prediction_beats_a_kept_one() -> None:
    sequences = records(4)
    problem = problem_for(Smooth(), sequences)
    predictor = ExplainedPredictor(problem.predictor, "input_x_gradient")
    tokens = torch.tensor(sequences.tokens)
    predictor.check(tokens)
    with predictor.attached():
        clean = predictor.logits(tokens)
    bound = ChangeExplanation(layout=predictor.layout).bind("regression", clean, clean[:, :3].argmax(1))
    broken = clean.clone()
    broken[:, :3] = -broken[:, :3]
    broken[:, 3 : 3 + LENGTH] = broken[:, 3 : 3 + LENGTH].flip(1)
    rows = torch.arange(4)
    kept, lost = bound.objective(clean, rows), bound.objective(broken, rows)
    torch.testing.assert_close(kept, torch.zeros(4), atol=1e-5, rtol=0)
    assert bool((lost < kept.min()).all())
    assert not bool(bound.achieved(broken, rows).any())


def test_bad_settings_are_told() -> None:
    for bad in (
        {"goals": ()},
        {"goals": ("move",)},
        {"methods": ("nothing",)},
        {"kept_lead": 1.5},
        {"random_draws": 0},
    ):
        with pytest.raises(ConfigError):
            StabilitySettings(**bad)
    with pytest.raises(ConfigError):
        ExplainedPredictor(problem_for(Linear(), records()).predictor, "ism")
