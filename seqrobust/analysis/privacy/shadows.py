"""Shadow models of an audit, a file per block, so that a run that was stopped does not train them again.

What is kept of a block is what its models answer, which is all that attacks need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.membership import assign_records, shadow_logits, train_shadows
from seqrobust.analysis.membership.scores import Floats
from seqrobust.analysis.pieces import keeping, whole
from seqrobust.analysis.privacy.pool import Pool
from seqrobust.analysis.privacy.recipe import Recipe
from seqrobust.errors import DataError
from seqrobust.progress import Progress
from seqrobust.training.data import Labelled

PARTS = f"parts/shadows-{5 * '[0-9]'}.npz"
BLOCK = 8
"""Models of one file."""
_LARGEST_CLUSTER = 0.1
"""Share of the pool above which a cluster is not kept together: halves would be unlike otherwise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shadows:
    """What shadow models answer.

    Attributes:
        logits: (M, Q, N, outputs) of M models for the N records of the pool, in Q versions.
        population: (M, Z, outputs) for the population; None where there is none.
        inside: (M, N) who trained on what.
        how: how they were trained, in words.
    """

    logits: Floats
    population: Floats | None
    inside: NDArray[np.bool_]
    how: str


def shadows_of(
    pool: Pool, recipe: Recipe, folder: Path, progress: Progress, *, seed: int, clusters: NDArray[np.int64]
) -> Shadows:
    """Train the pool's shadow models on halves of it, or read back those that were trained.

    Args:
        pool, recipe: the records, and what models are made by.
        folder: where blocks are kept.
        progress: hears of epochs.
        seed: of halves, weights and batches.
        clusters: (N,) relatives that stay in one half.
    """
    sizes = np.bincount(clusters)
    together = clusters if sizes.max() <= _LARGEST_CLUSTER * len(clusters) else None
    try:
        inside = assign_records(len(clusters), pool.shadows, seed=seed, clusters=together)
    except DataError as error:
        raise error.at("members and non-members together") from None
    starts = range(0, pool.shadows, BLOCK)
    progress.start("shadow models", pool.shadows * recipe.epochs)
    parts: list[tuple[Floats, Floats | None]] = []
    how = ""
    for block, start in enumerate(starts):
        path, rows = folder / f"shadows-{block:05d}.npz", inside[start : start + BLOCK]
        if not whole(path, progress.say):
            _train_block(pool, recipe, rows, path, progress, seed=seed, block=block)
        with np.load(path) as archive:
            if not np.array_equal(archive["inside"], rows):
                raise DataError("kept shadow models are of other halves", where=str(path), fix="use --overwrite")
            parts.append((archive["logits"], archive["population"] if pool.population is not None else None))
            how = str(archive["how"])
        progress.advance(min(start + BLOCK, pool.shadows) * recipe.epochs)
    asked = [population for _, population in parts if population is not None]
    return Shadows(
        logits=np.concatenate([logits for logits, _ in parts]),
        population=np.concatenate(asked) if asked else None,
        inside=inside,
        how=how,
    )


def _train_block(
    pool: Pool, recipe: Recipe, inside: NDArray[np.bool_], path: Path, progress: Progress, *, seed: int, block: int
) -> None:
    before = block * BLOCK * recipe.epochs

    def tell(done: int, total: int) -> None:
        progress.advance(before + done, f"block {block + 1}")

    device = str(pool.predictor.device)
    # Models are numbered anew in every block, so each block needs a seed of its own.
    own = int(np.random.SeedSequence([seed, block]).generate_state(1)[0])
    labelled = Labelled(sequences=pool.sequences, targets=pool.targets)
    trained = train_shadows(
        recipe.build,
        labelled,
        inside,
        settings=recipe.settings,
        adversarial=recipe.adversarial,
        last=recipe.last,
        unknown=recipe.unknown,
        seed=own,
        device=device,
        progress=tell,
    )
    answered = partial(shadow_logits, trained.models, unknown=recipe.unknown, device=device)
    kept: dict[str, Any] = {"logits": answered(pool.sequences, pool.queries)}
    if pool.population is not None:
        apart = pool.population.sequences
        kept["population"] = answered(apart, [apart.tokens])[:, 0]
    with keeping(path) as temporary:
        np.savez(temporary, inside=inside, how=np.array(f"{trained.way}: {trained.reason}"), **kept)
