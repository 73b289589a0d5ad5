"""What edits have in common: planted k-mers, motif hits against Biopython, and motifs that are written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from Bio import motifs as bio
from probe_toys import Reads, linear, problem_of, records

from seqrobust.alphabet import DNA
from seqrobust.analysis import results_table
from seqrobust.analysis.probe import (
    FUNCTIONAL,
    NONFUNCTIONAL,
    Chosen,
    Writing,
    arm_metrics,
    chosen_edits,
    divide,
    enriched_kmers,
    functional_share,
    marked,
    motif_changes,
    parse_writing,
    write_motif,
    writing_metrics,
)
from seqrobust.analysis.probe.motifs import changed_hits
from seqrobust.analysis.probe.places import matched
from seqrobust.attacks import attacks_named, run_shard
from seqrobust.errors import ConfigError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.constraints import parse_constraint
from seqrobust.threats.constraints.matrices import read_matrices
from seqrobust.threats.constraints.scanning import on_strands

JASPAR = """>MA1 one
A [ 9 0 0 1 8 0 ]
C [ 0 9 0 1 1 9 ]
G [ 1 1 9 1 1 1 ]
T [ 0 0 1 7 0 0 ]
"""


def random_edits(rng: np.random.Generator, clean: np.ndarray, count: int) -> np.ndarray:
    edited = clean.copy()
    for row in range(len(clean)):
        for column in rng.choice(clean.shape[1], count, replace=False):
            edited[row, column] = (clean[row, column] + rng.integers(1, 4)) % 4
    return edited


def chosen_at_random(seed: int, n: int = 60, draws: int = 20) -> Chosen:
    rng = np.random.default_rng(seed)
    clean = rng.integers(0, 4, (n, 50)).astype(np.uint8)
    control = np.stack([random_edits(rng, clean, 3) for _ in range(draws)], 1)
    return Chosen(rows=np.arange(n), clean=clean, edited=random_edits(rng, clean, 3), control=control)


def test_random_edits_write_and_destroy_no_kmer() -> None:
    assert sum(bool(enriched_kmers(chosen_at_random(seed), DNA)) for seed in range(8)) <= 1


def test_a_planted_word_is_found_and_nothing_else() -> None:
    chosen = chosen_at_random(0)
    word = np.array([DNA.token(letter) for letter in "GACCTGA"], np.uint8)
    for row in range(0, 60, 2):
        chosen.edited[row] = chosen.clean[row]
        start = 3 + row % 40
        chosen.edited[row, start : start + 7] = word
    found = enriched_kmers(chosen, DNA)
    assert [(one.kmer, one.action) for one in found if one.action == "written"] == [("GACCTGA", "written")]
    assert found[0].records == 30
    assert found[0].expected < 1
    assert not [one for one in found if one.action == "destroyed"]


def test_a_word_that_edits_destroy_is_found() -> None:
    rng = np.random.default_rng(3)
    clean = rng.integers(0, 4, (60, 50)).astype(np.uint8)
    clean[:, 20:28] = [DNA.token(letter) for letter in "GCGGCCGC"]
    control = np.stack([random_edits(rng, clean, 1) for _ in range(20)], 1)
    edited = clean.copy()
    place = rng.integers(20, 28, 60)
    edited[np.arange(60), place] = (clean[np.arange(60), place] + 1) % 4
    chosen = Chosen(rows=np.arange(60), clean=clean, edited=edited, control=control)
    destroyed = [one for one in enriched_kmers(chosen, DNA) if one.action == "destroyed"]
    assert destroyed[0].kmer == "GCGGCCGC"


def test_a_word_of_the_functional_regions_is_told_from_others() -> None:
    texts = ["AAGACCTAAA", "GACCTGACAA", "TTTTTTTTTT"]
    sequences = SequenceSet.from_texts(texts, DNA)
    covered = np.zeros((3, 10), bool)
    covered[0, 2:5] = True
    covered[1, 1:3] = True
    # Of three, one lies inside a region, one with two letters, and one outside.
    assert functional_share("GAC", sequences, covered) == pytest.approx(2 / 3)
    assert functional_share("TT", sequences, covered) == 0
    assert functional_share("CGCG", sequences, covered) is None


def test_motif_hits_are_those_of_biopython(tmp_path: Path) -> None:
    (tmp_path / "one.jaspar").write_text(JASPAR)
    matrices = read_matrices(tmp_path / "one.jaspar", DNA, p_value=0.01)
    scan = matrices[0].scan(DNA)
    chosen = chosen_at_random(5, n=40, draws=2)
    own = changed_hits(chosen.clean, chosen.edited, [(0, one) for one in on_strands(scan, DNA, True)], 1, DNA)
    with (tmp_path / "one.jaspar").open() as handle:
        motif = next(iter(bio.parse(handle, "jaspar")))
    motif.pseudocounts = 0.25
    # Rounded to hundredths of a bit, a sum over six columns is off by 0.03 at most; no score here is that close.
    threshold = scan.least / 100

    def hits(tokens: np.ndarray) -> set[tuple[bool, int]]:
        text = "".join(DNA.letters[token] for token in tokens)
        forward = np.asarray(motif.pssm.calculate(text))
        reverse = np.asarray(motif.pssm.reverse_complement().calculate(text))
        return {
            (strand, int(at))
            for strand, row in enumerate((forward, reverse))
            for at in np.flatnonzero(row > threshold - 0.02)
        }  # type: ignore[misc]

    gained = lost = 0
    for row in range(40):
        before, after = hits(chosen.clean[row]), hits(chosen.edited[row])
        assert own[row, 0].tolist() == [bool(after - before), bool(before - after)]
        gained, lost = gained + bool(after - before), lost + bool(before - after)
    assert gained > 2
    assert lost > 2
    found = {one.change: one.records for one in motif_changes(chosen, matrices, DNA)}
    assert found == {"gained": gained, "lost": lost}


def run_arms(problem, places):  # type: ignore[no-untyped-def]
    tables = {}
    for name, region in (("functional", FUNCTIONAL), ("nonfunctional", NONFUNCTIONAL)):
        arm = replace(
            problem, sequences=marked(problem.sequences, places), threat=replace(problem.threat, only=(region,))
        )
        attacks = attacks_named(["exhaustive"])
        numbers = np.arange(len(problem.sequences))
        with problem.predictor.attached():
            run = run_shard(arm, attacks, numbers)
        tables[name] = (arm, results_table(arm, numbers, run, [one.name for one in attacks]))
    return tables


def test_flip_rates_are_those_of_all_single_edits_and_stay_in_their_places() -> None:
    sequences = records(40, 12, [2, 5], 4)
    torch.manual_seed(0)
    module = linear(12, slice(0, 12), 3, seed=2)
    problem = problem_of(module, sequences, "classification", budgets=(1,))
    places = divide(sequences, ["core"], problem.threat)
    for name, (_, table) in run_arms(problem, places).items():
        inside = places.functional if name == "functional" else places.background
        flipped = []
        for row, text in enumerate(sequences.texts):
            mutants = [text[:at] + letter + text[at + 1 :] for at in np.flatnonzero(inside[row]) for letter in "ACGT"]
            tokens = torch.tensor(tokens_from_texts(mutants, DNA))
            with torch.no_grad():
                said = module(problem.predictor.encode(tokens)).argmax(1)
            flipped.append(bool((said != int(problem.targets.values[row])).any()))  # type: ignore[union-attr]
        metrics = arm_metrics(table, "classification", np.ones(40, bool))
        assert metrics[0]["flip_rate"] == pytest.approx(np.mean(flipped))
        for row, after in enumerate(table["adversarial_sequence"]):
            changed = [at for at, (a, b) in enumerate(zip(sequences.texts[row], after, strict=True)) if a != b]
            assert len(changed) <= 1
            assert inside[row, changed].all()


def test_as_many_positions_are_drawn_from_outside() -> None:
    sequences = records(30, 20, [0, 6], 9)
    places = divide(sequences, ["core"], SubstitutionThreat(budget=Budget(1)))
    drawn = [matched(sequences, places, seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    for one in drawn:
        assert (one.sum(1) == 9).all()
        assert not (one & places.functional).any()
    wide = divide(records(4, 20, [0], 15), ["core"], SubstitutionThreat(budget=Budget(1)))
    np.testing.assert_array_equal(matched(records(4, 20, [0], 15), wide, 0), wide.background)


def test_random_edits_are_as_many_and_in_the_same_places() -> None:
    sequences = records(20, 30, [8], 6)
    problem = problem_of(linear(30, slice(0, 30), 1), sequences, "binary", budgets=(1, 2, 3))
    places = divide(sequences, ["core"], problem.threat)
    arm = replace(
        problem,
        sequences=marked(sequences, places),
        threat=replace(problem.threat, only=(NONFUNCTIONAL,), letters="transitions"),
    )
    with problem.predictor.attached():
        run = run_shard(arm, attacks_named(["greedy"]), np.arange(20))
    chosen = chosen_edits(arm, results_table(arm, np.arange(20), run, ["greedy"]))
    assert len(chosen)
    changed = chosen.control != chosen.clean[:, None]
    number = (chosen.edited != chosen.clean).sum(1)
    np.testing.assert_array_equal(changed.sum(2), np.repeat(number[:, None], 20, 1))
    assert not changed[:, :, 8:14].any()
    # A and G, C and T differ by two.
    assert (np.abs(chosen.control.astype(int) - chosen.clean[:, None])[changed] == 2).all()


def test_random_edits_keep_to_the_constraints_of_the_adversary() -> None:
    """Otherwise a k-mer that the constraint alone keeps from being written would be missed, or found beyond chance."""
    sequences = records(20, 30, [8], 6)
    problem = problem_of(linear(30, slice(0, 30), 1), sequences, "binary", budgets=(1, 2, 3))
    refused = parse_constraint("no-gain:GG", DNA)
    arm = replace(problem, threat=replace(problem.threat, constraints=(refused,)))
    with problem.predictor.attached():
        run = run_shard(arm, attacks_named(["greedy"]), np.arange(20))
    chosen = chosen_edits(arm, results_table(arm, np.arange(20), run, ["greedy"]))
    assert len(chosen)
    pairs = lambda tokens: (tokens[..., :-1] == 2) & (tokens[..., 1:] == 2)  # noqa: E731
    assert not (pairs(chosen.control) & ~pairs(chosen.clean)[:, None]).any()
    assert (chosen.control != chosen.clean[:, None]).any((1, 2)).all()


class Word(Reads):
    """Class 1 where GAC stands anywhere."""

    def __init__(self) -> None:
        weight = torch.zeros(1, 4, 3)
        weight[0, [2, 0, 1], [0, 1, 2]] = 1.0
        super().__init__(weight)

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv1d(encoded, self.weight).amax(2) - 2.5


def test_a_word_is_written_where_it_may_be() -> None:
    sequences = SequenceSet.from_texts(["TTTTTTTTTT", "TTGATTTTTT", "TTTTTTTTTG"], DNA)
    problem = problem_of(Word(), sequences, "binary")
    places = np.ones((3, 10), bool)
    places[:, 5:] = False
    with problem.predictor.attached():
        found = write_motif(problem, Writing(name="w", pattern="GAC", budget=2), places)
    assert found.record.tolist() == [1]
    assert found.start.tolist() == [2]
    assert found.changed.tolist() == [1]
    texts = sequences.take([1]).texts_with(found.tokens)
    assert texts == ["TTGACTTTTT"]
    with problem.predictor.attached():
        found = write_motif(problem, Writing(name="w", pattern="GAC", budget=3), places)
    metrics = writing_metrics(found, problem, Writing(name="w", pattern="GAC", budget=3))
    one = metrics["classes"]["1"]  # type: ignore[index]
    assert (one["n"], one["best_place"], one["random_place"], one["fewest"]) == (3, 1.0, 1.0, 1)
    assert one["control_best_place"] == 0.0
    assert len(found.record) == 9
    rows = sequences.tokens[found.record]
    assert ((found.tokens != rows).sum(1) == found.changed).all()
    assert not (found.tokens != rows)[:, 5:].any()


@pytest.mark.parametrize("text", ["GAC", "=GAC", "w=", "w=GAC@"])
def test_a_word_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        parse_writing(text, 3)


def test_no_edit_is_nothing_to_scan() -> None:
    empty = Chosen(
        rows=np.zeros(0, np.int64),
        clean=np.zeros((0, 9), np.uint8),
        edited=np.zeros((0, 9), np.uint8),
        control=np.zeros((0, 20, 9), np.uint8),
    )
    assert enriched_kmers(empty, DNA) == []
