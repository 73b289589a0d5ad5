"""RMIA: of how many other records is this one better remembered?

The audited model's probability of a record is set against what models give it on the whole, and the ratio against that
of many records z of the population: the score is the share of z that x beats by a factor of gamma (Zarifzadeh, Liu &
Shokri 2024, "Low-cost high-power membership inference attacks"). Few reference models do; what it needs is many z, for
its scores are multiples of 1/|Z| and no smaller false-positive rate can be told apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from seqrobust.analysis.membership.given import as_marks
from seqrobust.analysis.membership.roc import auc
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError

ENOUGH = 10_000
"""Records of the population from which on a false-positive rate of 0.1 % has some resolution."""
_DIGITS = 8
"""Units in the last place within which ratios are alike: they are sums of logarithms, in an order that may differ."""
_SHARES = np.linspace(0, 1, 11).round(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rmia:
    """What the attack found.

    Attributes:
        scores: (N,) share of the population that a record beats.
        ratios: (N,) log of the audited model's probability over the mean one: the same without a population, and so
            without its steps; a score of its own where the population is small.
        resolution: 1/|Z|.
        warning: what to tell the user of the resolution; None where there is nothing to say.
    """

    scores: Floats
    ratios: Floats
    resolution: float
    warning: str | None


def rmia(
    target: ArrayLike,
    references: ArrayLike,
    inside: ArrayLike | None,
    population: ArrayLike,
    population_references: ArrayLike,
    *,
    population_inside: ArrayLike | None = None,
    among: ArrayLike | None = None,
    gamma: float = 1.0,
    offline: float | None = None,
) -> Rmia:
    """The attack.

    Args:
        target: (N,) log probabilities of the true answers under the audited model.
        references: (M, N) the same under M reference models.
        inside: (M, N) whether a reference model trained on a record; None for none.
        population: (Z,) log probabilities of population records under the audited model, which did not see them.
        population_references: (M, Z) under the reference models.
        population_inside: (M, Z) likewise; None for none.
        among: (N,) which records stand in the population themselves: each is compared with the others of it alone.
        gamma: by how much a record must beat another, 1 or more.
        offline: None for the online attack: the mean probability is half that of models which trained on a record and
            half that of others. Else a, from 0 to 1: models that trained on a record are not asked, and the mean is
            taken to be ((1 + a) p_out + 1 - a) / 2. The larger a, the less a model's training changes a record.

    Raises DataError for arrays that do not fit, log probabilities above 0 where ``offline`` is below 1 (densities have
    no such bound), a record that the references cannot speak of, or gamma or a out of range.
    """
    if not 1 <= gamma < math.inf:
        raise DataError("gamma is how much better a member is remembered", expected="1 or more", found=str(gamma))
    if offline is not None and not 0 <= offline <= 1:
        raise DataError("a of the offline attack is a share", expected="0 to 1", found=str(offline))
    if np.shape(references)[:1] != np.shape(population_references)[:1]:
        raise DataError(
            "records and population are judged by the same reference models",
            expected=str(np.shape(references)[:1]),
            found=str(np.shape(population_references)[:1]),
        )
    ratios, fine = _ratios(target, references, inside, offline, "record")
    # The population was left out by all reference models unless it is said otherwise: then p_out is all there is.
    others, coarse = _ratios(population, population_references, population_inside, offline, "population record")
    itself = np.zeros(len(ratios), bool) if among is None else as_marks(among, "being of the population", ratios.shape)
    if not len(others):
        raise DataError("RMIA compares with a population", fix="give records that the model was not trained on")
    if itself.any() and len(others) < 2:
        raise DataError("a record is compared with others of the population", expected="two or more", found="itself")
    beaten = np.searchsorted(np.sort(others - coarse), ratios - math.log(gamma) + fine, side="right")
    # Against itself a record reaches gamma where that is 1. Counts are whole, so that equal shares are equal numbers.
    beaten = beaten - (itself & (math.log(gamma) <= 2 * fine))
    return Rmia(
        scores=beaten / (len(others) - itself),
        ratios=ratios,
        resolution=1 / len(others),
        warning=resolution_warning(len(others)),
    )


def offline_share(references: ArrayLike, inside: ArrayLike, *, audited: int = 4) -> float:
    """The a of the offline attack that finds out most of what reference models were trained on, of 0, 0.1, ..., 1.

    Args:
        references: (M, N) log probabilities of the true answers under the reference models.
        inside: (M, N) who trained on what.
        audited: reference models that are audited in turn by the others, as the authors choose a.

    Raises DataError as :func:`rmia`, and where there are fewer than three models.
    """
    models = np.asarray(references, np.float64)
    if len(models) < 3:
        raise DataError("reference models are audited by two others", expected="3 or more", found=str(len(models)))
    used = as_marks(inside, "whether a model trained on a record", models.shape)
    areas, told = np.zeros(len(_SHARES)), 0
    for number in range(min(audited, len(models))):
        rest = np.delete(np.arange(len(models)), number)
        # What only this model left out, or none of them, the others cannot speak of.
        known = (~used[rest]).any(0)
        held = used[number, known]
        if held.all() or not held.any():
            continue
        told += 1
        for place, share in enumerate(_SHARES):
            ratios, _ = _ratios(models[number, known], models[rest][:, known], used[rest][:, known], share, "record")
            areas[place] += auc(ratios[held], ratios[~held]).auc
    if not told:
        raise DataError(
            "no reference model can be audited by the others",
            expected="one that trained on some records, and not on others, which another left out too",
            found=f"{len(models)} models",
        )
    # Equal areas are equal, whatever their rounding: then the smallest a.
    return float(_SHARES[areas.round(12).argmax()])


def resolution_warning(population: int) -> str | None:
    """What the size of the population forbids to say; None where it is large enough."""
    if population >= ENOUGH:
        return None
    return (
        f"RMIA scores are multiples of 1/{population}, the size of the population: true-positive rates at "
        f"false-positive rates near or below {100 / population:.2g} % are decided by ties, and come out too low; give "
        f"{ENOUGH:,} records or more, or use the likelihood ratio alone"
    )


def _ratios(
    target: ArrayLike, references: ArrayLike, inside: ArrayLike | None, offline: float | None, what: str
) -> tuple[Floats, Floats]:
    """(N,) log ratios, and by how much rounding may move each."""
    own, models = np.asarray(target, np.float64), np.asarray(references, np.float64)
    used = None if inside is None else as_marks(inside, "whether a model trained on a record")
    if models.ndim != 2 or models.shape[1:] != own.shape or (used is not None and used.shape != models.shape):
        raise DataError(
            "log probabilities of the audited and the reference models do not fit",
            expected="(N,), (M, N), and (M, N) for who trained on what",
            found=f"{own.shape}, {models.shape}" + ("" if used is None else f", {used.shape}"),
        )
    if np.isnan(own).any() or (own == math.inf).any() or not np.isfinite(models).all():
        raise DataError("a log probability is not finite", fix="leave out the reference model that diverged")
    mean = _half_seen(models, used, offline, own, what)
    sizes = np.where(np.isfinite(own), np.abs(own), 0) + np.abs(mean) + 1
    return own - mean + math.log(2), _DIGITS * np.finfo(np.float64).eps * sizes


def _half_seen(models: Floats, used: NDArray[np.bool_] | None, offline: float | None, own: Floats, what: str) -> Floats:
    """(N,) log of twice the mean probability under models half of which trained on a record."""
    if offline is not None and offline < 1 and ((own > 0).any() or (models > 0).any()):
        raise DataError(
            "the offline mean holds for probabilities, and a density may exceed 1", fix="use a = 1, or online"
        )
    out = _mean(models, np.ones(models.shape, bool) if used is None else ~used)
    if offline is not None:
        rest = np.log1p(-offline) if offline < 1 else -np.inf
        mean: Floats = np.logaddexp(_checked(out, what) + np.log1p(offline), rest)
        return mean
    held = out if used is None else _mean(models, used)
    both: Floats = np.logaddexp(_checked(out, what), _checked(held, what))
    return both


def _mean(models: Floats, used: NDArray[np.bool_]) -> Floats:
    """(N,) log of the mean probability of the used models; NaN of none."""
    counts = used.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = logsumexp(np.where(used, models, -np.inf), axis=0) - np.log(counts)
    return np.where(counts > 0, found, np.nan)


def _checked(mean: Floats, what: str) -> Floats:
    if np.isnan(mean).any():
        raise DataError(
            f"no reference model can speak of a {what}",
            found="one that all, or none, of them trained on",
            where=f"{what} number {int(np.isnan(mean).argmax()) + 1}",
            fix="train more reference models, or give offline",
        )
    return mean
