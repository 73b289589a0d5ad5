"""What any search scores and what reaches the goal has to be in the result, whatever else a model says.

Models of few letters, so that all sequences can be written out, and whatever the model was asked is written down by a
hook. Beside a class that is masked, at any scale, beside a huge output and at ties, the searches must find what
they find without.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from attacks_zoo import DNA
from torch import Tensor, nn

from seqrobust.attacks import (
    ATTACKS,
    PRESETS,
    Goal,
    Problem,
    ShardRun,
    Shift,
    Targeted,
    Untargeted,
    attacks_named,
    run_shard,
)
from seqrobust.attacks.rounding import best_candidates
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets, Task
from seqrobust.threats import Budget, SubstitutionThreat

LENGTH, RECORDS, BUDGETS = 5, 4, (1, 2)


class Whole(nn.Module):
    """Two classes by whole numbers, so that sums are exact and ties are many; and a pair of letters that counts."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randint(-2, 3, (2, 4, LENGTH), generator=generator).float())

    def forward(self, encoded: Tensor) -> Tensor:
        plain = torch.einsum("nkl,okl->no", encoded, self.weight)
        pair = encoded[:, 0, 0] * encoded[:, 1, 1]
        return plain + torch.stack([0 * pair, 3 * pair], dim=1)


class Ordinary(Whole):
    """The same with weights that are not."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        with torch.no_grad():
            self.weight.add_(torch.randn(self.weight.shape, generator=torch.Generator().manual_seed(seed + 1)))


class Beside(nn.Module):
    """A module's outputs, scaled, and one more that is always the same."""

    def __init__(self, inner: nn.Module, *, scale: float = 1.0, more: float | None = None) -> None:
        super().__init__()
        self.inner, self.scale, self.more = inner, scale, more

    def forward(self, encoded: Tensor) -> Tensor:
        out: Tensor = self.scale * self.inner(encoded)
        return out if self.more is None else torch.cat([out, torch.full_like(out[:, :1], self.more)], 1)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "ordinary": Ordinary,
    "whole": Whole,
    "masked by -1e9": lambda: Beside(Ordinary(), more=-1e9),
    "masked by -inf": lambda: Beside(Ordinary(), more=-torch.inf),
    "whole, masked by -inf": lambda: Beside(Whole(), more=-torch.inf),
    "a millionth": lambda: Beside(Ordinary(), scale=1e-6),
    "a million": lambda: Beside(Ordinary(), scale=1e6, more=-1e12),
}


def problem_of(
    module: nn.Module, *, task: Task = "classification", goal: Goal | None = None, targets: Targets | None = None
) -> Problem:
    rng = np.random.default_rng(3)
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(RECORDS)]
    sequences = SequenceSet.from_texts(texts, DNA)
    predictor = Predictor(module, alphabet=DNA, task=task, device="cpu", scale="logits")
    predictor.check(torch.tensor(sequences.tokens))
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=SubstitutionThreat(budget=Budget(1)),
        budgets=tuple(Budget(k) for k in BUDGETS),
        goal=goal or Untargeted(),
        control_draws=0,
    )


def attacked(problem: Problem, *names: str) -> ShardRun:
    with problem.predictor.attached():
        return run_shard(problem, attacks_named(names), np.arange(len(problem.sequences)))


@contextmanager
def overheard(module: nn.Module) -> Iterator[set[str]]:
    """The sequences that the module is asked about; mixtures of sequences are none."""
    asked: set[str] = set()

    def listen(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        for row in inputs[0]:
            if bool(((row == 0) | (row == 1)).all()) and bool((row.sum(0) == 1).all()):
                asked.add("".join("ACGT"[i] for i in row.argmax(0).tolist()))

    handle = module.register_forward_pre_hook(listen)
    try:
        yield asked
    finally:
        handle.remove()


def members(text: str, budget: int) -> list[str]:
    """Every word with at most so many letters changed."""
    return [
        word
        for word in map("".join, itertools.product("ACGT", repeat=LENGTH))
        if sum(a != b for a, b in zip(word, text, strict=True)) <= budget
    ]


def say(module: nn.Module, words: list[str]) -> np.ndarray:
    """(words, outputs) float64 of the bare module."""
    tokens = torch.tensor([["ACGT".index(letter) for letter in word] for word in words])
    with torch.no_grad():
        found: np.ndarray = module(torch.nn.functional.one_hot(tokens, 4).transpose(1, 2).float()).double().numpy()
    return found


def leads(outputs: np.ndarray, answer: int) -> np.ndarray:
    """(words,) whether that class is above all others, by comparison alone."""
    others = np.delete(outputs, answer, axis=1)
    found: np.ndarray = (outputs[:, answer, None] > others).all(1)
    return found


@pytest.mark.parametrize("name", [*ATTACKS, "thorough"])
@pytest.mark.parametrize("model", MODELS)
def test_what_was_scored_and_flips_is_in_the_result(model: str, name: str) -> None:
    module = MODELS[model]()
    problem = problem_of(module)
    with overheard(module) as asked:
        run = attacked(problem, name)
    assert run.attackable.any()
    for row, text in enumerate(problem.sequences.texts):
        target = int(run.targets[row])
        assert bool(run.attackable[row]) == bool(leads(say(module, [text]), target)[0])
        for level, budget in enumerate(BUDGETS):
            inside = members(text, budget)
            seen = [word for word in inside if word in asked]
            flips = bool(run.attackable[row]) and not leads(say(module, seen), target).all()
            assert bool(run.reached[row, level]) == flips, (text, budget)
            found = problem.sequences.texts_with(run.tokens[:, level].numpy())[row]
            assert found in inside
            assert bool(run.reached[row, level]) == (
                bool(run.attackable[row]) and not leads(say(module, [found]), target)[0]
            )


@pytest.mark.parametrize("name", ["exhaustive", "thorough"])
@pytest.mark.parametrize("model", MODELS)
def test_all_that_can_be_flipped_is(model: str, name: str) -> None:
    module = MODELS[model]()
    problem = problem_of(module)
    run = attacked(problem, name)
    for row in torch.nonzero(run.attackable).flatten().tolist():
        for level, budget in enumerate(BUDGETS):
            words = members(problem.sequences.texts[row], budget)
            flips = not leads(say(module, words), int(run.targets[row])).all()
            assert bool(run.reached[row, level]) == flips


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "decision_based"])
@pytest.mark.parametrize("other", [1e12])
def test_another_output_of_a_regression_changes_nothing(name: str, other: float) -> None:
    runs = [
        attacked(problem_of(Beside(Ordinary(), more=more), task="regression", goal=Shift(up=True, delta=1.0)), name)
        for more in (0.0, other)
    ]
    assert torch.equal(runs[0].tokens, runs[1].tokens)
    assert torch.equal(runs[0].reached, runs[1].reached)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_the_scale_of_the_outputs_changes_nothing(name: str, scale: float) -> None:
    """Powers of two, which change no rounding."""
    runs = [attacked(problem_of(Beside(Ordinary(), scale=one)), name) for one in (1.0, scale)]
    assert torch.equal(runs[0].reached, runs[1].reached)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("masked", [-10.0, -1e9, -torch.inf])
def test_a_masked_class_changes_nothing(preset: str, masked: float) -> None:
    alone, beside = (attacked(problem_of(module), preset) for module in (Ordinary(), Beside(Ordinary(), more=masked)))
    assert torch.equal(alone.reached, beside.reached)


class Outlier(nn.Module):
    """One letter makes the record far safer, another makes it fall by a hair."""

    def forward(self, encoded: Tensor) -> Tensor:
        lead = 1e-3 + 1e6 * encoded[:, 0, 0] - 2e-3 * encoded[:, 1, 3]
        return torch.stack([lead, torch.zeros_like(lead)], dim=1)


@pytest.mark.parametrize("name", ["greedy_all", "exhaustive", "beam_all", "exchange_all", "thorough"])
def test_one_far_score_does_not_hide_the_others(name: str) -> None:
    problem = problem_of(Outlier())
    sequences = SequenceSet.from_texts(["CGGGG"], DNA)
    run = attacked(Problem(**{**vars(problem), "sequences": sequences, "budgets": (Budget(1),)}), name)
    assert run.reached.tolist() == [[True]]


class Never(nn.Module):
    """The second of two classes is given where there is an A at the front, and never is elsewhere."""

    def forward(self, encoded: Tensor) -> Tensor:
        other = torch.where(encoded[:, 0, 0] > 0, 2.0, -torch.inf)
        return torch.stack([encoded[:, 1].sum(1), other], dim=1)


@pytest.mark.parametrize("name", [*(name for name, attack in ATTACKS.items() if attack.access == "scores"), "thorough"])
def test_a_class_that_is_never_given_at_first_can_be_reached(name: str) -> None:
    problem = problem_of(Never())
    sequences = SequenceSet.from_texts(["CGGGT"], DNA)
    run = attacked(Problem(**{**vars(problem), "sequences": sequences, "budgets": (Budget(2),)}), name)
    assert not run.objective.isnan().any()
    if name in ("greedy_all", "beam_all", "exhaustive", "thorough", "annealing", "genetic"):
        assert run.reached.all()


class Constant(nn.Module):
    """The same numbers whatever is read."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = torch.tensor(values)

    def forward(self, encoded: Tensor) -> Tensor:
        return self.values.expand(len(encoded), -1) + 0 * encoded.sum((1, 2))[:, None]


@pytest.mark.parametrize(
    ("task", "values"),
    [
        ("binary", (0.0,)),
        ("classification", (1.5, 1.5)),
        ("classification", (-torch.inf, 2.0, 2.0)),
        ("classification", (torch.inf, torch.inf, 0.0)),
        ("multilabel", (0.0, 0.0)),
    ],
)
def test_a_tie_is_right_for_no_class(task: Task, values: tuple[float, ...]) -> None:
    labels = ("0", "1") if task == "binary" else tuple(map(str, range(len(values))))
    codes: np.ndarray = np.arange(RECORDS) % 2
    if task == "multilabel":
        codes = np.stack([codes, 1 - codes], 1).astype(np.float32)
    problem = problem_of(Constant(*values), task=task, targets=Targets(task=task, labels=labels, values=codes))
    run = attacked(problem, "quick")
    assert not run.attackable.any()
    assert not run.reached.any()
    assert not run.objective.isnan().any()


def test_a_tie_with_the_wanted_class_counts_as_reached() -> None:
    class Ties(nn.Module):
        def forward(self, encoded: Tensor) -> Tensor:
            return torch.stack([torch.ones(len(encoded)) + 0 * encoded[:, 0, 0], encoded[:, 0, 0]], dim=1)

    problem = problem_of(Ties(), goal=Targeted(label=1))
    sequences = SequenceSet.from_texts(["CGGGT"], DNA)
    run = attacked(Problem(**{**vars(problem), "sequences": sequences, "budgets": (Budget(1),)}), "exhaustive")
    assert run.reached.tolist() == [[True]]


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize("name", ["greedy_all", "standard", "exhaustive"])
def test_a_wanted_label_is_set_and_never_toggled(name: str, absent: bool) -> None:
    module = Ordinary()
    on = np.array([[1, 0], [0, 1], [0, 0], [1, 1]], np.float32)
    targets = Targets(task="multilabel", labels=("a", "b"), values=on)
    problem = problem_of(module, task="multilabel", goal=Targeted(label=1, absent=absent), targets=targets)
    run = attacked(problem, name)
    said = say(module, list(problem.sequences.texts))[:, 1]
    assert run.attackable.tolist() == [
        bool((z > 0 and truth > 0) if absent else (z < 0 and truth == 0))
        for z, truth in zip(said, on[:, 1], strict=True)
    ]
    for row in torch.nonzero(run.attackable).flatten().tolist():
        for level, budget in enumerate(BUDGETS):
            values = say(module, members(problem.sequences.texts[row], budget))[:, 1]
            possible = bool((values <= 0).any() if absent else (values >= 0).any())
            if name == "exhaustive":
                assert bool(run.reached[row, level]) == possible
            else:
                assert possible or not run.reached[row, level]


def test_best_candidates_go_by_the_rounding_of_the_best() -> None:
    record = torch.zeros(3, dtype=torch.int64)
    scores = torch.tensor([-1e9, 0.5, 0.5 + 1e-7])
    assert best_candidates(record, scores, 1, torch.tensor([1e3, 1e-6, 1e-6])).tolist() == [1]
    assert best_candidates(record, scores, 1).tolist() == [2]
    infinite = torch.tensor([-torch.inf, -torch.inf, torch.inf])
    assert best_candidates(record, infinite, 1, torch.zeros(3)).tolist() == [2]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_gradient_passes_beside_an_infinite_logit(sign: int) -> None:
    logits = torch.tensor([[1.0, -torch.inf]], requires_grad=True)
    goal = (Untargeted() if sign < 0 else Targeted(label=1)).bind("classification", logits.detach(), torch.tensor([0]))
    ways = goal.ways(logits, torch.arange(1))
    best = ways.max()
    assert torch.isfinite(best)
    best.backward()
    assert logits.grad is not None
    assert logits.grad[0, 0].item() == -1
