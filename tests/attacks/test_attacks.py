"""Every attack on every toy model, task and threat: what must hold whatever is found."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from attacks_zoo import DNA, PROTEIN, Linear, SmallCNN, predictor_for, records

from seqrobust.alphabet import Alphabet
from seqrobust.attacks import ATTACKS, Goal, Problem, ShardRun, Shift, Targeted, Untargeted, predictions, run_shard
from seqrobust.attacks.searches.greedy import best_candidates
from seqrobust.attacks.streams import RecordStreams
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Task
from seqrobust.threats import Budget, SubstitutionThreat

BUDGETS = tuple(Budget(k) for k in (0, 1, 2, 4))
THREATS = {
    "any": SubstitutionThreat(budget=Budget(1)),
    "protected": SubstitutionThreat(budget=Budget(1), protect=("core",)),
    "confined": SubstitutionThreat(budget=Budget(1), only=("core",)),
}


def goal_for(task: Task) -> Goal:
    return Shift(up=True, delta=0.5) if task == "regression" else Untargeted()


def problem_for(
    kind: str, task: Task, threat: SubstitutionThreat, *, alphabet: Alphabet = DNA, batch_size: int = 64, n: int = 12
) -> Problem:
    ragged = kind != "linear"
    sequences = records(alphabet, n, 20, ragged=ragged)
    predictor, targets = predictor_for(kind, task, sequences, batch_size=batch_size)
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=threat,
        budgets=BUDGETS,
        goal=goal_for(task),
        seed=3,
        control_draws=3,
    )


def attacked(problem: Problem, *names: str) -> ShardRun:
    with problem.predictor.attached():
        return run_shard(problem, [ATTACKS[name] for name in names], np.arange(len(problem.sequences)))


def check_against_the_text(problem: Problem, run: ShardRun) -> None:
    """Count edits letter by letter on decoded text, and score it again with the bare module."""
    sequences, editable = problem.sequences, problem.threat.editable(problem.sequences)
    for level, budget in enumerate(problem.budgets):
        texts = sequences.texts_with(run.tokens[:, level].numpy())
        for row, (before, after) in enumerate(zip(sequences.texts, texts, strict=True)):
            edits = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
            assert len(edits) <= budget.amount
            assert all(editable[row, i] and after[i] in sequences.alphabet.letters for i in edits)
            if not run.attackable[row]:
                assert not edits
        found = SequenceSet.from_texts(texts, sequences.alphabet)
        module = problem.predictor.module.eval()
        for row in range(len(found)):
            tokens = torch.tensor(found.tokens[row : row + 1, : int(found.lengths[row])])
            assert torch.allclose(module(problem.predictor.encode(tokens))[0], run.logits[row, level], atol=1e-4)


TASKS: tuple[Task, ...] = ("binary", "classification", "multilabel", "regression")
CHEAP = ("random", "one_step", "discrete_pgd", "frank_wolfe", "greedy")
"""Attacks that every case is tried on; of the others, which ask more or have tests of their own, one case in seven."""


def usual(name: str, kind: str, *more: str) -> Any:
    """A case; a slow one where an attack that asks much meets a network that answers slowly."""
    slow = kind == "gru" and name not in CHEAP
    return pytest.param(name, kind, *more, marks=pytest.mark.slow if slow else ())


CASES = [
    usual(*case)
    for number, case in enumerate(itertools.product(ATTACKS, ("linear", "cnn", "gru"), TASKS, THREATS))
    if case[0] in CHEAP or number % 7 == 0
]


@pytest.mark.parametrize(("name", "kind", "task", "threat"), CASES)
def test_attack_stays_inside_and_never_gets_worse(name: str, kind: str, task: Task, threat: str) -> None:
    problem = problem_for(kind, task, THREATS[threat], n=8)
    run = attacked(problem, name)
    check_against_the_text(problem, run)
    bound = problem.goal.bind(task, run.clean, run.targets)
    rows = torch.arange(len(problem.sequences))
    objective = torch.stack([bound.objective(run.logits[:, i], rows) for i in range(len(BUDGETS))], dim=1)
    assert (objective.diff(dim=1) >= -1e-5).all()
    assert (run.reached.int().diff(dim=1) >= 0).all()
    assert (run.forwards.diff(dim=1) >= 0).all()
    assert not run.reached[~run.attackable].any()
    assert not run.reached[:, 0].any()


@pytest.mark.parametrize(("name", "kind"), [usual(*case) for case in itertools.product(ATTACKS, ("cnn", "gru"))])
def test_protein(name: str, kind: str) -> None:
    problem = problem_for(kind, "classification", THREATS["protected"], alphabet=PROTEIN, n=8)
    check_against_the_text(problem, attacked(problem, name))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_one_step_is_exact_on_a_linear_model(task: Task) -> None:
    """Against brute force over every sequence of length 5 with at most two edits."""
    sequences = SequenceSet.from_texts(["ACGTA", "GGNTC", "TTTTT"], DNA)
    predictor, targets = predictor_for("linear", task, sequences, outputs=1)
    if task == "binary":
        targets = replace(targets, values=predictions(task, _clean(predictor, sequences)).numpy())
    # A goal out of reach keeps every record in the search, so that the objective itself can be compared.
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=THREATS["any"],
        budgets=(Budget(2),),
        goal=goal_for(task),
        control_draws=1,
    )
    run = attacked(problem, "one_step")
    rows = torch.arange(3)
    goal = problem.goal.bind(task, run.clean, run.targets)
    found = goal.objective(run.logits[:, 0], rows)
    for row, text in enumerate(sequences.texts):
        words = [
            "".join(word)
            for word in itertools.product("ACGTN", repeat=5)
            if sum(a != b for a, b in zip(word, text, strict=True)) <= 2
            and all(b == "N" if a == "N" else b != "N" for a, b in zip(text, word, strict=True))
        ]
        tokens = torch.tensor(SequenceSet.from_texts(words, DNA).tokens)
        values = goal.objective(predictor.module(predictor.encode(tokens)), torch.full((len(words),), row))
        assert found[row].item() == pytest.approx(values.max().item(), abs=1e-4)


def _clean(predictor: Predictor, sequences: SequenceSet) -> torch.Tensor:
    with predictor.attached():
        return predictor.logits(torch.tensor(sequences.tokens))


def test_greedy_over_all_edits_finds_the_best_single_edit() -> None:
    problem = replace(problem_for("cnn", "regression", THREATS["any"]), budgets=(Budget(1),))
    from seqrobust.attacks import Greedy

    with problem.predictor.attached():
        run = run_shard(problem, [Greedy(top=1000)], np.arange(4))
    sequences = problem.sequences
    for row in range(4):
        text = sequences.texts[row]
        words = [text[:i] + letter + text[i + 1 :] for i in range(len(text)) for letter in "ACGT" if text[i] in "ACGT"]
        tokens = torch.tensor(SequenceSet.from_texts(words, DNA).tokens)
        values = problem.predictor.module.eval()(problem.predictor.encode(tokens))[:, 0]
        assert run.logits[row, 0, 0].item() == pytest.approx(values.max().item(), abs=1e-5)


@pytest.mark.parametrize("kind", ["cnn", "gru"])
def test_results_do_not_depend_on_batch_size_or_neighbours(kind: str) -> None:
    names = (*CHEAP, "beam", "exchange", "exchange_scan", "genetic") if kind == "cnn" else (*CHEAP, "exchange")
    small, large = (
        attacked(problem_for(kind, "classification", THREATS["any"], batch_size=size, n=40), *names)
        for size in (16, 256)
    )
    for field in ("tokens", "logits", "clean", "control", "attack"):
        assert torch.equal(getattr(small, field).nan_to_num(), getattr(large, field).nan_to_num()), field
    problem = problem_for(kind, "classification", THREATS["any"], n=40)
    with problem.predictor.attached():
        part = run_shard(problem, [ATTACKS[name] for name in names], np.array([31, 5, 17]))
    for field in ("tokens", "logits", "control"):
        assert torch.equal(getattr(part, field).nan_to_num(), getattr(large, field)[[31, 5, 17]].nan_to_num()), field


@pytest.mark.parametrize("width", [1, 3, 11])
def test_outputs_are_the_same_bits_in_every_batch(width: int) -> None:
    """Convolutions of width one were once computed otherwise in batches of eight."""
    torch.manual_seed(0)
    layers = [torch.nn.Conv1d(4, 32, width, padding=width // 2), torch.nn.ReLU(), torch.nn.Conv1d(32, 3, 1)]
    module = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool1d(1), torch.nn.Flatten())
    tokens = torch.randint(0, 4, (90, 60), dtype=torch.uint8)
    outputs = []
    for size in (16, 30, 48, 256, 1, 7, 8):
        predictor = Predictor(module, alphabet=DNA, task="classification", device="cpu", batch_size=size)
        predictor.check(tokens)
        with predictor.attached():
            outputs.append(predictor.logits(tokens))
    assert all(torch.equal(outputs[0], other) for other in outputs[1:4])
    # Smaller batches than kernels like are kept to where they are asked for, whatever they round to.
    for other in outputs[4:]:
        torch.testing.assert_close(other, outputs[0], rtol=0, atol=1e-6)


def test_the_module_comes_back_as_it_was() -> None:
    problem = problem_for("cnn", "classification", THREATS["any"])
    module = problem.predictor.module
    module.train()
    module.features[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    attacked(problem, "one_step", "greedy")
    assert module.training
    assert module.features[0].training
    assert not module.features[1].training
    assert all(weight.requires_grad for weight in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(weight.grad is None for weight in module.parameters())


def test_targeted_reaches_the_class_and_skips_its_members() -> None:
    problem = replace(problem_for("cnn", "classification", THREATS["any"], n=30), goal=Targeted(label=1))
    run = attacked(problem, "greedy")
    assert (predictions("classification", run.logits.flatten(0, 1)).reshape(30, -1)[run.reached] == 1).all()
    assert not run.attackable[run.targets == 1].any()


def test_targeted_multilabel_flips_that_label() -> None:
    problem = replace(problem_for("cnn", "multilabel", THREATS["any"], n=30), goal=Targeted(label=2))
    run = attacked(problem, "greedy")
    flipped = (run.logits[:, :, 2] > 0) != (run.targets[:, None, 2] > 0)
    assert torch.equal(flipped & run.attackable[:, None], run.reached)
    assert run.reached.any()


def test_downward_shift_lowers() -> None:
    problem = replace(problem_for("cnn", "regression", THREATS["any"]), goal=Shift(up=False, delta=0.1, output=1))
    run = attacked(problem, "discrete_pgd")
    assert (run.logits[:, -1, 1] <= run.clean[:, 1] + 1e-6).all()
    assert torch.equal(run.reached[:, -1], run.clean[:, 1] - run.logits[:, -1, 1] >= 0.1)


def test_without_targets_the_clean_prediction_is_the_truth() -> None:
    problem = replace(problem_for("cnn", "classification", THREATS["any"]), targets=None)
    run = attacked(problem, "one_step")
    assert run.attackable.all()
    assert torch.equal(run.targets, run.clean.argmax(1))


def test_everything_protected_changes_nothing() -> None:
    problem = problem_for("cnn", "classification", THREATS["any"])
    whole = [[*problem.sequences.regions.of(row)] for row in range(12)]
    covered = SequenceSet.from_texts(
        problem.sequences.texts,
        DNA,
        regions=[
            [region._replace(name="all", start=0, end=len(text))]
            for (region,), text in zip(whole, problem.sequences.texts, strict=True)
        ],
    )
    run = attacked(
        replace(problem, sequences=covered, threat=SubstitutionThreat(budget=Budget(1), protect=("all",))), *ATTACKS
    )
    assert not run.reached.any()
    assert (run.tokens == torch.tensor(covered.tokens)[:, None]).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_that_is_not_finite_is_refused(value: float) -> None:
    problem = problem_for("cnn", "classification", THREATS["any"])
    module = problem.predictor.module
    with torch.no_grad():
        module.head[2].bias.fill_(value)
    with pytest.raises(ModelError, match="no number"):
        attacked(problem, "one_step")


def test_goals_refuse_the_wrong_task() -> None:
    with pytest.raises(ConfigError, match="no wrong class"):
        attacked(replace(problem_for("cnn", "regression", THREATS["any"]), goal=Untargeted()), "one_step")
    with pytest.raises(ConfigError, match="goal for regression"):
        attacked(replace(problem_for("cnn", "binary", THREATS["any"]), goal=Shift(up=True, delta=1)), "one_step")


def test_a_tie_is_reported_as_the_prediction_has_it() -> None:
    """Two equal logits: the prediction is the first of them, and success says whether that changed."""
    model = Linear(4, 6, 2)
    with torch.no_grad():
        model.weight.zero_()
        model.weight[1, 0, 2] = 1
    sequences = SequenceSet.from_texts(["CCACCC"], DNA)
    predictor = Predictor(model, alphabet=DNA, task="classification", device="cpu", scale="logits")
    predictor.check(torch.tensor(sequences.tokens))
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=None,
        threat=THREATS["any"],
        budgets=(Budget(1),),
        goal=Untargeted(),
        control_draws=1,
    )
    run = attacked(problem, "greedy")
    assert run.clean.argmax(1).tolist() == [1]
    assert run.logits[0, 0].tolist() == [0.0, 0.0]
    assert run.reached.tolist() == [[True]]


def test_random_control_is_the_rate_of_single_draws() -> None:
    """On a model that reads one position, a draw of k edits among L positions hits it with probability k / L."""
    model = Linear(4, 10, 1)
    with torch.no_grad():
        model.weight.zero_()
        model.weight[0, 0, 4] = 1
        model.bias.fill_(-0.5)
    sequences = SequenceSet.from_texts(["C" * 4 + "A" + "C" * 5] * 100, DNA)
    predictor = Predictor(model, alphabet=DNA, task="binary", device="cpu", scale="logits")
    predictor.check(torch.tensor(sequences.tokens[:2]))
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=None,
        threat=THREATS["any"],
        budgets=(Budget(3),),
        goal=Untargeted(),
        control_draws=40,
    )
    rate = attacked(problem, "random").control_reached.float().mean().item()
    assert rate == pytest.approx(0.3, abs=0.03)


def test_streams_belong_to_their_record() -> None:
    whole = RecordStreams(1, ["a", "b", "c"], "x").uniforms(5)
    assert torch.equal(RecordStreams(1, ["c"], "x").uniforms(5)[0], whole[2])
    assert not torch.equal(RecordStreams(1, ["a"], "y").uniforms(5)[0], whole[0])
    assert not torch.equal(RecordStreams(2, ["a"], "x").uniforms(5)[0], whole[0])


def test_best_candidates_takes_the_first_of_equals() -> None:
    record = torch.tensor([2, 0, 0, 2, 0])
    scores = torch.tensor([1.0, 3.0, 5.0, 1.0, 5.0])
    assert best_candidates(record, scores, 4).tolist() == [2, -1, 0, -1]


def test_dropout_is_off_during_an_attack() -> None:
    problem = problem_for("cnn", "classification", THREATS["any"])
    assert isinstance(problem.predictor.module, SmallCNN)
    problem.predictor.module.train()
    first, second = attacked(problem, "discrete_pgd"), attacked(problem, "discrete_pgd")
    assert torch.equal(first.logits, second.logits)
