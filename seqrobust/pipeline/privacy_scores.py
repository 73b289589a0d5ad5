"""Every attack of an audit as a score of each record, large where it looks like a member."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.membership import (
    Signals,
    fit_shadows,
    lira_offline,
    lira_online,
    rmia,
    signals,
    survival_score,
)
from seqrobust.analysis.membership.scores import Floats
from seqrobust.attacks.goals import is_right
from seqrobust.pipeline.privacy_setup import LABEL_ONLY, THRESHOLDS, WITH_SHADOWS, Pool
from seqrobust.pipeline.privacy_shadows import Shadows

EDITED = (0.02, 0.05, 0.1)
"""Shares of letters that the label-only attack substitutes."""
DRAWS = 10
"""Random versions of each record at each share."""
_LEAST = 1e-3
"""Of a regression's residual, in standard deviations of the targets."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """One attack's.

    Attributes:
        values: (N,) scores.
        threshold: chosen beforehand, at or above which a record is called a member; None where there is none.
        posterior: (N,) probability of membership under the prior, of attacks that give one.
    """

    values: Floats
    threshold: float | None = None
    posterior: Floats | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Scores by attack, and why others of those wanted are left out."""

    found: dict[str, Score]
    left_out: dict[str, str]
    notices: tuple[str, ...]


def all_scores(pool: Pool, shadows: Shadows | None, wanted: tuple[str, ...], *, prior: float, seed: int) -> Scores:
    """Scores of the wanted attacks, as far as they apply."""
    left_out = _left_out(pool, shadows, wanted)
    chosen = [name for name in wanted if name not in left_out]
    spread, residual = _scale(pool, shadows)
    own = _signals(pool, pool.logits, spread, residual)
    simple = own.as_scores()
    found = {name: Score(values=simple[name]) for name in chosen if name in THRESHOLDS}
    notices: tuple[str, ...] = ()
    if shadows is not None and any(name in WITH_SHADOWS for name in chosen):
        models = _signals(pool, shadows.logits, spread, residual)
        with_shadows, notices = _with_shadows(pool, shadows, own, models, chosen, prior)
        found |= with_shadows
    if LABEL_ONLY in chosen:
        found[LABEL_ONLY] = Score(values=_survival(pool, seed))
    return Scores(found={name: found[name] for name in chosen}, left_out=left_out, notices=notices)


def _left_out(pool: Pool, shadows: Shadows | None, wanted: tuple[str, ...]) -> dict[str, str]:
    left_out = {}
    for name in wanted:
        if name in WITH_SHADOWS and shadows is None:
            left_out[name] = pool.why_none
        elif pool.targets.task == "regression" and name in ("entropy", "modified_entropy"):
            left_out[name] = "a regression's prediction has no entropy"
        elif pool.targets.task == "regression" and name == "shadow_beta":
            left_out[name] = "a Beta distribution is of probabilities, which a regression has none of"
        elif pool.targets.task == "regression" and name == LABEL_ONLY:
            left_out[name] = "a regression's answer is neither right nor wrong"
    return left_out


def _signals(pool: Pool, logits: Floats, spread: Floats, residual: float) -> Signals:
    return signals(logits, pool.targets.values, pool.targets.task, spread=spread, residual=residual)


def _scale(pool: Pool, shadows: Shadows | None) -> tuple[Floats, float]:
    """Spread of a regression's targets, and of its standardised errors on records that a model did not see."""
    if pool.targets.task != "regression":
        return np.ones(1), 1.0
    wanted = pool.targets.values.astype(np.float64)
    spread = np.maximum(wanted.std(0), 1e-12)
    if shadows is None:
        errors = ((pool.logits - wanted) / spread).ravel()
    else:
        errors = ((shadows.logits - wanted) / spread)[~shadows.inside].ravel()
    return spread, max(float(np.sqrt((errors**2).mean())), _LEAST)


def _with_shadows(
    pool: Pool, shadows: Shadows, own: Signals, models: Signals, chosen: list[str], prior: float
) -> tuple[dict[str, Score], tuple[str, ...]]:
    found: dict[str, Score] = {}
    notices: tuple[str, ...] = ()
    flat, classes = shadows.inside.ravel(), pool.classes
    tiled = None if classes is None else np.tile(classes, len(shadows.inside))
    phi = _phi(pool, own), _phi(pool, models)
    for name, family in (("shadow_beta", "beta"), ("shadow_gaussian", "gaussian")):
        if name in chosen:
            fitted = fit_shadows(phi[1].ravel(), flat, tiled, family="beta" if family == "beta" else "gaussian")
            found[name] = Score(
                values=fitted.log_ratio(phi[0], classes),
                threshold=math.log1p(-prior) - math.log(prior),
                posterior=fitted.posterior(phi[0], classes, prior=prior),
            )
    if "lira_online" in chosen:
        found["lira_online"] = Score(values=lira_online(own.margin, models.margin, shadows.inside), threshold=0.0)
    if "lira_offline" in chosen:
        found["lira_offline"] = Score(values=lira_offline(own.margin, models.margin, shadows.inside))
    if "rmia" in chosen:
        values, warning = _rmia(pool, shadows, own, models)
        found["rmia"] = Score(values=values)
        notices = (warning,) if warning else ()
    return found, notices


def _phi(pool: Pool, one: Signals) -> Floats:
    """Logit of the probability that the whole answer is right; for a regression the log density."""
    if pool.targets.task != "multilabel":
        return one.margin
    # The sum of the labels' logits is none of a probability; that of all being right is their product.
    log_p = np.minimum(one.log_confidence, -np.finfo(np.float64).tiny)
    return np.asarray(log_p - np.log(-np.expm1(log_p)), np.float64)


def _rmia(pool: Pool, shadows: Shadows, own: Signals, models: Signals) -> tuple[Floats, str | None]:
    """RMIA with the non-members as population, each compared with the others and not with itself."""
    others = ~pool.is_member
    made = rmia(
        own.log_confidence,
        models.log_confidence,
        shadows.inside,
        own.log_confidence[others],
        models.log_confidence[:, others],
        population_inside=shadows.inside[:, others],
    )
    count = int(others.sum())
    scores = made.scores.copy()
    if count > 1:
        # With gamma 1 a record is as well remembered as itself.
        scores[others] = (scores[others] * count - 1) / (count - 1)
    return scores, made.warning


def _survival(pool: Pool, seed: int) -> Floats:
    """Share of versions with random substitutions that are still answered rightly."""
    predictor, sequences = pool.predictor, pool.sequences
    rng = np.random.default_rng(seed)
    truth = torch.tensor(pool.targets.values, device=predictor.device)
    right = np.zeros((len(sequences), len(EDITED), DRAWS), bool)
    with predictor.attached():
        for level, share in enumerate(EDITED):
            for draw in range(DRAWS):
                edited = substituted(sequences.tokens, sequences.alphabet.size, share, rng)
                logits = predictor.logits(torch.tensor(edited, device=predictor.device))
                right[:, level, draw] = is_right(pool.targets.task, logits, truth).cpu().numpy()
    return survival_score(right)


def substituted(tokens: NDArray[np.uint8], letters: int, share: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(N, L) tokens with that share of each record's known letters, one or more, replaced by another letter."""
    known = tokens < letters
    counts = np.maximum(np.rint(share * known.sum(1)), 1)
    rank = np.where(known, rng.random(tokens.shape), 2.0).argsort(1).argsort(1)
    chosen = known & (rank < counts[:, None])
    moved = (tokens.astype(np.int64) + rng.integers(1, letters, tokens.shape)) % letters
    return np.where(chosen, moved, tokens).astype(np.uint8)
