"""What the best single edit at each position does, exactly: the saturation map seen through the adversary's goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.saturation import Scored, cut_blocks, saturate
from seqrobust.attacks import Problem, Shift, predictions
from seqrobust.attacks.goals import BoundGoal
from seqrobust.neighbours import NeighbourScores


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """Effects of single edits of N records.

    Attributes:
        effect: (N, L) how far the best permitted letter at a position moves the goal's objective (for a margin, by how
            much it falls; never negative; for a regression the largest absolute change); NaN where nothing may change.
        usable: (N,) records the goal makes sense on: those correctly classified at first, or all of a regression.
    """

    effect: NDArray[np.float64]
    usable: NDArray[np.bool_]


def position_effects(
    problem: Problem, scores: NeighbourScores, progress: Callable[[float], None] = lambda _: None
) -> Effects:
    """Score every permitted single edit of every record. The predictor must be attached.

    Args:
        problem: whose threat says where and to what letters may change.
        scores: of the same predictor.
        progress: called with the finished share.

    In silico mutagenesis as in Zhou & Troyanskaya 2015 (Nat Methods 12:931), the output being the objective.
    """
    predictor, sequences = problem.predictor, problem.sequences
    clean = torch.cat(
        [
            predictor.logits(torch.tensor(sequences.tokens[first : first + 4096]))
            for first in range(0, len(sequences), 4096)
        ]
    )
    truth = predictions(predictor.task, clean)
    if problem.targets is not None:
        truth = torch.tensor(problem.targets.values, device=predictor.device)
    goal = problem.goal.bind(predictor.task, clean, truth)
    rows = torch.arange(len(sequences), device=predictor.device)
    before = goal.objective(clean, rows).double().cpu().numpy()
    editable = problem.threat.editable(sequences)
    switches = problem.threat.switches(sequences.alphabet)
    found = np.full(editable.shape, np.nan)
    blocks = cut_blocks(editable, sequences.alphabet.size, predictor.outputs)
    signed = not isinstance(problem.goal, Shift)
    for number, scored in enumerate(saturate(predictor, sequences, editable, blocks, scores)):
        part = _block_effects(scored, goal, before, sequences.tokens, switches, signed=signed)
        block = scored.block
        here = block.of(editable)
        found[block.start : block.stop, block.left : block.right][here] = part[here]
        progress((number + 1) / len(blocks))
    return Effects(effect=found, usable=goal.attackable.cpu().numpy())


def _block_effects(
    scored: Scored,
    goal: BoundGoal,
    before: NDArray[np.float64],
    tokens: NDArray[np.uint8],
    switches: NDArray[np.bool_],
    *,
    signed: bool,
) -> NDArray[np.float64]:
    """(n, width) effects of one block; 0 where no letter is permitted."""
    block, _, outputs = scored
    own = tokens[block.start : block.stop, block.left : block.right]
    letters = len(switches)
    table = np.zeros((letters + 2, letters), bool)
    table[:letters] = switches & ~np.eye(letters, dtype=bool)
    may = table[own].transpose(0, 2, 1) & np.isfinite(outputs[..., 0])
    record, letter, column = np.nonzero(may)
    rows = torch.from_numpy(record + block.start)
    logits = torch.from_numpy(outputs[record, letter, column])
    values = _objective(goal, logits, rows)
    change = values - before[record + block.start]
    result = np.zeros(may.shape)
    result[record, letter, column] = np.maximum(change, 0) if signed else np.abs(change)
    best: NDArray[np.float64] = result.max(1)
    return best


def _objective(goal: BoundGoal, logits: Tensor, rows: Tensor) -> NDArray[np.float64]:
    device = goal.attackable.device
    pieces = zip(torch.split(logits, 1 << 18), torch.split(rows, 1 << 18), strict=True)
    parts = [goal.objective(some.to(device), of.to(device)).double().cpu().numpy() for some, of in pieces]
    return np.concatenate(parts) if parts else np.zeros(0)
