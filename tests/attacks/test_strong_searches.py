"""Searches beside brute force, and what a search may and may not do."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from attacks_zoo import DNA, Linear, predictor_for, records

from seqrobust.attacks import (
    PRESETS,
    Attack,
    Beam,
    DiscretePGD,
    Exchange,
    Exhaustive,
    Problem,
    ShardRun,
    Targeted,
    Untargeted,
    attacks_named,
    run_shard,
    true_margin,
)
from seqrobust.attacks.search import Access, AskDecisions, AskSequences, Search, View
from seqrobust.attacks.searches.beam import best_distinct
from seqrobust.attacks.ways import Lanes, leading
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import Edits
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.constraints import parse_constraint

LENGTH = 9


def small_problem(
    kind: str, *budgets: int, outputs: int = 4, n: int = 8, threat: SubstitutionThreat | None = None
) -> Problem:
    sequences = records(DNA, n, LENGTH, seed=4)
    predictor, targets = predictor_for(kind, "classification", sequences, outputs=outputs)
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=threat or SubstitutionThreat(budget=Budget(1)),
        budgets=tuple(Budget(k) for k in budgets),
        goal=Untargeted(),
        seed=5,
        control_draws=1,
        search_on=True,
    )


def attacked(problem: Problem, *attacks: Attack) -> ShardRun:
    with problem.predictor.attached():
        return run_shard(problem, attacks, np.arange(len(problem.sequences)))


def members(text: str, budget: int) -> list[str]:
    """Every text with at most so many letters changed; N stays."""
    places = [i for i, letter in enumerate(text) if letter in "ACGT"]
    found = {text}
    for chosen in itertools.combinations(places, min(budget, len(places))):
        for letters in itertools.product("ACGT", repeat=len(chosen)):
            edited = list(text)
            for place, letter in zip(chosen, letters, strict=True):
                edited[place] = letter
            found.add("".join(edited))
    return sorted(found)


def optimum(problem: Problem, run: ShardRun, budget: int) -> torch.Tensor:
    """(n,) largest lead of a wrong class over all members, by writing every one of them out."""
    best = []
    for row, text in enumerate(problem.sequences.texts):
        words = members(text, budget)
        tokens = torch.tensor(SequenceSet.from_texts(words, DNA).tokens)
        with torch.no_grad():
            logits = problem.predictor.module.eval()(problem.predictor.encode(tokens))
        best.append(-true_margin("classification", logits, run.targets[row].expand(len(words))).min())
    return torch.stack(best)


def found(run: ShardRun, level: int) -> torch.Tensor:
    return -true_margin("classification", run.logits[:, level], run.targets)


@pytest.mark.parametrize("kind", ["linear", "cnn", "gru"])
def test_exhaustive_and_beam_over_all_pairs_find_the_optimum(kind: str) -> None:
    problem = small_problem(kind, 1, 2)
    wide = Beam(width=3 * LENGTH, top=None)
    for attack in (Exhaustive(), wide):
        run = attacked(problem, attack)
        assert run.attackable.sum() >= 3
        for level, budget in enumerate((1, 2)):
            best = optimum(problem, run, budget)
            assert torch.allclose(found(run, level)[run.attackable], best[run.attackable], atol=1e-4)


@pytest.mark.parametrize("kind", ["cnn", "gru"])
def test_thorough_finds_the_optimum_of_three_edits(kind: str) -> None:
    problem = small_problem(kind, 3, n=5)
    run = attacked(problem, *PRESETS["thorough"])
    best = optimum(problem, run, 3)
    assert torch.allclose(found(run, 0)[run.attackable], best[run.attackable], atol=1e-4)


@pytest.mark.parametrize("kind", ["cnn", "gru"])
def test_no_single_trade_helps_where_exchange_over_all_edits_ends(kind: str) -> None:
    """A property of the end point itself, tried trade by trade with the bare module."""
    problem = small_problem(kind, 2, outputs=2)
    run = attacked(problem, Exchange(top=None))
    values = found(run, 0)
    for row in torch.nonzero(run.attackable).flatten().tolist():
        text = problem.sequences.texts[row]
        end = problem.sequences.texts_with(run.tokens[:, 0].numpy())[row]
        reachable = [
            word
            for word in members(text, 2)
            if sum(a != b for a, b in zip(word, end, strict=True)) <= 2
            and len([i for i in range(LENGTH) if word[i] != text[i] and word[i] == end[i]]) >= 1
        ]
        tokens = torch.tensor(SequenceSet.from_texts(reachable, DNA).tokens)
        logits = problem.predictor.module.eval()(problem.predictor.encode(tokens)).detach()
        lead = -true_margin("classification", logits, run.targets[row].expand(len(reachable)))
        assert lead.max() <= values[row] + 1e-4, (row, end)


class TwoRivals(Linear):  # type: ignore[misc]
    """Class 1 is nearer at first, class 2 alone can be reached: the gradient of the objective leads astray."""

    def __init__(self) -> None:
        super().__init__(4, LENGTH, 3)
        with torch.no_grad():
            self.weight.zero_()
            self.weight[1, 1] = 0.1
            self.weight[2, 2] = 1.0
            self.bias.copy_(torch.tensor([1.0, 0.0, -1.5]))


def test_a_rival_that_is_far_at_first_is_climbed_towards() -> None:
    sequences = SequenceSet.from_texts(["A" * LENGTH], DNA)
    predictor = Predictor(TwoRivals(), alphabet=DNA, task="classification", device="cpu", scale="logits")
    predictor.check(torch.tensor(sequences.tokens))
    assert predictor.labels is not None
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=Targets(task="classification", labels=predictor.labels, values=np.zeros(1, np.int64)),
        threat=SubstitutionThreat(budget=Budget(1)),
        budgets=(Budget(3),),
        goal=Untargeted(),
        control_draws=1,
    )
    for reaches, attack in (
        (False, DiscretePGD(steps=3, ways=1)),
        (True, DiscretePGD(steps=3)),
        (True, Beam(width=1, top=2)),
        (True, Exchange(top=1)),
    ):
        assert bool(attacked(problem, attack).reached[0, 0]) is reaches, attack


def test_ways_are_the_leads_of_each_rival() -> None:
    logits = torch.tensor([[1.0, 3.0, -2.0], [0.5, 0.0, 4.0]])
    targets = torch.tensor([1, 2])
    goal = Untargeted().bind("classification", logits, targets)
    ways = goal.ways(logits, torch.arange(2))
    assert ways.tolist() == [[-2.0, -torch.inf, -5.0], [-3.5, -4.0, -torch.inf]]
    assert torch.equal(ways.max(1).values, goal.objective(logits, torch.arange(2)))
    labels = Untargeted().bind("multilabel", logits, (logits > 0).float())
    assert torch.equal(labels.ways(logits, torch.arange(2)).max(1).values, labels.objective(logits, torch.arange(2)))
    assert Targeted(label=0).bind("classification", logits, targets).ways(logits, torch.arange(2)).shape == (2, 1)


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_members_keep_to_constraints(preset: str) -> None:
    rule = parse_constraint("gc:+-0.0; homopolymer:2", DNA)
    problem = small_problem("cnn", 2, 4, threat=SubstitutionThreat(budget=Budget(1), constraints=(rule,)))
    run = attacked(problem, *PRESETS[preset])
    for level, budget in enumerate((2, 4)):
        for before, after in zip(
            problem.sequences.texts, problem.sequences.texts_with(run.tokens[:, level].numpy()), strict=True
        ):
            changed = sum(a != b for a, b in zip(before, after, strict=True))
            assert changed <= budget
            assert sum(letter in "GC" for letter in after) == sum(letter in "GC" for letter in before)
            runs = [len(list(group)) for letter, group in itertools.groupby(after) if letter != "N"]
            clean = [len(list(group)) for letter, group in itertools.groupby(before) if letter != "N"]
            assert max(runs) <= max(2, *clean)


def test_searches_spend_unequal_costs_to_the_last_unit(tmp_path: Path) -> None:
    """Against the best of all members, each written out and priced by hand."""
    table = tmp_path / "costs.tsv"
    prices = {pair: 1 if set(pair) in ({"A", "G"}, {"C", "T"}) else 2 for pair in itertools.permutations("ACGT", 2)}
    rows = [[letter, *(str(prices.get((letter, other), 0)) for other in "ACGT")] for letter in "ACGT"]
    table.write_text("\n".join("\t".join(row) for row in [["", *"ACGT"], *rows]) + "\n")
    problem = small_problem("cnn", 3, n=6, threat=SubstitutionThreat(budget=Budget(1), letters=str(table)))
    run = attacked(problem, *PRESETS["standard"], Beam(width=40, top=None))
    for row in torch.nonzero(run.attackable).flatten().tolist():
        text = problem.sequences.texts[row]
        words = [
            word
            for word in members(text, 3)
            if sum(prices.get((a, b), 0) for a, b in zip(text, word, strict=True)) <= 3
        ]
        tokens = torch.tensor(SequenceSet.from_texts(words, DNA).tokens)
        logits = problem.predictor.module.eval()(problem.predictor.encode(tokens)).detach()
        lead = -true_margin("classification", logits, run.targets[row].expand(len(words)))
        assert found(run, 0)[row] == pytest.approx(lead.max().item(), abs=1e-4)


class Outside:
    """Proposes what lies outside its threat, and hears how that did."""

    name = "outside"
    access: Access = "scores"

    def __init__(self) -> None:
        self.answers: list[torch.Tensor] = []

    def search(self, view: View) -> Search:
        owner = torch.arange(len(view.threat))
        far = (view.threat.tokens + 1) % 4
        self.answers.append((yield AskSequences(owner, far)).value)
        self.answers.append((yield AskDecisions(owner, far)).value)


def test_nothing_outside_the_threat_is_kept_and_labels_are_all_that_decisions_tell() -> None:
    problem = small_problem("linear", 1)
    search = Outside()
    run = attacked(problem, search)
    assert torch.equal(run.tokens[:, 0], torch.tensor(problem.sequences.tokens))
    values, decisions = search.answers
    assert torch.equal(decisions, (values > 0).float())
    assert run.forwards[run.attackable, 0].tolist() == [3] * int(run.attackable.sum())


def test_single_edits_of_the_clean_sequence_are_scored_once() -> None:
    problem = small_problem("cnn", 1, 2)
    run = attacked(problem, Exhaustive(), Exhaustive(name="again"))
    for row in torch.nonzero(run.attackable).flatten().tolist():
        letters = sum(letter != "N" for letter in problem.sequences.texts[row])
        singles, pairs = 3 * letters, 9 * letters * (letters - 1) // 2
        assert run.forwards[row].tolist() == [1 + singles, 1 + singles + 2 * pairs]


def test_an_exhausted_limit_is_passed_over() -> None:
    run = attacked(small_problem("linear", 2), Exhaustive(limit=3 * LENGTH))
    assert (run.attack == -1).all()
    assert not run.searched[run.attackable].any()
    threat = small_problem("linear", 2).threat.bind(records(DNA, 3, LENGTH, seed=4))
    counts = [sum(math.comb(LENGTH, m) * 3**m for m in range(k + 1)) for k in (0, 2, 4)]
    covered = [
        Exhaustive(limit=n - less).covers(threat.with_budget(torch.full((3,), k)))[0]
        for k, n in zip((0, 2, 4), counts, strict=True)
        for less in (0, 1)
    ]
    assert covered == [True, False] * 3


def test_distinct_candidates_only() -> None:
    base = torch.tensor([[1, 0, 0], [0, 1, 0]], dtype=torch.uint8)
    # From either base one edit leads to 110; the second lane has that candidate alone.
    position = torch.tensor([[1], [0], [2], [2], [1]])
    edits = Edits(torch.tensor([0, 1, 0, 1, 0]), position, torch.ones_like(position))
    lanes = Lanes(torch.zeros(5, dtype=torch.int64), torch.tensor([0, 0, 0, 0, 1]))
    assert best_distinct(base, edits, lanes, torch.tensor([5.0, 5.0, 3.0, 4.0, 1.0]), 2, 2).tolist() == [0, 3, 4]
    two = Lanes(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]))
    assert leading(two, torch.tensor([1.0, 2.0, 0.0]), 1).tolist() == [1, 2]


def test_presets_are_written_out_and_unknown_names_refused() -> None:
    names = [attack.name for attack in attacks_named(("quick", "greedy", "standard"))]
    assert names[:4] == ["one_step", "discrete_pgd_5", "pairs", "greedy"]
    assert len(names) == len(set(names))
    with pytest.raises(ConfigError, match="unknown attack"):
        attacks_named(("fgsm",))
    with pytest.raises(ConfigError, match="unknown attack"):
        attacks_named(())


def test_a_wide_beam_behind_exact_single_edits() -> None:
    problem = small_problem("cnn", 1, 2, outputs=4)
    best, found = attacked(problem, Exhaustive()), attacked(problem, *attacks_named(["beam_scan"]))
    leads = [
        -true_margin("classification", run.logits.flatten(0, 1), run.targets.repeat_interleave(2))
        for run in (best, found)
    ]
    clean = -true_margin("classification", best.clean, best.targets).repeat_interleave(2)
    chosen = best.attackable.repeat_interleave(2)
    assert float(((leads[1] - clean) / (leads[0] - clean))[chosen].mean()) > 0.99
    # In a cascade it is for small budgets only; by itself it goes as far as it is told.
    alone, cascade = (
        next(one for one in attacks_named([name]) if one.name == "beam_scan") for name in ("beam_scan", "standard")
    )
    three = small_problem("cnn", 3)
    assert bool((attacked(three, alone).attack == 0).any())
    assert bool((attacked(three, cascade).attack == -1).all())
