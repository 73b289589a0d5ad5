"""Attacks by a model's predicted labels alone, of versions of each record with random edits and with adversarial ones.

The searches take a while: scores are kept once they are known, so that an interrupted run does not search again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.membership import combined_score, edits_score, survival_score
from seqrobust.analysis.membership.scores import Floats
from seqrobust.analysis.pieces import Say, keeping, whole
from seqrobust.analysis.privacy.pool import Pool
from seqrobust.analysis.room import Work
from seqrobust.attacks import Problem, Untargeted, attacks_named, run_shard, scores_for
from seqrobust.errors import ModelError
from seqrobust.models import Predictor
from seqrobust.sequences.encoding import reverse_complement
from seqrobust.tasks import task_of
from seqrobust.threats import Budget, SubstitutionThreat

EDITED = (0.02, 0.05, 0.1)
"""Shares of letters that are substituted at random."""
DRAWS = 10
"""Random versions of each record at each share."""
LARGEST = 8
"""Substitutions up to which the fewest that change a prediction are looked for."""
KEPT = ("label-only.npy", "label-only-edits.npy")
"""Files of scores that are kept."""
_BY_GRADIENT, _BY_ANSWERS = ("quick",), ("block_search",)


def label_only_scores(pool: Pool, work: Work, *, edits: bool) -> dict[str, Floats]:
    """(N,) scores by attack; those with adversarial edits only where they are asked for."""
    places = [work.parts / name for name in KEPT]
    survived = _kept(places[0], lambda: survival(pool, work.seed), work.progress.say)
    found = {"label_only": survived}
    if edits:
        fewest = partial(fewest_edits, pool, survived, work.seed, work.memory)
        found["label_only_edits"] = _kept(places[1], fewest, work.progress.say)
    return found


def _kept(path: Path, scores: Callable[[], Floats], say: Say) -> Floats:
    """What the file holds; computed and kept there where it does not yet."""
    if not whole(path, say):
        found = scores()
        with keeping(path) as temporary:
            np.save(temporary, found)
    kept: Floats = np.load(path)
    return kept


def survival(pool: Pool, seed: int) -> Floats:
    """(N,) share of randomly substituted versions, on either strand where the pool asks for both, that are still
    classified correctly.
    """
    predictor, sequences = pool.predictor, pool.sequences
    rng = np.random.default_rng(seed)
    truth = torch.tensor(pool.targets.values, device=predictor.device)
    strands = 2 if pool.other_strand else 1
    right = np.zeros((len(sequences), len(EDITED), strands * DRAWS), bool)
    with predictor.attached():
        for level, share in enumerate(EDITED):
            for draw in range(strands * DRAWS):
                edited = substituted(sequences.tokens, sequences.alphabet.size, share, rng)
                if draw >= DRAWS:
                    edited = reverse_complement(edited, sequences.alphabet)
                right[:, level, draw] = _right(predictor, edited, pool, truth)
    return survival_score(right)


def fewest_edits(pool: Pool, broken_ties: Floats, seed: int, memory: int | None = None) -> Floats:
    """(N,) fewest substitutions found that change a correct prediction, up to :data:`LARGEST`; ties broken by the (N,)
    shares of random versions survived.

    What a search finds is an upper bound. One by gradients stands here for an adversary who has only answers, and would
    take thousands of them (Choquette-Choo et al. 2021): it is the distance that matters, not the way to it.
    """
    predictor, sequences = pool.predictor, pool.sequences
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=pool.targets,
        threat=SubstitutionThreat(budget=Budget(LARGEST)),
        budgets=tuple(Budget(k) for k in range(1, LARGEST + 1)),
        goal=Untargeted(),
        seed=seed,
        control_draws=1,
    )
    attacks = attacks_named(_BY_GRADIENT)
    edits = np.full(len(sequences), np.nan)
    clean = np.zeros(len(sequences), bool)
    with predictor.attached():
        scores = scores_for(predictor, memory=memory)
        for rows in problem.shards():
            try:
                run = run_shard(problem, attacks, rows, scores=scores.renewed())
            except ModelError:
                if attacks == attacks_named(_BY_ANSWERS):
                    raise
                # A model without a gradient.
                attacks = attacks_named(_BY_ANSWERS)
                run = run_shard(problem, attacks, rows, scores=scores.renewed())
            reached = run.reached.cpu().numpy()
            clean[rows] = run.attackable.cpu().numpy()
            broken = rows[reached.any(1)]
            edits[broken] = 1 + reached[reached.any(1)].argmax(1)
    return combined_score(edits_score(edits, clean, LARGEST), broken_ties)


def _right(predictor: Predictor, tokens: NDArray[np.uint8], pool: Pool, truth: Tensor) -> NDArray[np.bool_]:
    logits = predictor.logits(torch.tensor(tokens, device=predictor.device))
    found: NDArray[np.bool_] = task_of(pool.targets.task).right(logits, truth).cpu().numpy()
    return found


def substituted(tokens: NDArray[np.uint8], letters: int, share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(N, L) tokens with that share of each record's known letters, one or more, replaced by another letter."""
    known = tokens < letters
    counts = np.maximum(np.rint(share * known.sum(1)), 1)
    rank = np.where(known, rng.random(tokens.shape), 2.0).argsort(1).argsort(1)
    chosen = known & (rank < counts[:, None])
    moved = (tokens.astype(np.int64) + rng.integers(1, letters, tokens.shape)) % letters
    return np.where(chosen, moved, tokens).astype(np.uint8)
