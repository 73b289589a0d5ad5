"""Problems over columns: every search stays inside, and the best is that of going through all members."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from attacks_zoo import DNA, PROTEIN, predictor_for, records

from seqrobust.analysis import results_table
from seqrobust.attacks import ATTACKS, Problem, ShardRun, Untargeted, attacks_named, coded, run_shard, scores_for
from seqrobust.attacks.coded import CodedPredictor
from seqrobust.neighbours import Edits, PlainScores
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.sequences.readings import Part, Reading, Readings
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import Codons, Indels, Moves

CODINGS: dict[str, Moves] = {
    "codons": Codons(source=DNA),
    "genes": Codons(source=DNA, region="CDS"),
    "left": Indels(source=DNA, anchor="left"),
    "right": Indels(source=DNA, anchor="right"),
    "free": Indels(source=DNA, anchor="free"),
}


def problem_for(coding: Moves, kind: str = "cnn", *budgets: int, n: int = 4, length: int = 10) -> Problem:
    sequences = records(coding.source, n, length, ragged=kind != "linear", seed=2)
    # A gene of two exons on the minus strand, and one on the plus strand that shares letters with it.
    exons = (Part(length - 4, length, -1), Part(1, length - 5, -1))
    genes = [Reading(parts=parts, whole=False) for parts in (exons, (Part(0, length // 3 * 3, 1),))]
    if isinstance(coding, Codons) and coding.region:
        sequences = replace(sequences, readings=Readings.of([genes[: 1 + row % 2] for row in range(n)]))
    predictor, targets = predictor_for(kind, "classification", sequences)
    plain = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=SubstitutionThreat(budget=Budget(1), protect=("core",)),
        budgets=tuple(Budget(k) for k in budgets or (1, 2)),
        goal=Untargeted(),
        seed=3,
        control_draws=2,
        search_on=True,
    )
    return coded(plain, coding)


def attacked(problem: Problem, *names: str) -> ShardRun:
    with problem.predictor.attached():
        return run_shard(problem, attacks_named(names), np.arange(len(problem.sequences)))


def best_of_all(problem: Problem, targets: torch.Tensor, k: int) -> torch.Tensor:
    """(n,) the largest lead of a wrong class over all members of at most k columns changed, in plain batches."""
    threat = problem.threat.bind(problem.sequences)
    predictor = problem.plain.predictor
    best = []
    for record, clean in enumerate(threat.tokens):
        rows = [clean]
        places = [torch.nonzero(column).flatten().tolist() for column in threat.permitted[record].T]
        for columns in itertools.chain.from_iterable(
            itertools.combinations(range(len(clean)), count) for count in range(1, k + 1)
        ):
            for pieces in itertools.product(*(places[column] for column in columns)):
                row = clean.clone()
                row[list(columns)] = torch.tensor(pieces, dtype=torch.uint8)
                rows.append(row)
        with predictor.attached():
            logits = predictor.logits(problem.predictor.coding.decode(torch.stack(rows)))  # type: ignore[attr-defined]
        true = int(targets[record])
        others = logits.clone()
        others[:, true] = -torch.inf
        best.append((others.amax(1) - logits[:, true]).max())
    return torch.stack(best)


@pytest.mark.parametrize("name", CODINGS)
def test_exhaustive_is_the_best_of_all_members(name: str) -> None:
    problem = problem_for(CODINGS[name], "cnn", 1, 2, n=3, length=7)
    run = attacked(problem, "exhaustive")
    for level in (0, 1):
        wanted = best_of_all(problem, run.targets, level + 1)
        found = []
        for record, true in enumerate(run.targets.tolist()):
            others = run.logits[record, level].clone()
            others[true] = -torch.inf
            found.append(others.max() - run.logits[record, level, true])
        chosen = run.attackable
        torch.testing.assert_close(torch.stack(found)[chosen], wanted[chosen], atol=2e-5, rtol=1e-4)
    assert bool(run.attackable.any())


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_every_search_runs_over_columns(name: str, attack: str) -> None:
    problem = problem_for(CODINGS[name], "cnn", 2)
    run = attacked(problem, attack)
    # That nothing leaves the threat is the driver's own last word; here, that what is shown is what was scored.
    table = results_table(problem, np.arange(len(problem.sequences)), run, [attack])
    predictor = problem.plain.predictor
    tokens = torch.from_numpy(tokens_from_texts(table["adversarial_sequence"].tolist(), DNA))
    with predictor.attached():
        torch.testing.assert_close(predictor.logits(tokens), run.logits.flatten(0, 1), atol=2e-5, rtol=1e-4)
    assert (table["n_edits"] <= 2).all()


@pytest.mark.parametrize("kind", ["cnn", "gru", "linear"])
def test_standard_finds_what_there_is(kind: str) -> None:
    coding = CODINGS["free" if kind != "linear" else "left"]
    problem = problem_for(coding, kind, 2, n=4, length=8)
    run = attacked(problem, "standard")
    true = run.targets[:, None]
    lead = run.logits[:, 0].scatter(1, true, -torch.inf).amax(1) - run.logits[:, 0].gather(1, true)[:, 0]
    wanted, chosen = best_of_all(problem, run.targets, 2), run.attackable
    clean = run.clean.scatter(1, true, -torch.inf).amax(1) - run.clean.gather(1, true)[:, 0]
    assert float(((lead - clean)[chosen] / (wanted - clean)[chosen].clamp(min=1e-6)).mean()) > 0.99


@pytest.mark.parametrize("name", CODINGS)
def test_scores_of_columns_are_those_of_the_sequences(name: str) -> None:
    problem = problem_for(CODINGS[name], "cnn", 1, n=3, length=24)
    predictor = problem.predictor
    assert isinstance(predictor, CodedPredictor)
    threat = problem.threat.bind(problem.sequences)
    record, letter, column = torch.nonzero(threat.permitted & ~threat.clean, as_tuple=True)
    # Twice the same, so that there are enough of them for the incremental engine to be tried.
    record, letter, column = (part.repeat(8) for part in (record, letter, column))
    edits = Edits(record, column[:, None], letter[:, None])
    with predictor.attached():
        scores = scores_for(predictor)
        found = scores.logits(threat.tokens, edits)
        plain = PlainScores(predictor).logits(threat.tokens, edits)
    torch.testing.assert_close(found, plain, atol=2e-5, rtol=1e-4)


def test_proteins_too() -> None:
    problem = problem_for(Indels(source=PROTEIN, anchor="free"), "cnn", 1, 3)
    run = attacked(problem, "auto")
    table = results_table(problem, np.arange(4), run, ["a", "b", "c", "d", "e", "f"])
    assert table["edits"].str.contains("ins|del", regex=True).any()
    assert table["adversarial_sequence"].str.len().nunique() > 1
