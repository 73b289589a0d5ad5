"""Every attack of an audit as a score of each record, large where it looks like a member."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqrobust.analysis.membership import (
    Signals,
    fit_shadows,
    lira_offline,
    lira_online,
    offline_share,
    rmia,
    signals,
)
from seqrobust.analysis.membership.rmia import Rmia
from seqrobust.analysis.membership.scores import Floats
from seqrobust.analysis.membership.shadow import Family
from seqrobust.analysis.privacy.label_only import label_only_scores
from seqrobust.analysis.privacy.pool import Pool
from seqrobust.analysis.privacy.settings import LABEL_ONLY, THRESHOLDS, WITH_SHADOWS, PrivacySettings
from seqrobust.analysis.privacy.shadows import Shadows
from seqrobust.analysis.room import Work
from seqrobust.sequences import Targets
from seqrobust.tasks import task_of

_LEAST = 1e-3
"""Of a regression's residual, in standard deviations of the targets."""
_OF_ANSWERS = {
    "entropy": "a regression's prediction has no entropy",
    "modified_entropy": "a regression's prediction has no entropy",
    "shadow_beta": "a Beta distribution is of probabilities, which a regression has none of",
    **dict.fromkeys(LABEL_ONLY, "a regression's answer is neither right nor wrong"),
}
"""Attacks that do not apply where the task is measured, and why."""


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


def all_scores(pool: Pool, shadows: Shadows | None, settings: PrivacySettings, work: Work) -> Scores:
    """Scores of the wanted attacks, as far as they apply."""
    wanted = settings.wanted
    left_out = not_applicable(pool, wanted)
    chosen = [name for name in wanted if name not in left_out]
    spread, residual = _scale(pool, shadows)
    own = _signals(pool.targets, pool.logits, spread, residual)
    simple = own.as_scores()
    found = {name: Score(values=simple[name]) for name in chosen if name in THRESHOLDS}
    notices: tuple[str, ...] = ()
    if shadows is not None and any(name in WITH_SHADOWS for name in chosen):
        compared = _Compared(pool=pool, shadows=shadows, spread=spread, residual=residual)
        with_shadows, notices = _with_shadows(compared, chosen, settings.prior)
        found |= with_shadows
    if any(name in LABEL_ONLY for name in chosen):
        by_labels = label_only_scores(pool, work, edits="label_only_edits" in chosen)
        found |= {name: Score(values=values) for name, values in by_labels.items()}
    return Scores(found={name: found[name] for name in chosen}, left_out=left_out, notices=notices)


def not_applicable(pool: Pool, wanted: tuple[str, ...]) -> dict[str, str]:
    """Those of the wanted attacks that cannot be had of this pool, and why."""
    left_out, measured = {}, task_of(pool.targets.task).measured
    for name in wanted:
        if name in WITH_SHADOWS and pool.recipe is None:
            left_out[name] = pool.why_none
        elif measured and name in _OF_ANSWERS:
            left_out[name] = _OF_ANSWERS[name]
    return left_out


def _signals(targets: Targets, logits: Floats, spread: Floats, residual: float) -> Signals:
    return signals(logits, targets.values, targets.task, spread=spread, residual=residual)


def _scale(pool: Pool, shadows: Shadows | None) -> tuple[Floats, float]:
    """Spread of a regression's targets, and of its standardised errors on records that a model did not see."""
    if not task_of(pool.targets.task).measured:
        return np.ones(1), 1.0
    wanted = pool.targets.values.astype(np.float64)
    spread = np.maximum(wanted.std(0), 1e-12)
    if shadows is None:
        errors = ((pool.logits - wanted) / spread).ravel()
    else:
        errors = ((shadows.logits[:, 0] - wanted) / spread)[~shadows.inside].ravel()
    return spread, max(float(np.sqrt((errors**2).mean())), _LEAST)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Compared:
    """Signals of the audited model beside those of its shadow models.

    Attributes:
        pool, shadows: whose.
        spread, residual: scale of a regression.
    """

    pool: Pool
    shadows: Shadows
    spread: Floats
    residual: float

    @cached_property
    def own(self) -> Signals:
        """(Q, N) of the audited model."""
        return _signals(self.pool.targets, self.pool.answers, self.spread, self.residual)

    @cached_property
    def models(self) -> Signals:
        """(M, Q, N) of shadow models."""
        return _signals(self.pool.targets, self.shadows.logits, self.spread, self.residual)

    def lira(self, *, online: bool) -> Floats:
        """(N,) by every query."""
        attack = lira_online if online else lira_offline
        return attack(self.own.margin.T, np.moveaxis(self.models.margin, 1, 2), self.shadows.inside)

    def phi(self) -> tuple[Floats, Floats]:
        """(N,) and (M, N) logit of the probability that the whole answer is right; a regression's log density."""
        if not task_of(self.pool.targets.task).independent:
            return self.own.margin[0], self.models.margin[:, 0]
        # The sum of the labels' logits is none of a probability; that of all being right is their product.
        return _logit(self.own.log_confidence[0]), _logit(self.models.log_confidence[:, 0])

    def rmia(self, *, offline: bool) -> Rmia:
        """With the population, or else the non-members, each compared with the others and not with itself."""
        own, models, inside = self.own.log_confidence[0], self.models.log_confidence[:, 0], self.shadows.inside
        share = None
        if offline:
            # A density is not bounded by 1, which the mean with the unseen half would need.
            regression = task_of(self.pool.targets.task).measured
            share = 1.0 if regression else offline_share(models, inside)
        apart = self.pool.population
        if apart is not None and self.shadows.population is not None:
            population, references = (
                _signals(apart.targets, logits, self.spread, self.residual).log_confidence
                for logits in (apart.logits, self.shadows.population)
            )
            return rmia(own, models, inside, population, references, offline=share)
        others = ~self.pool.is_member
        return rmia(
            own,
            models,
            inside,
            own[others],
            models[:, others],
            population_inside=inside[:, others],
            among=others if int(others.sum()) > 1 else None,
            offline=share,
        )


def _logit(log_confidence: Floats) -> Floats:
    log_p = np.minimum(log_confidence, -np.finfo(np.float64).tiny)
    return np.asarray(log_p - np.log(-np.expm1(log_p)), np.float64)


def _with_shadows(compared: _Compared, chosen: list[str], prior: float) -> tuple[dict[str, Score], tuple[str, ...]]:
    found: dict[str, Score] = {}
    notices: list[str] = []
    inside, classes = compared.shadows.inside, compared.pool.classes
    tiled = None if classes is None else np.tile(classes, len(inside))
    own, models = compared.phi()
    families: dict[str, Family] = {"shadow_beta": "beta", "shadow_gaussian": "gaussian"}
    for name, family in families.items():
        if name in chosen:
            fitted = fit_shadows(models.ravel(), inside.ravel(), tiled, family=family)
            found[name] = Score(
                values=fitted.log_ratio(own, classes),
                threshold=math.log1p(-prior) - math.log(prior),
                posterior=fitted.posterior(own, classes, prior=prior),
            )
    if "lira_online" in chosen:
        found["lira_online"] = Score(values=compared.lira(online=True), threshold=0.0)
    if "lira_offline" in chosen:
        found["lira_offline"] = Score(values=compared.lira(online=False))
    for name in ("rmia", "rmia_offline"):
        if name in chosen:
            made = compared.rmia(offline=name == "rmia_offline")
            found[name] = Score(values=made.scores)
            notices += [made.warning] if made.warning and made.warning not in notices else []
    return found, tuple(notices)
