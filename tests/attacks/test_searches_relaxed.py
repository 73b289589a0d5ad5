"""Searches on relaxed sequences: what they score are members, the same in every batch, the best where it is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from attacks_zoo import DNA, PROTEIN, predictor_for, records
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.attacks import Attack, Problem, ShardRun, Shift, Untargeted, run_shard
from seqrobust.attacks.search import Access, Answer, AskGradient, AskScores, AskSequences, Search, View
from seqrobust.attacks.searches.gumbel import GumbelSoftmax
from seqrobust.attacks.searches.one_step import OneStep
from seqrobust.attacks.searches.random_substitutions import RandomSubstitutions
from seqrobust.attacks.searches.relaxed_pgd import RelaxedPGD, best_corner, random_corner
from seqrobust.attacks.streams import RecordStreams
from seqrobust.attacks.variation import Variation
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet, Task
from seqrobust.threats import BoundThreat, Budget, SubstitutionThreat

QUICK: dict[str, Attack] = {"relaxed_pgd": RelaxedPGD(steps=4, roundings=3), "gumbel": GumbelSoftmax(steps=5)}
COUNTS = {"relaxed_pgd": (4 + 3, 4), "gumbel": (1, 5)}
"""Forwards and gradients of those."""


class Checked:
    """An attack that is watched: every sequence it asks about is a member."""

    def __init__(self, attack: Attack) -> None:
        self.attack, self.sequences = attack, 0

    @property
    def name(self) -> str:
        return self.attack.name

    @property
    def access(self) -> Access:
        return self.attack.access

    def search(self, view: View) -> Search:
        search = self.attack.search(view)
        answer: Answer | None = None
        while True:
            try:
                question = next(search) if answer is None else search.send(answer)
            except StopIteration:
                return
            if isinstance(question, AskGradient) and question.points.dtype == torch.uint8:
                self._check(view.threat, question.points)
            elif isinstance(question, AskScores):
                self._check(view.threat, question.tokens)
            elif isinstance(question, AskSequences):
                self._check(view.threat.take(question.record), question.tokens)
            answer = yield question

    def _check(self, threat: BoundThreat, tokens: Tensor) -> None:
        assert threat.contains(tokens).all()
        self.sequences += len(tokens)


def problem_for(
    kind: str, task: Task, threat: SubstitutionThreat, *, alphabet: Alphabet = DNA, n: int = 8, batch_size: int = 64
) -> Problem:
    sequences = records(alphabet, n, 20, ragged=kind != "linear")
    predictor, targets = predictor_for(kind, task, sequences, batch_size=batch_size)
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=threat,
        budgets=(Budget(0), Budget(1), Budget(3), Budget(40)),
        goal=Shift(up=True, delta=1e6) if task == "regression" else Untargeted(),
        seed=3,
        control_draws=1,
        search_on=True,
    )


def attacked(problem: Problem, attack: Attack, rows: list[int] | None = None) -> ShardRun:
    chosen = np.arange(len(problem.sequences)) if rows is None else np.array(rows)
    with problem.predictor.attached():
        return run_shard(problem, [attack], chosen, scores=NeighbourScores(problem.predictor, way="plain"))


def cost_table(folder: Path) -> str:
    path = folder / "costs.tsv"
    path.write_text("\tA\tC\tG\tT\nA\t0\t1\t2.5\t0\nC\t1\t0\t0\t1\nG\t3\t1\t0\t1.5\nT\t0\t2\t1\t0\n")
    return str(path)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("kind", ["cnn", "gru"])
@pytest.mark.parametrize("where", ["any", "protected", "confined", "transitions", "costs"])
def test_every_sequence_that_is_scored_is_a_member(name: str, kind: str, where: str, tmp_path: Path) -> None:
    threats = {
        "any": SubstitutionThreat(budget=Budget(1)),
        "protected": SubstitutionThreat(budget=Budget(1), protect=("core",)),
        "confined": SubstitutionThreat(budget=Budget(1), only=("core",)),
        "transitions": SubstitutionThreat(budget=Budget(1), letters="transitions"),
        "costs": SubstitutionThreat(budget=Budget(1), letters=cost_table(tmp_path)),
    }
    watched = Checked(QUICK[name])
    problem = problem_for(kind, "classification", threats[where])
    run = attacked(problem, watched)
    assert watched.sequences
    changed = (run.tokens.numpy() != problem.sequences.tokens[:, None]).any(1)
    assert not changed[~problem.threat.editable(problem.sequences)].any()


@pytest.mark.parametrize("name", QUICK)
def test_proteins_and_shares_of_the_length(name: str) -> None:
    problem = problem_for("cnn", "binary", SubstitutionThreat(budget=Budget(1)), alphabet=PROTEIN, n=4)
    problem = replace(problem, budgets=(Budget(10, percent=True), Budget(100, percent=True)))
    run = attacked(problem, Checked(QUICK[name]))
    unknown = problem.sequences.tokens >= PROTEIN.size
    assert (run.tokens.numpy() == problem.sequences.tokens[:, None])[np.repeat(unknown[:, None], 2, axis=1)].all()


@pytest.mark.parametrize("name", QUICK)
def test_nothing_to_change(name: str) -> None:
    sequences = SequenceSet.from_texts(["NNNNNN", "NNNN"], DNA)
    predictor, _ = predictor_for("cnn", "classification", sequences)
    problem = problem_for("cnn", "classification", SubstitutionThreat(budget=Budget(1)))
    run = attacked(replace(problem, predictor=predictor, sequences=sequences, targets=None), QUICK[name])
    assert (run.tokens == torch.tensor(sequences.tokens)[:, None]).all()


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("kind", ["cnn", "gru"])
def test_results_do_not_depend_on_batches_or_other_records(name: str, kind: str) -> None:
    threat = SubstitutionThreat(budget=Budget(1))
    large, narrow = (problem_for(kind, "classification", threat, n=24, batch_size=size) for size in (256, 16))
    whole, small = attacked(large, QUICK[name]), attacked(narrow, QUICK[name])
    part = attacked(large, QUICK[name], rows=[17, 3, 11])
    for field in ("tokens", "logits"):
        assert torch.equal(getattr(whole, field), getattr(small, field)), field
        assert torch.equal(getattr(whole, field)[[17, 3, 11]], getattr(part, field)), field


@pytest.mark.parametrize("name", QUICK)
def test_questions_are_what_is_said(name: str) -> None:
    problem = problem_for("cnn", "regression", SubstitutionThreat(budget=Budget(1)))
    run = attacked(replace(problem, budgets=(Budget(2),)), QUICK[name])
    forwards, gradients = COUNTS[name]
    assert (run.forwards == forwards + 1).all()
    assert (run.gradients == gradients).all()


def test_relaxed_steps_are_exact_on_a_linear_model() -> None:
    """Where the gradient is constant, long steps end at the corner that one step finds."""
    problem = problem_for("linear", "regression", SubstitutionThreat(budget=Budget(1)))
    run = attacked(problem, RelaxedPGD(steps=30))
    assert torch.allclose(run.logits[:, :3, 0], attacked(problem, OneStep()).logits[:, :3, 0], atol=1e-4)


@pytest.mark.parametrize("attack", [RelaxedPGD(), GumbelSoftmax()], ids=lambda attack: str(attack.name))
def test_better_than_as_many_random_draws(attack: Attack) -> None:
    problem = replace(
        problem_for("cnn", "regression", SubstitutionThreat(budget=Budget(1)), n=20), budgets=(Budget(3),)
    )
    gained = attacked(problem, attack).logits[:, 0, 0]
    assert (gained - attacked(problem, RandomSubstitutions(draws=60)).logits[:, 0, 0]).mean() > 0.02


def test_corners_follow_the_mass() -> None:
    """One column of three quarters of mass, one of a quarter: how often draws of one edit pick each."""
    sequences = SequenceSet.from_texts(["ACGTAC"], DNA)
    threat = SubstitutionThreat(budget=Budget(1)).bind(sequences)
    point = threat.clean.double()
    point[0, :, 1] = torch.tensor([0.0, 0.25, 0.75, 0.0])
    point[0, :, 4] = torch.tensor([0.75, 0.05, 0.05, 0.15])
    assert torch.nonzero(threat.edited(best_corner(threat, point))[0]).flatten().tolist() == [1]
    variation, streams = Variation(threat), RecordStreams(0, sequences.ids, "test")
    drawn = torch.cat([random_corner(variation, point, streams.uniforms(12)) for _ in range(2000)])
    assert threat.take(torch.zeros(2000, dtype=torch.int64)).contains(drawn).all()
    share = (drawn != threat.tokens).double().mean(0)
    assert share.tolist() == pytest.approx([0, 0.75, 0, 0, 0.25, 0], abs=0.04)
    letters = torch.bincount(drawn[drawn[:, 4] != threat.tokens[0, 4], 4].long(), minlength=4)
    assert (letters / letters.sum()).tolist() == pytest.approx([0, 0.2, 0.2, 0.6], abs=0.08)
