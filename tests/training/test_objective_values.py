"""Losses of the objectives on tiny cases, against enumeration, closed forms and other libraries."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, entropy
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, kl_divergence
from training_toys import LinearModel, small, toy

from seqrobust.alphabet import DNA
from seqrobust.sequences import Region, SequenceSet, Targets, Task, one_hot
from seqrobust.tasks import task_of
from seqrobust.training import Labelled, TrainingSettings, adversarial_settings
from seqrobust.training.data import Batch, RecordDataset, with_reverse_complements
from seqrobust.training.losses import climbed_loss, record_divergence, record_loss, regression_scale, told
from seqrobust.training.objectives import (
    Continued,
    Hinge,
    Invariance,
    Penalty,
    Replay,
    Trades,
    make_objective,
    worst_case,
)
from seqrobust.training.objectives.mart import mart_loss
from seqrobust.training.objectives.search import dual_norm, random_members

TEXTS = ["ACGTA", "GGTCA", "TNCTA", "CCA"]
REGIONS = [[Region("core", 0, 1)]] * 4


def tiny(task: Task) -> Labelled:
    """Four records, one with an unknown letter, one shorter; the first letter is a region."""
    values: dict[Task, np.ndarray] = {
        "binary": np.array([0, 1, 1, 0]),
        "classification": np.array([0, 2, 1, 2]),
        "multilabel": np.array([[0, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 1]], np.float32),
        "regression": np.array([[1.0, 10], [2, 30], [4, 20], [0, 50]], np.float32),
    }
    labels = {"binary": ("n", "p"), "regression": ("u", "v")}.get(task, ("a", "b", "c"))
    return Labelled(
        sequences=SequenceSet.from_texts(TEXTS, DNA, regions=REGIONS),
        targets=Targets(task=task, labels=labels, values=values[task]),
    )


def made(data: Labelled, **options: Any) -> Any:
    told_ = {"budget": 2, "protect": ("core",), **options}
    return make_objective(data, "zeros", TrainingSettings(), adversarial_settings(**told_))


def batch_of(data: Labelled) -> Batch:
    threat = adversarial_settings(budget=2, protect=("core",)).threat()
    return RecordDataset(data, threat).__getitems__(range(len(data.sequences)))


def members(row: int) -> Tensor:
    """Tokens of every sequence that differs from a tiny record in at most two letters, outside its core."""
    text = TEXTS[row]
    words = [
        text[0] + "".join(word)
        for word in itertools.product("ACGTN", repeat=len(text) - 1)
        if sum(a != b for a, b in zip(word, text[1:], strict=True)) <= 2
        and all((a == "N") == (b == "N") for a, b in zip(word, text[1:], strict=True))
    ]
    return torch.tensor(SequenceSet.from_texts([*words, "A" * 5], DNA).tokens)[:-1]


def outputs(task: Task) -> int:
    return {"binary": 1, "regression": 2}.get(task, 3)


def divergence_by_hand(task: Task, before: Tensor, after: Tensor, data: Labelled) -> Tensor:
    if task == "classification":
        return kl_divergence(Categorical(logits=before), Categorical(logits=after))
    if task == "regression":
        spread = torch.from_numpy(data.targets.values.std(0))
        return (((before - after) / spread) ** 2).mean(1)
    return kl_divergence(Bernoulli(logits=before), Bernoulli(logits=after)).mean(1)


@pytest.mark.parametrize("task", ["binary", "classification", "multilabel", "regression"])
def test_trades(task: Task) -> None:
    data, model = tiny(task), LinearModel(5, outputs(task))
    objective, batch = made(data, objective="trades", weight=2.5), batch_of(data)
    assert isinstance(objective, Trades)
    torch.manual_seed(3)
    found = objective.diverging(model, batch, 0)
    assert objective.bound(batch).contains(found).all()
    clean, attacked = model(one_hot(batch.tokens, DNA)), model(one_hot(found, DNA))
    wanted = objective.loss(clean, batch.targets) + 2.5 * divergence_by_hand(task, clean, attacked, data)
    torch.manual_seed(3)
    assert torch.allclose(objective.losses(model, batch, 0), wanted, atol=1e-5)


@pytest.mark.parametrize("task", ["binary", "classification", "regression"])
def test_steps_of_trades_climb_its_divergence(task: Task) -> None:
    """On average over models: one step leads beyond random members, more lead farther."""
    data = tiny(task)
    batch, reached = batch_of(data), []
    for steps in (0, 1, 6):
        objective = made(data, objective="trades", steps=max(steps, 1))
        total = 0.0
        for seed in range(20):
            torch.manual_seed(seed)
            model = nn.Sequential(nn.Flatten(), nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, outputs(task)))
            shown = Shown(model)
            drawn = random_members(objective.bound(batch), forced=True)
            found = objective.diverging(shown, batch, 0) if steps else drawn
            pair = shown(one_hot(batch.tokens, DNA)), shown(one_hot(found, DNA))
            total += objective.divergence(*pair).sum().item()
        reached.append(total)
    assert reached[2] > reached[1] > reached[0]


class Shown(nn.Module):
    """A module called as ours are, with lengths."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        result: Tensor = self.inner(encoded)
        return result


def test_mart() -> None:
    """The formula of the paper, number by number; a single logit as two classes."""
    rng = np.random.default_rng(0)
    clean, attacked = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    targets = rng.integers(0, 3, 6)
    found = mart_loss(torch.tensor(clean), torch.tensor(attacked), torch.tensor(targets), 5.0)
    for row, true in enumerate(targets):
        p, q = (np.exp(z[row]) / np.exp(z[row]).sum() for z in (clean, attacked))
        rival = max(q[j] for j in range(3) if j != true)
        wanted = -np.log(q[true]) - np.log(1 - rival) + 5 * (p * np.log(p / q)).sum() * (1 - p[true])
        assert found[row].item() == pytest.approx(wanted, rel=1e-9)
    pair = [torch.tensor(np.stack([np.zeros(6), z[:, 0]], 1)) for z in (clean, attacked)]
    single = [torch.tensor(z[:, :1]) for z in (clean, attacked)]
    label = torch.tensor(targets % 2)
    assert torch.allclose(mart_loss(*single, label, 5.0), mart_loss(*pair, label, 5.0))
    far = torch.tensor([[60.0, 0, 0]], requires_grad=True)
    mart_loss(far, far, torch.tensor([1]), 5.0).sum().backward()
    assert far.grad is not None
    assert far.grad.isfinite().all()


def signed(logits: Tensor, targets: Tensor) -> Tensor:
    """A loss linear in the logits."""
    return -(2.0 * targets - 1) * logits[:, 0]


def test_the_penalty_is_one_step_training_where_the_loss_is_linear() -> None:
    data, model = tiny("binary"), LinearModel(5)
    objective, batch = replace(made(data, objective="penalty"), loss=signed), batch_of(data)
    assert isinstance(objective, Penalty)
    found = objective.losses(model, batch, 0)
    for row in range(4):
        words = members(row)
        worst = signed(model(one_hot(words, DNA)), batch.targets[row].expand(len(words))).max()
        assert found[row].item() == pytest.approx(worst.item(), abs=1e-5)


def test_to_first_order_the_penalty_is_one_step_training() -> None:
    """What the two differ by falls with the square of the model's slope."""
    data, batch, left = tiny("classification"), batch_of(tiny("classification")), []
    for scale in (0.02, 0.01):
        model, objective = LinearModel(5, 3, scale), made(data, objective="penalty")
        found = worst_case(objective, model, batch, steps=1)
        attacked = objective.loss(model(one_hot(found, DNA)), batch.targets)
        left.append((attacked - objective.losses(model, batch, 0)).abs().max().item())
    assert left[0] == pytest.approx(4 * left[1], rel=0.2)


def test_the_dual_norm_and_its_derivative() -> None:
    """The largest sums of gains by sorting, and autograd's derivative of them, in 64 bits."""
    data = tiny("binary")
    objective, batch = made(data, objective="penalty"), batch_of(data)
    threat = objective.bound(batch)
    gradient = torch.randn(threat.permitted.shape, dtype=torch.float64, requires_grad=True)
    gains = threat.gains(gradient).gain.sort(dim=1, descending=True).values[:, :2]
    assert torch.allclose(dual_norm(threat, gradient), gains.sum(1))
    assert torch.allclose(dual_norm(threat, gradient, "mean"), gains.sum(1) / (gains > 0).sum(1))
    assert torch.autograd.gradcheck(lambda g: dual_norm(threat, g), gradient)

    def through_a_model(weight: Tensor) -> Tensor:
        encoded = one_hot(batch.tokens, DNA).double().requires_grad_(True)
        value = torch.tanh((encoded * weight).sum((1, 2)))
        (slope,) = torch.autograd.grad(value.sum(), encoded, create_graph=True)
        return dual_norm(threat, slope)

    weight = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(through_a_model, weight)


@pytest.mark.parametrize("task", ["binary", "classification", "multilabel"])
def test_the_hinge_of_a_linear_model_is_that_of_the_worst_sequences(task: Task) -> None:
    data, model = tiny(task), LinearModel(5, outputs(task), 0.4)
    objective, batch = made(data, objective="hinge"), batch_of(data)
    assert isinstance(objective, Hinge)
    found = objective.losses(model, batch, 0)
    for row in range(4):
        words = members(row)
        targets = batch.targets[row : row + 1].repeat(len(words), *[1] * (batch.targets.ndim - 1))
        lead = task_of(task).margins(model(one_hot(words, DNA)), targets)
        here = task_of(task).margins(model(one_hot(batch.tokens, DNA)), batch.targets)[row]
        # Each rival has its own worst sequence; of three labels, the two nearest are attacked.
        worst = (1 - lead.amin(0)).clamp(min=0)
        if task == "multilabel":
            safe = here.argmax()
            worst[safe] = (1 - here[safe]).clamp(min=0)
        wanted = worst.mean() if task == "multilabel" else worst.max()
        assert found[row].item() == pytest.approx(wanted.item(), abs=1e-5)


def test_random_members_are_members_each_as_likely() -> None:
    threat = adversarial_settings(budget=2).threat().bind(SequenceSet.from_texts(["ACGT"] * 6000, DNA))
    torch.manual_seed(0)
    drawn = random_members(threat, forced=True)
    assert threat.contains(drawn).all()
    assert (threat.spent(drawn) == 2).all()
    counts = torch.unique(drawn, dim=0, return_counts=True)[1].numpy()
    assert len(counts) == 6 * 9
    assert chisquare(counts).pvalue > 1e-3
    free = random_members(replace(threat, budget=threat.budget + 9), forced=False)
    counts = torch.unique(free, dim=0, return_counts=True)[1].numpy()
    assert len(counts) == 4**4
    assert chisquare(counts).pvalue > 1e-3


def test_replay_finds_the_next_sequences_in_passing() -> None:
    data, model = tiny("classification"), LinearModel(5, 3)
    objective, batch = made(data, objective="replay", clean_share=0), batch_of(data)
    assert isinstance(objective, Replay)
    # Records 2 and 0 of four, on the other strand and as they are.
    some = with_reverse_complements(batch.rows(torch.tensor([2, 0])), torch.tensor([True, False]), DNA)
    first = objective.losses(model, some, 0)
    assert torch.allclose(first, objective.loss(model(one_hot(some.tokens, DNA)), some.targets))
    first.mean().backward()  # type: ignore[no-untyped-call]
    objective.after_backward()
    found = worst_case(objective, model, some, steps=1)
    kept = objective.memory.tokens
    assert torch.equal(kept[[1, 3]], batch.tokens[[1, 3]])
    assert torch.equal(kept[0], found[1])
    assert not torch.equal(kept[0], batch.tokens[0])
    back = with_reverse_complements(some._replace(tokens=found), torch.tensor([True, False]), DNA).tokens
    assert torch.equal(kept[2], back[0])
    again = objective.losses(model, some, 1)
    assert torch.allclose(again, objective.loss(model(one_hot(found, DNA)), some.targets))


def test_a_continued_search_goes_on_where_training_left_it() -> None:
    """Step by step, by best responses to gradients taken here; and it is not the search that begins anew."""
    data = toy("classification", n=40)
    model = small("cnn", data, channels=16, blocks=2, first_kernel=3, kernel=3, hidden=16).eval()
    objective = make_objective(
        data,
        "zeros",
        TrainingSettings(),
        adversarial_settings(objective="continued", budget=3, clean_share=0),
    )
    assert isinstance(objective, Continued)
    batch = RecordDataset(data, objective.settings.threat()).__getitems__(range(40))

    def gradient(tokens: Tensor) -> Tensor:
        encoded = one_hot(tokens, DNA).requires_grad_(True)
        return torch.autograd.grad(objective.loss(model(encoded, batch.lengths), batch.targets).sum(), encoded)[0]

    threat = objective.bound(batch)
    start, anew = batch.tokens, threat.best_response(gradient(batch.tokens)).tokens
    for visit in range(3):
        found = threat.best_response(gradient(start)).tokens
        losses = objective.losses(model, batch, visit)
        assert torch.allclose(losses, objective.loss(model(one_hot(found, DNA), batch.lengths), batch.targets))
        losses.mean().backward()  # type: ignore[no-untyped-call]
        objective.after_backward()
        start = threat.best_response(gradient(found)).tokens
        assert torch.equal(objective.memory.tokens, start)
        assert torch.equal(found, anew) == (visit == 0)


def test_invariance_draws_what_is_neutral_and_its_converse_what_is_not() -> None:
    data = tiny("classification")
    objective = made(data, objective="invariance", budget="100%", converse_weight=1.0, ramp_epochs=3)
    assert isinstance(objective, Invariance)
    threat = objective.settings.threat()
    batch = RecordDataset(data, threat).__getitems__(range(4))
    seen = []
    for seed in range(60):
        torch.manual_seed(seed)
        neutral = random_members(objective.bound_in(batch, 2), forced=False)
        functional = objective.without_function(batch)
        assert torch.equal(neutral[~batch.editable], batch.tokens[~batch.editable])
        # The unknown letter has no function that is known, and padding none at all.
        assert torch.equal(functional[:, 1:], batch.tokens[:, 1:])
        seen.append((neutral, functional[:, 0]))
    assert all(len({int(n[row, 1]) for n, _ in seen}) == 4 for row in (0, 1, 3))
    assert all(len({int(f[row]) for _, f in seen}) == 4 for row in range(4))


def test_invariance_of_a_model_without_a_slope_is_its_loss() -> None:
    """Constant outputs agree with themselves; what they tell is the converse's share."""
    data, model = tiny("classification"), LinearModel(5, 3, 0.0)
    model.set_output_scale(torch.tensor([1.0, 0.0, -2.0]), torch.ones(3))
    objective = made(data, objective="invariance", budget="100%", converse_weight=0.5)
    batch = batch_of(data)
    p = torch.softmax(torch.tensor([1.0, 0.0, -2.0]), 0)
    wanted = -p.log()[batch.targets] + 0.5 * (np.log(3) - entropy(p.numpy()))
    assert torch.allclose(objective.losses(model, batch, 0), wanted, atol=1e-5)


@pytest.mark.parametrize("task", ["binary", "classification", "multilabel", "regression"])
def test_divergences_and_what_outputs_tell(task: Task) -> None:
    data = tiny(task)
    before, after = torch.randn(2, 4, outputs(task), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        record_divergence(data.targets)(before, after), divergence_by_hand(task, before, after, data), atol=1e-6
    )
    known = told(data.targets)
    if task == "regression":
        mean, spread = regression_scale(data.targets)
        wanted = (((before.numpy() - mean) / spread) ** 2).mean(1)
    elif task == "classification":
        wanted = np.log(3) - entropy(torch.softmax(before, 1).numpy(), axis=1)
    else:
        p = torch.sigmoid(before).numpy()
        wanted = (np.log(2) - entropy(np.stack([p, 1 - p]), axis=0)).mean(1)
    assert np.allclose(known(before).numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("task", ["binary", "classification", "multilabel"])
@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_margin_losses(task: Task, weights: Any) -> None:
    data = tiny(task)
    settings = TrainingSettings(classification_loss="margin", class_weights=weights)
    logits = 2 * torch.randn(4, outputs(task), generator=torch.Generator().manual_seed(1))
    targets = torch.tensor(data.targets.values)
    loss = record_loss(data.targets, settings)(logits, targets)
    climbed = climbed_loss(data.targets, settings)
    assert climbed is not None
    rows = logits.tolist()
    for row, target in enumerate(targets.tolist()):
        if task == "classification":
            terms = [(target, 1 - (rows[row][target] - max(z for j, z in enumerate(rows[row]) if j != target)))]
        else:
            signs = target if task == "multilabel" else [target]
            terms = [(sign, 1 - (z if sign else -z)) for z, sign in zip(rows[row], signs, strict=True)]
        weight = [1.0] * len(terms)
        if weights == "balanced":
            plain = record_loss(data.targets, TrainingSettings(class_weights="balanced"))
            even = record_loss(data.targets, TrainingSettings())
            if task == "multilabel":  # half of the records have each label
                weight = [1.0] * len(terms)
            else:
                weight = [(plain(logits, targets) / even(logits, targets))[row].item()]
        flat = np.mean([w * max(0.0, term) for w, (_, term) in zip(weight, terms, strict=True)])
        steep = np.mean([w * term for w, (_, term) in zip(weight, terms, strict=True)])
        assert loss[row].item() == pytest.approx(flat, abs=1e-5)
        assert climbed(logits, targets)[row].item() == pytest.approx(steep, abs=1e-5)
