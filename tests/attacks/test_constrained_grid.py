"""Moves x constraints x goals x searches: the best that a search finds beside going through all scripts in Python."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from attacks_zoo import module
from Bio.Seq import Seq
from threats_edit_scripts import Script, gc, hits_changed, longest_run, markov, pattern_hits, scripts, site_hits

from seqrobust.alphabet import DNA
from seqrobust.attacks import ATTACKS, Problem, ShardRun, Shift, attacks_named, coded, run_shard
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, parse_moves
from seqrobust.threats.constraints import parse_constraint

TEXTS = ("CGATCATGAACT", "TCGGATCGAAGC")
"""None begins with a codon that proteins begin with, which codon moves would leave as it is."""
BACKGROUND = ["ACGATCTTGACGTACGATCAAAA", "GGATCCGATTTACGCATACG"]
MOVES = ("substitutions", "codons", "indels:left", "indels:right", "indels:free")
Verdict = Callable[[str, Script], bool]


def _hits(find: Callable[[str], set[tuple[str, str, int]]], width: int, gain: bool, loss: bool) -> Verdict:
    def allows(clean: str, script: Script) -> bool:
        gained, lost = hits_changed(find(clean), find(script.text), script.seen, width)
        return not ((gained and gain) or (lost and loss))

    return allows


def _plausible(clean: str, script: Script) -> bool:
    likelihood = markov(BACKGROUND, 1)
    return not likelihood(script.text) < likelihood(clean) - 0.05 - 1e-8


RULES: dict[str, Verdict] = {
    "gc:+-0": lambda clean, one: math.isnan(gc(one.text)) or abs(gc(one.text) - gc(clean)) < 1e-9,
    "homopolymer:2": lambda clean, one: longest_run(one.text) <= max(2, longest_run(clean)),
    "no-site:MboI": _hits(lambda text: site_hits("MboI", text), 4, True, False),
    "no-change:GAW": _hits(lambda text: pattern_hits("GAW", text), 3, True, True),
    "markov:1@0.05:{background}": _plausible,
}


def every(moves: str, text: str, k: int) -> Iterator[Script]:
    """All sequences at most k edits away, by code that knows nothing of the package's."""
    if moves.startswith("indels"):
        yield from scripts(text, k, moves.partition(":")[2], lambda _: False)
        return
    width = 3 if moves == "codons" else 1
    pieces = [text[i : i + width] for i in range(0, len(text), width)]
    every_piece = ["".join(letters) for letters in itertools.product("ACGT", repeat=width)]
    means = {piece: str(Seq(piece).translate()) if width == 3 else "" for piece in every_piece}
    options = [[other for other in every_piece if other != one and means[other] == means[one]] for one in pieces]
    for count in range(k + 1):
        for columns in itertools.combinations(range(len(pieces)), count):
            for put in itertools.product(*(options[column] for column in columns)):
                edited = list(pieces)
                for column, piece in zip(columns, put, strict=True):
                    edited[column] = piece
                yield Script({}, [(letter, i) for i, letter in enumerate("".join(edited))])


@cache
def predictor() -> Predictor:
    found = Predictor(
        module("cnn", DNA, 1, 12), alphabet=DNA, task="regression", device="cpu", batch_size=512, scale="logits"
    )
    found.check(torch.tensor(SequenceSet.from_texts(TEXTS, DNA).tokens))
    return found


def outputs(texts: list[str]) -> torch.Tensor:
    with predictor().attached():
        return predictor().logits(torch.tensor(SequenceSet.from_texts(texts, DNA).tokens))[:, 0]


def problem_for(moves: str, rule: str, up: bool, *budgets: int) -> Problem:
    sequences = SequenceSet.from_texts(TEXTS, DNA)
    plain = Problem(
        predictor=predictor(),
        sequences=sequences,
        targets=Targets(task="regression", labels=predictor().labels or (), values=np.zeros((2, 1), np.float32)),
        threat=SubstitutionThreat(budget=Budget(1), constraints=(parse_constraint(rule, DNA),) if rule else ()),
        budgets=tuple(Budget(k) for k in budgets),
        goal=Shift(up=up, delta=1e6, output=0),
        seed=3,
        control_draws=2,
    )
    coding = parse_moves(moves, DNA)
    return plain if coding is None else coded(plain, coding)


def attacked(problem: Problem, *names: str) -> ShardRun:
    with problem.predictor.attached():
        return run_shard(problem, attacks_named(names), np.arange(len(TEXTS)))


def texts_of(problem: Problem, run: ShardRun, level: int) -> list[str]:
    tokens = run.tokens[:, level].numpy()
    sequences = problem.sequences
    if isinstance(sequences, CodedSet):
        return [one.text for one in sequences.written(tokens)]
    return sequences.texts_with(tokens)


@pytest.fixture
def background(tmp_path: Path) -> Path:
    path = tmp_path / "background.fa"
    path.write_text("".join(f">{i}\n{text}\n" for i, text in enumerate(BACKGROUND)))
    return path


EVERYDAY = (
    ("gc:+-0", "codons"),
    ("gc:+-0", "substitutions"),
    ("homopolymer:2", "indels:left"),
    ("no-site:MboI", "indels:right"),
    ("no-change:GAW", "indels:free"),
    ("markov:1@0.05:{background}", "indels:free"),
)
"""One of each; the rest of the grid takes long."""


@pytest.mark.parametrize(
    ("rule", "moves"),
    [
        pytest.param(*cell, marks=() if cell in EVERYDAY else pytest.mark.slow)
        for cell in itertools.product(RULES, MOVES)
    ],
)
def test_presets_find_the_best_that_constraints_leave(rule: str, moves: str, background: Path) -> None:
    allowed: dict[int, list[dict[str, float]]] = {}
    for k in (1, 2):
        found = []
        for text in TEXTS:
            left = [one.text for one in every(moves, text, k) if RULES[rule](text, one)]
            found.append(dict(zip(left, outputs(left).tolist(), strict=True)))
        allowed[k] = found
    # Upwards with the short cascade and downwards with the default one: both have to do it.
    for preset, up in (("quick", True), ("standard", False)):
        problem = problem_for(moves, rule.format(background=background), up, 1, 2)
        run = attacked(problem, preset)
        for level, k in enumerate((1, 2)):
            for record, text in enumerate(texts_of(problem, run, level)):
                members = allowed[k][record]
                clean, got = float(run.clean[record, 0]), float(run.logits[record, level, 0])
                best = max(members.values()) if up else min(members.values())
                assert text in members
                if k == 1 and (preset == "standard" or moves.startswith("indels")):
                    assert got == pytest.approx(best, abs=1e-5)
                assert (got - clean) * (1 if up else -1) >= 0.95 * abs(best - clean) - 1e-5


@pytest.mark.parametrize("moves", ["indels:left", "indels:right", "indels:free"])
@pytest.mark.parametrize("attack", ["quick", "exchange", pytest.param("standard", marks=pytest.mark.slow)])
def test_searches_under_shifts_reach_the_best(moves: str, attack: str) -> None:
    members = [[one.text for one in every(moves, text, 2)] for text in TEXTS]
    run = attacked(problem_for(moves, "", True, 2), attack)
    for record in range(len(TEXTS)):
        best = float(outputs(members[record]).max())
        assert float(run.logits[record, 0, 0] - run.clean[record, 0]) >= 0.95 * (best - float(run.clean[record, 0]))


@pytest.mark.slow
@pytest.mark.parametrize("moves", ["indels:free", "codons"])
def test_no_search_crashes_or_leaves_a_constrained_set(moves: str) -> None:
    # A step outside is an internal error; every search is tried, most of them under a tight rule.
    for number, name in enumerate(sorted(ATTACKS)):
        rule = list(RULES)[number % 4]
        problem = problem_for(moves, rule, bool(number % 2), 2)
        run = attacked(problem, name)
        members = {one.text for text in TEXTS for one in every(moves, text, 2) if RULES[rule](text, one)}
        assert set(texts_of(problem, run, 0)) <= members
