"""Searches that see scores or labels only: membership, query counts, determinism, nearness to the optimum."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from attacks_zoo import DNA, PROTEIN, predictor_for, records
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.attacks import Attack, Problem, ShardRun, Shift, Untargeted, run_shard
from seqrobust.attacks.search import Access, Answer, AskDecisions, AskSequences, Search, View
from seqrobust.attacks.searches.annealing import Annealing
from seqrobust.attacks.searches.block_search import BlockSearch, _Knowledge
from seqrobust.attacks.searches.decision_based import DecisionBased
from seqrobust.attacks.searches.genetic import Genetic, cross
from seqrobust.attacks.searches.one_step import OneStep
from seqrobust.attacks.searches.random_substitutions import RandomSubstitutions
from seqrobust.attacks.streams import RecordStreams
from seqrobust.attacks.variation import Variation, owners, pick
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet, Task
from seqrobust.threats import BoundThreat, Budget, SubstitutionThreat

QUICK: dict[str, Attack] = {
    "genetic": Genetic(population=8, generations=4, elite=2),
    "annealing": Annealing(chains=3, steps=6),
    "block_search": BlockSearch(queries=21, first=0.4, batch=5),
    "decision_based": DecisionBased(queries=25),
}
QUERIES = {"genetic": 8 + 4 * 6, "annealing": 3 * 7, "block_search": 21, "decision_based": 25}
THOROUGH: dict[str, Attack] = {
    "genetic": Genetic(population=30, generations=12, elite=3),
    "annealing": Annealing(chains=6, steps=60),
    "block_search": BlockSearch(queries=150),
}
OUTSIDE = {"decision_based"}
"""Those that may ask about sequences beyond their threat."""
RULES = ("any", "transitions", "costs")
COSTS = np.array([[0, 1, 2.5, 0], [1, 0, 0, 1], [3, 1, 0, 1.5], [0, 2, 1, 0]])
"""Units per switch, 0 for one that is forbidden."""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """An attack whose questions and answers are kept."""

    attack: Attack
    asked: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)
    threats: list[BoundThreat] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.attack.name

    @property
    def access(self) -> Access:
        return self.attack.access

    def search(self, view: View) -> Search:
        self.threats.append(view.threat)
        search = self.attack.search(view)
        answer: Answer | None = None
        while True:
            try:
                question = next(search) if answer is None else search.send(answer)
            except StopIteration:
                return
            answer = yield question
            assert isinstance(question, AskSequences | AskDecisions)
            assert isinstance(question, AskDecisions) == (self.access == "labels")
            self.asked.append((question.record.clone(), question.tokens.clone(), answer.value.clone()))


@pytest.fixture
def rule(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param != "costs":
        return str(request.param)
    path = tmp_path / "costs.tsv"
    rows = ["\t".join(["", *"ACGT"])]
    rows += ["\t".join([letter, *map(str, row)]) for letter, row in zip("ACGT", COSTS, strict=True)]
    path.write_text("\n".join(rows) + "\n")
    return str(path)


def problem_for(
    kind: str,
    task: Task,
    *,
    letters: str = "any",
    alphabet: Alphabet = DNA,
    n: int = 8,
    length: int = 20,
    batch_size: int = 64,
    **changes: object,
) -> Problem:
    sequences = records(alphabet, n, length, ragged=kind != "linear")
    predictor, targets = predictor_for(kind, task, sequences, batch_size=batch_size)
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=SubstitutionThreat(budget=Budget(1), letters=letters),
        budgets=(Budget(0), Budget(1), Budget(3)),
        # Out of reach, so that every record stays in the search.
        goal=Shift(up=True, delta=1e6) if task == "regression" else Untargeted(),
        seed=3,
        control_draws=1,
    )
    return replace(problem, **changes)  # type: ignore[arg-type]


def attacked(problem: Problem, *attacks: Attack, rows: list[int] | None = None) -> ShardRun:
    chosen = np.arange(len(problem.sequences)) if rows is None else np.array(rows)
    with problem.predictor.attached():
        return run_shard(problem, attacks, chosen, scores=NeighbourScores(problem.predictor, way="plain"))


def spent_by_hand(before: str, after: str, rule: str) -> float:
    """What the edits between two texts cost by the table above; infinite for a forbidden one."""
    if rule == "any":
        return sum(a != b if "N" not in (a, b) or a == b else np.inf for a, b in zip(before, after, strict=True))
    total = 0.0
    for a, b in zip(before, after, strict=True):
        if a == b:
            continue
        if rule == "transitions":
            total += 1 if {a, b} in ({"A", "G"}, {"C", "T"}) else np.inf
        else:
            cost = COSTS["ACGT".index(a), "ACGT".index(b)] if a in "ACGT" and b in "ACGT" else 0
            total += cost or np.inf
    return total


@pytest.mark.parametrize(
    ("kind", "rule"), [("cnn", "any"), ("cnn", "transitions"), ("cnn", "costs"), ("gru", "costs")], indirect=["rule"]
)
@pytest.mark.parametrize("name", QUICK)
def test_every_question_lies_inside_and_costs_what_the_table_says(name: str, kind: str, rule: str) -> None:
    watched = Watched(attack=QUICK[name])
    problem = problem_for(kind, "classification", letters=rule, search_on=True)
    run = attacked(problem, watched)
    if name not in OUTSIDE:
        largest = watched.threats[-1]
        assert all(largest.take(record).contains(tokens).all() for record, tokens, _ in watched.asked)
    word = rule if rule in RULES else "costs"
    for level, budget in enumerate(problem.budgets):
        texts = problem.sequences.texts_with(run.tokens[:, level].numpy())
        costs = [spent_by_hand(a, b, word) for a, b in zip(problem.sequences.texts, texts, strict=True)]
        assert max(costs) <= budget.amount


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("where", ["protect", "only"])
def test_regions_and_shares_of_the_length(name: str, where: str) -> None:
    threat = SubstitutionThreat(budget=Budget(1), **{where: ("core",)})  # type: ignore[arg-type]
    budgets = (Budget(10, percent=True), Budget(40, percent=True), Budget(100, percent=True))
    problem = problem_for("cnn", "multilabel", threat=threat, budgets=budgets, search_on=True)
    run = attacked(problem, QUICK[name])
    editable = threat.editable(problem.sequences)
    for level, budget in enumerate(budgets):
        changed = run.tokens[:, level].numpy() != problem.sequences.tokens
        assert not changed[~editable].any()
        assert (changed.sum(1) <= np.floor(editable.sum(1) * budget.amount / 100 + 1e-9)).all()
    assert (run.tokens[:, -1].numpy() != problem.sequences.tokens).any()


@pytest.mark.parametrize("name", QUICK)
def test_more_budget_than_positions_and_proteins(name: str) -> None:
    problem = problem_for("cnn", "binary", n=4, alphabet=PROTEIN, budgets=(Budget(1), Budget(500)), search_on=True)
    watched = Watched(attack=QUICK[name])
    run = attacked(problem, watched)
    unknown = torch.tensor(problem.sequences.tokens) >= PROTEIN.size
    assert torch.equal(run.tokens[:, 1][unknown], torch.tensor(problem.sequences.tokens)[unknown])
    assert (run.tokens[:, 1] < PROTEIN.size)[~unknown].all()


@pytest.mark.parametrize("name", QUICK)
def test_nothing_to_change(name: str) -> None:
    sequences = SequenceSet.from_texts(["NNNNNN", "NNNN", "ACGTAA"], DNA)
    predictor, _ = predictor_for("cnn", "classification", sequences)
    for budget in (0, 2):
        problem = problem_for("cnn", "classification", budgets=(Budget(budget),), search_on=True)
        problem = replace(problem, predictor=predictor, sequences=sequences, targets=None)
        run = attacked(problem, QUICK[name])
        assert torch.equal(run.tokens[:2, 0], torch.tensor(sequences.tokens)[:2])
        if not budget:
            assert torch.equal(run.tokens[:, 0], torch.tensor(sequences.tokens))


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("kind", ["cnn", "gru"])
def test_results_do_not_depend_on_batches_or_other_records(name: str, kind: str) -> None:
    budgets = (Budget(1), Budget(15, percent=True))
    large, narrow = (problem_for(kind, "classification", n=24, budgets=budgets, batch_size=size) for size in (256, 16))
    whole, small = attacked(large, QUICK[name]), attacked(narrow, QUICK[name])
    chosen = [17, 3, 11]
    part = attacked(large, QUICK[name], rows=chosen)
    for field_ in ("tokens", "logits", "forwards"):
        assert torch.equal(getattr(whole, field_), getattr(small, field_)), field_
        assert torch.equal(getattr(whole, field_)[chosen], getattr(part, field_)), field_


@pytest.mark.parametrize("name", QUICK)
def test_queries_are_what_is_said(name: str) -> None:
    problem = problem_for("cnn", "regression", budgets=(Budget(2),))
    forwards = attacked(problem, QUICK[name]).forwards[:, 0] - 1
    assert (forwards == QUERIES[name]).all()


def best_by_hand(problem: Problem, budget: int) -> Tensor:
    """(n,) the largest first output over every member, by enumeration."""
    best = []
    for text in problem.sequences.texts:
        words = set()
        for places in itertools.combinations([i for i, a in enumerate(text) if a != "N"], budget):
            for letters in itertools.product("ACGT", repeat=budget):
                word = list(text)
                for place, letter in zip(places, letters, strict=True):
                    word[place] = letter
                words.add("".join(word))
        tokens = torch.tensor(SequenceSet.from_texts(sorted(words), DNA).tokens)
        with torch.no_grad():
            best.append(problem.predictor.module.eval()(problem.predictor.encode(tokens))[:, 0].max())
    return torch.stack(best)


@pytest.mark.parametrize("name", THOROUGH)
def test_the_optimum_of_a_small_linear_model_is_found(name: str) -> None:
    problem = problem_for("linear", "regression", n=6, length=8, budgets=(Budget(2),))
    run = attacked(problem, THOROUGH[name])
    assert run.logits[:, 0, 0] == pytest.approx(best_by_hand(problem, 2), abs=1e-4)


@pytest.mark.parametrize("name", THOROUGH)
def test_most_of_the_optimum_of_a_small_network_is_found(name: str) -> None:
    problem = problem_for("cnn", "regression", n=5, length=14, budgets=(Budget(2),))
    run = attacked(problem, THOROUGH[name])
    share = (run.logits[:, 0, 0] - run.clean[:, 0]) / (best_by_hand(problem, 2) - run.clean[:, 0])
    assert (share <= 1 + 1e-4).all()
    assert share.mean() > 0.93


def bound(letters: str = "any", budget: Budget | None = None) -> tuple[BoundThreat, Callable[[int], Tensor]]:
    sequences = records(DNA, 6, 15, ragged=True)
    threat = SubstitutionThreat(budget=budget or Budget(3), letters=letters).bind(sequences)
    streams = RecordStreams(0, sequences.ids, "test")
    return threat, streams.uniforms


def test_pick_is_uniform_among_the_true_columns() -> None:
    mask = torch.tensor([[False, True, True, False, True], [False] * 5])
    uniforms = (torch.arange(999) + 0.5) / 999
    drawn = pick(mask[:1].expand(999, 5), uniforms)
    assert torch.bincount(drawn, minlength=5).tolist() == [0, 333, 333, 0, 333]
    assert pick(mask, torch.tensor([0.999999, 0.5])).tolist() == [4, -1]


@pytest.mark.parametrize("rule", RULES, indirect=True)
@pytest.mark.parametrize("budget", [Budget(0), Budget(4), Budget(35, percent=True), Budget(99)], ids=str)
def test_every_random_edit_stays_inside(rule: str, budget: Budget) -> None:
    threat, uniforms = bound(rule, budget)
    variation = Variation(threat)
    owner = owners(6, 5, threat.tokens.device)
    width = threat.tokens.shape[1]
    members = torch.stack([variation.scatter(uniforms(2 * width)) for _ in range(5)], dim=1).flatten(0, 1)
    sets = threat.take(owner)
    assert torch.equal(sets.budget - sets.spent(members), variation.left(owner, members))
    for _ in range(10):
        draws = uniforms(5 * 7).reshape(30, 7)
        exchanged = variation.exchange(owner, members, draws)
        relabelled = variation.relabel(owner, members, draws[:, :2])
        child = cross(variation, owner, exchanged, relabelled, torch.rand(30, width, dtype=torch.float64))
        for tokens in (members, exchanged, relabelled, child):
            assert sets.contains(tokens).all()
        assert torch.equal(sets.edited(relabelled), sets.edited(members))
        both = exchanged == relabelled
        assert (child == exchanged)[both].all()
        members = child
    if rule == "any":
        full = torch.minimum(sets.budget, sets.permitted.any(1).sum(1))
        assert torch.equal(sets.spent(members), full)


def test_labels_are_all_that_is_seen_and_enough_for_a_large_budget() -> None:
    watched = Watched(attack=DecisionBased(queries=120))
    problem = problem_for("linear", "classification", budgets=(Budget(3),), n=16, search_on=True)
    run = attacked(problem, watched)
    values = torch.cat([value for _, _, value in watched.asked])
    assert set(values.tolist()) == {0.0, 1.0}
    rate = run.reached[run.attackable, 0].double().mean().item()
    # A single random sequence of three edits, to compare with.
    assert rate > run.control_reached[run.attackable].double().mean().item() + 0.2


@dataclass(frozen=True)
class _Motif:
    """Labels of a rule: the goal is reached where all of three positions are changed."""

    places: tuple[int, ...] = (3, 8, 9)

    def answer(self, threat: BoundThreat, question: AskDecisions) -> Answer:
        reached = threat.edited(question.tokens)[:, list(self.places)].all(1).float()
        return Answer(reached, reached.new_zeros(len(reached), 0))


def test_the_walk_ends_at_the_edits_that_matter() -> None:
    """Where three changes are both needed and enough, everything else is taken back."""
    text = "ACGTTGCAACGTACGTACCA"
    sequences = SequenceSet.from_texts([text], DNA)
    threat = SubstitutionThreat(budget=Budget(3)).bind(sequences)
    streams = RecordStreams(0, sequences.ids, "test")
    seen: list[Tensor] = []
    view = View(
        threat=threat,
        start=threat.tokens,
        best=lambda: pytest.fail("a search of labels has no need of scores"),
        ways=torch.zeros(1, 1),
        encode=lambda tokens: tokens,
        uniforms=streams.uniforms,
    )
    search = DecisionBased(queries=60).search(view)
    question = next(search)
    for _ in range(60):
        assert isinstance(question, AskDecisions)
        answer = _Motif().answer(threat, question)
        if answer.value[0] == 1:
            seen.append(question.tokens[0])
        try:
            question = search.send(answer)
        except StopIteration:
            break
    assert torch.nonzero(threat.edited(seen[-1][None])[0]).flatten().tolist() == [3, 8, 9]


def test_block_search_needs_fewer_queries_than_chance() -> None:
    """On a linear model, 90 of some 100,000 members: near the optimum, where as many random draws are not."""
    problem = problem_for("linear", "regression", n=10, length=30, budgets=(Budget(3),))
    run = attacked(problem, BlockSearch(queries=90))
    drawn = attacked(problem, RandomSubstitutions(draws=90))
    optimum = attacked(problem, OneStep()).logits[:, 0, 0] - run.clean[:, 0]
    share = ((run.logits[:, 0, 0] - run.clean[:, 0]) / optimum).mean().item()
    by_chance = ((drawn.logits[:, 0, 0] - drawn.clean[:, 0]) / optimum).mean().item()
    assert share > 0.85
    assert share > by_chance + 0.15


def test_block_search_keeps_the_covariance_of_its_queries() -> None:
    """Against the prior covariance of every pair of edits, written out."""
    threat, uniforms = bound()
    view = View(
        threat=threat,
        start=threat.tokens,
        best=lambda: pytest.fail("not needed"),
        ways=torch.zeros(6, 1),
        encode=lambda tokens: tokens,
        uniforms=uniforms,
    )
    settings = BlockSearch(queries=9, first=1.0)
    known = _Knowledge(view, settings)
    question = next(asking := known.begin(9))
    assert isinstance(question, AskSequences)
    value = torch.zeros(len(question.record))
    with pytest.raises(StopIteration):
        asking.send(Answer(value, value[:, None]))
    row, (shared, slow, position, letter) = 2, settings.shares
    smooth = known.smoothing @ known.smoothing.T
    sets = [
        [(i, int(tokens[i])) for i in range(len(tokens)) if tokens[i] != threat.tokens[row, i]]
        for tokens in known.tokens[row]
    ]
    for one, other in itertools.product(range(9), repeat=2):
        expected = sum(
            shared + slow * float(smooth[i, j]) + position * (i == j) + letter * (i == j and a == b)
            for i, a in sets[one]
            for j, b in sets[other]
        )
        assert known.kernel[row, one, other].item() == pytest.approx(expected, abs=1e-9)
