"""What the diagnosis of masking needs to know of the model beside the attacks: a few questions put to it directly.

All of it is asked of a sample of the attacked records, and all randomness belongs to the records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from seqrobust.attacks import Attack, DiscretePGD, FrankWolfe, OneStep, Problem, Scores, Shift, predictions, run_shard
from seqrobust.attacks.goals import BoundGoal
from seqrobust.attacks.rounding import ROUNDING, judged
from seqrobust.attacks.streams import RecordStreams
from seqrobust.neighbours import Edits
from seqrobust.tasks import task_of
from seqrobust.threats import BoundThreat, Budget

Rows = NDArray[np.int64]
Progress = Callable[[float], None]

STEPS = (1, 5, 10, 20, 50)
RESTARTS = (0, 2, 5)
USUAL_STEPS = 10
"""Steps at which restarts are tried."""

UNBOUNDED: tuple[Attack, ...] = (OneStep(), DiscretePGD(steps=20, restarts=2), FrankWolfe())
"""Gradient attacks that are given the whole sequence to change."""

_REPEATS = 4
_EDITS = 64
_OTHERS = 10
_WIDE = (Budget(10, percent=True), Budget(30, percent=True), Budget(100, percent=True))


@dataclass(frozen=True, eq=False)
class Sample:
    """Records of a problem that are asked about, bound at a budget of everything that may change.

    Args:
        problem: the predictor must be attached.
        rows: numbers of the records, attacked ones.
    """

    problem: Problem
    rows: Rows

    def bound(self) -> tuple[BoundThreat, BoundGoal, Tensor]:
        """Their sets, their goal and their clean logits (n, outputs)."""
        problem, device = self.problem, self.problem.predictor.device
        threat = replace(problem.threat, budget=_WIDE[-1]).bind(problem.sequences.take(self.rows), device)
        logits = problem.predictor.logits(threat.tokens)
        truth = predictions(problem.predictor.task, logits)
        if problem.targets is not None:
            truth = torch.tensor(problem.targets.values[self.rows], device=device)
        return threat, problem.goal.bind(problem.predictor.task, logits, truth), logits

    def streams(self, purpose: str) -> RecordStreams:
        """Random numbers for that purpose."""
        return RecordStreams(self.problem.seed, [self.problem.sequences.ids[row] for row in self.rows], purpose)


@dataclass(frozen=True, kw_only=True, eq=False)
class Repeats:
    """(n,) arrays of the output that differs most between repeats, for its size: its difference and that size; and the
    lead of the prediction, and whether it differed."""

    spread: NDArray[np.float64]
    size: NDArray[np.float64]
    lead: NDArray[np.float64]
    flips: NDArray[np.bool_]


def repeated(sample: Sample) -> Repeats:
    """Put the same inputs to the model a few times."""
    predictor = sample.problem.predictor
    tokens = torch.tensor(sample.problem.sequences.tokens[sample.rows], device=predictor.device)
    asked = torch.stack([predictor.logits(tokens) for _ in range(_REPEATS)])
    task = task_of(predictor.task)
    most, least = asked.amax(0), asked.amin(0)
    spread = torch.where(most == least, 0.0, most - least)
    size = asked[0].abs()
    size = torch.maximum(size, size.median(0).values).nan_to_num(posinf=0).clamp(min=torch.finfo(size.dtype).tiny)
    worst = (spread / size).argmax(1, keepdim=True)
    return Repeats(
        spread=_array(spread.gather(1, worst).squeeze(1)),
        size=_array(size.gather(1, worst).squeeze(1)),
        lead=_array(task.lead(asked[0])),
        flips=_array(torch.stack([task.differ(one, asked[0]) for one in asked]).any(0)).astype(bool),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Slopes:
    """What gradients say about single edits, and what those do.

    Attributes:
        size: (n,) of the numbers that the objective is made of, as far as they are finite.
        steepness: (n,) largest entry of the gradient over permitted letters, relative to that.
        moves: (n,) whether any scored edit changes the objective beyond rounding.
        lifts: (n,) whether any raises it.
        correlation: (m,) Spearman's of first-order and exact gains, of the records whose edits differ in effect; 0
            where all first-order gains are the same.
    """

    size: NDArray[np.float64]
    steepness: NDArray[np.float64]
    moves: NDArray[np.bool_]
    lifts: NDArray[np.bool_]
    correlation: NDArray[np.float64]


def slopes(sample: Sample, scores: Scores) -> Slopes:
    """Compare the gradient at the clean sequence with exact scores of a random sample of single edits.

    A gradient that is no number counts as none. Raises ModelError where that is so of every record.
    """
    predictor = sample.problem.predictor
    threat, goal, logits = sample.bound()
    everyone = torch.arange(len(threat), device=predictor.device)
    lengths = predictor.lengths(threat.tokens)
    encoded = predictor.encode(threat.tokens)
    found = predictor.gradient(encoded, lengths, goal.objective, lenient=True)
    if found.missing is not None and bool(found.missing.all()):
        predictor.gradient(encoded, lengths, goal.objective)  # Says why there is none.
    clean = judged(goal, logits, everyone)
    size = clean.slack / ROUNDING
    steepness = (found.gradient.abs() * threat.permitted).amax((1, 2)) / size.clamp(min=1e-30)
    edits = _sampled_edits(sample, threat)
    outputs = scores.logits(threat.tokens, edits)
    edited = judged(goal, outputs, edits.record)
    exact = (edited.told - clean.told[edits.record]).masked_fill(predictor.lost(outputs), 0)
    now = (found.gradient * threat.clean).sum(1)
    record, position, letter = edits.record, edits.position[:, 0], edits.letter[:, 0]
    first_order = found.gradient[record, letter, position] - now[record, position]
    rounding = torch.maximum(edited.slack, clean.slack[record])
    gains, guesses, of = _array(torch.where(exact.abs() <= rounding, 0, exact)), _array(first_order), _array(record)
    moves = np.zeros(len(threat), bool)
    np.logical_or.at(moves, of.astype(int), gains != 0)
    lifts = np.zeros(len(threat), bool)
    np.logical_or.at(lifts, of.astype(int), gains > 0)
    pairs = [(guesses[of == row], gains[of == row]) for row in _array(everyone)]
    correlation = [_spearman(guess, gain) for guess, gain in pairs if len(gain) > 2 and np.ptp(gain) > 0]
    return Slopes(
        size=_array(size), steepness=_array(steepness), moves=moves, lifts=lifts, correlation=np.array(correlation)
    )


def _sampled_edits(sample: Sample, threat: BoundThreat) -> Edits:
    """Up to a number of single edits per record, each as likely as any other."""
    moves = (threat.permitted & ~threat.clean).flatten(1)
    keys = sample.streams("probe edits").uniforms(moves.shape[1], moves.device).masked_fill(~moves, 2.0)
    order = keys.argsort(1)[:, :_EDITS]
    record, rank = torch.nonzero(moves.gather(1, order), as_tuple=True)
    place = order[record, rank]
    width = threat.tokens.shape[1]
    return Edits(record, (place % width)[:, None], (place // width)[:, None])


def _spearman(guess: NDArray[np.float64], gain: NDArray[np.float64]) -> float:
    if np.ptp(guess) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(guess), rankdata(gain))[0, 1])


def broken_by_writing_over(sample: Sample) -> NDArray[np.bool_]:
    """(n,) whether other records' letters, or random ones, over all that may change reach the goal.

    Each record is tried with some that the model reads otherwise, as far as the threat lets their letters stand.
    """
    predictor = sample.problem.predictor
    threat, goal, _ = sample.bound()
    everyone = torch.arange(len(threat), device=predictor.device)
    broken = torch.zeros(len(threat), dtype=torch.bool, device=predictor.device)
    streams = sample.streams("probe others")
    others = _others(sample, streams)
    for draw in range(_OTHERS):
        uniforms = streams.uniforms(threat.tokens.shape[1] + 1, predictor.device)
        written = [threat.sample(uniforms, full=False)]
        if len(others):
            written.append(_written_over(threat, others[:, draw].to(threat.tokens.device)))
        for tokens in written:
            inside = threat.contains(tokens)
            broken |= goal.achieved(predictor.logits(tokens), everyone) & inside
    return _array(broken).astype(bool)


def _others(sample: Sample, streams: RecordStreams) -> Tensor:
    """(n, draws, L) tokens of other records, those that the model reads otherwise if there are any."""
    problem = sample.problem
    predictor, sequences = problem.predictor, problem.sequences
    pool = np.unique(np.linspace(0, len(sequences) - 1, min(len(sequences), 2000)).astype(np.int64))
    tokens = torch.tensor(sequences.tokens[pool])
    logits = predictor.logits(tokens).cpu()
    own = predictor.logits(torch.tensor(sequences.tokens[sample.rows])).cpu()
    if task_of(predictor.task).measured:
        differs = torch.ones(len(own), len(logits), dtype=torch.bool)
    else:
        said, heard = (predictions(predictor.task, one).reshape(len(one), -1) for one in (own, logits))
        differs = (said[:, None] != heard[None]).any(2)
    keys = streams.uniforms(len(pool)) + 2 * (~differs).double()
    return tokens[keys.argsort(1)[:, torch.arange(_OTHERS) % len(pool)]]


def _written_over(threat: BoundThreat, other: Tensor) -> Tensor:
    """(n, L) clean tokens with the letters of ``other`` wherever they may stand."""
    letters = threat.permitted.shape[1]
    may = threat.permitted.gather(1, other.long().clamp(max=letters - 1)[:, None])[:, 0] & (other < letters)
    return torch.where(may, other, threat.tokens)


def broken_without_bounds(sample: Sample, progress: Progress) -> NDArray[np.bool_]:
    """(n,) whether gradient attacks reach the goal once everything that may change is free to."""
    problem = replace(sample.problem, budgets=_WIDE, control_draws=0)
    return found_at(problem, UNBOUNDED, sample.rows, progress).reached


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """(n,) whether the goal was reached, and (n,) the shift towards it (zeros but for regression)."""

    reached: NDArray[np.bool_]
    value: NDArray[np.float64]


def by_effort(sample: Sample, budget: Budget, progress: Progress) -> dict[str, Found]:
    """What discrete PGD finds at one budget, by setting: more steps, and more restarts."""
    problem = replace(sample.problem, budgets=(budget,), control_draws=0)
    settings = [(steps, 0) for steps in STEPS] + [(USUAL_STEPS, restarts) for restarts in RESTARTS[1:]]
    found = {}
    for number, (steps, restarts) in enumerate(settings):
        attack = DiscretePGD(steps=steps, restarts=restarts)
        found[effort(steps, restarts)] = found_at(problem, (attack,), sample.rows, lambda _: None)
        progress((number + 1) / len(settings))
    return found


def effort(steps: int, restarts: int) -> str:
    """A setting by name.

    >>> effort(10, 2)
    '10 steps, 2 restarts'
    """
    return f"{steps} step{'' if steps == 1 else 's'}, {restarts} restarts"


def found_at(problem: Problem, attacks: Sequence[Attack], rows: Rows, progress: Progress = lambda _: None) -> Found:
    """What attacks find at the largest budget of the problem."""
    size = max(len(shard) for shard in problem.shards())
    reached, value = [np.zeros(0, bool)], [np.zeros(0)]
    for start in range(0, len(rows), size):
        run = run_shard(problem, attacks, rows[start : start + size])
        reached.append(_array(run.reached[:, -1]).astype(bool))
        shift = torch.zeros(len(run.clean))
        if isinstance(problem.goal, Shift):
            shift = (run.logits[:, -1] - run.clean)[:, problem.goal.output] * (1 if problem.goal.up else -1)
        value.append(_array(shift))
        progress(min(start + size, len(rows)) / len(rows))
    return Found(reached=np.concatenate(reached), value=np.concatenate(value))


def _array(values: Tensor) -> NDArray[np.float64]:
    return values.detach().double().cpu().numpy()
