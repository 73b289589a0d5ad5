"""What membership attacks find in a world of normal scores: closed forms and integrals, without the library.

In that world phi of a record under any model is base + shift + gain * trained + noise: ``shift`` is the record's own,
N(0, ``shifts``), the same under every model; ``trained`` is 1 where the model saw the record; ``noise`` is N(0, 1).
An attack by phi alone sees the shifts as noise; one with shadow models learns them. With s^2 = 1 + shifts^2:

    threshold on phi     AUC = Phi(gain / (s sqrt 2)), TPR = 1 - Phi(Phi^-1(1 - FPR) - gain / s)
    LiRA, M infinite     the same with s = 1: the likelihood ratio of two known normals is rising in phi - shift

and with M shadow models, half of which saw the record, means and variances come with their sampling distributions:
normal, and chi-squared of M / 2 - 1 degrees of freedom. What has no closed form is integrated, on a fine grid where one
number decides a score and on Sobol points (Owen's scrambling) where several do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import root
from scipy.special import digamma, expit, log_expit
from scipy.stats import beta, binom, binomtest, chi2, nct, norm, qmc

Floats: TypeAlias = NDArray[np.float64]

POINTS = 18
"""Sobol points, as a power of two."""
GRID = 200_000
"""Points of a grid, of equal mass."""


@dataclass(frozen=True, kw_only=True)
class World:
    """The world above.

    Attributes:
        gain: by how much training lifts phi.
        shifts: standard deviation of the records' own shifts.
        base: mean phi of what was not trained on.
        classes: of which every wrong one is equally likely.
        rate: false-positive rate at which members are found.
    """

    gain: float = 1.0
    shifts: float = 1.5
    base: float = 1.0
    classes: int = 3
    rate: float = 0.01

    @property
    def total(self) -> float:
        """Standard deviation of phi over records."""
        return math.sqrt(1 + self.shifts**2)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Area under an attack's ROC, and the members it finds at the world's false-positive rate."""

    auc: float
    found: float


def separated(world: World, distance: float) -> Truth:
    """Of two normals of one spread whose means lie so many standard deviations apart."""
    cut = float(norm.isf(world.rate))
    return Truth(auc=float(norm.cdf(distance / math.sqrt(2))), found=float(norm.sf(cut - distance)))


def by_phi(world: World) -> Truth:
    """Of a threshold on phi, or on anything that rises with it."""
    return separated(world, world.gain / world.total)


def by_known_shifts(world: World) -> Truth:
    """Of LiRA with infinitely many shadow models."""
    return separated(world, world.gain)


def by_entropy(world: World) -> Truth:
    """Of minus the entropy of the prediction, which is large at either end of phi."""

    def score(phi: Floats) -> Floats:
        right, wrong = expit(phi), expit(-phi)
        each = wrong / (world.classes - 1)
        return np.asarray(right * log_expit(phi) + wrong * np.log(each), np.float64)

    return _on_grid(world, score)


def by_beta(world: World) -> Truth:
    """Of the ratio of two Beta densities, each the best in the limit: E log p and E log (1 - p) agree."""
    held, others = (_best_beta(world, gain) for gain in (world.gain, 0.0))

    def score(phi: Floats) -> Floats:
        ratio = (held[0] - others[0]) * log_expit(phi) + (held[1] - others[1]) * log_expit(-phi)
        return np.asarray(ratio, np.float64)

    return _on_grid(world, score)


def by_offline(world: World, models: int, *, own: bool) -> Truth:
    """Of offline LiRA: z of a mean over M / 2 models is wider by sqrt(1 + 2 / M), and non-central t where the
    variance is each record's own."""
    wider = math.sqrt(1 + 2 / models)
    distance = world.gain / wider
    if not own:
        return separated(world, distance)
    freedom = models / 2 - 1
    held, others = nct(freedom, distance), nct(freedom, 0.0)
    area, _ = quad(lambda z: held.pdf(z) * others.cdf(z), -np.inf, np.inf)
    return Truth(auc=float(area), found=float(held.sf(others.isf(world.rate))))


def by_online(world: World, models: int, *, own: bool) -> Truth:
    """Of online LiRA with M models."""
    freedom = models / 2 - 1
    draw = qmc.Sobol(5, rng=np.random.default_rng(0)).random_base2(POINTS).clip(1e-12, 1 - 1e-12)
    noise, first, second = norm.ppf(draw[:, :3]).T
    variance = chi2.ppf(draw[:, 3:], freedom).T / freedom if own else np.ones((2, len(draw)))
    error = math.sqrt(2 / models)

    def score(gain: float) -> Floats:
        phi = gain + noise
        inside = (phi - world.gain - error * first) ** 2 / variance[0] + np.log(variance[0])
        outside = (phi - error * second) ** 2 / variance[1] + np.log(variance[1])
        return np.asarray((outside - inside) / 2, np.float64)

    return of_points(score(world.gain), score(0.0), world.rate)


def by_rmia(world: World, models: int, share: float | None = None) -> Truth:
    """Of RMIA with M reference models: the order of p over the mean p, whatever population it is compared with.

    The mean is that of models which saw the record and of those which did not; with a ``share`` a, offline, it follows
    from the latter's, ((1 + a) p + 1 - a) / 2. Mean probabilities of M / 2 models are taken as normal.
    """
    draw = qmc.Sobol(4, rng=np.random.default_rng(0)).random_base2(POINTS).clip(1e-12, 1 - 1e-12)
    shift, noise, *errors = norm.ppf(draw).T
    place = world.base + world.shifts * shift
    inside, outside = (
        _mean_probability(place + gain, error, models) for gain, error in zip((world.gain, 0.0), errors, strict=True)
    )
    mean = inside + outside if share is None else (1 + share) * outside + 1 - share

    def score(gain: float) -> Floats:
        return np.asarray(log_expit(place + gain + noise) - np.log(mean), np.float64)

    return of_points(score(world.gain), score(0.0), world.rate)


def by_survival(world: World, versions: int) -> Truth:
    """Of how many of so many versions are answered rightly, each with the probability that phi tells: 0, 1, ... ."""
    nodes = world.base + world.total * _normal_grid(2000)
    counts = np.arange(versions + 1)
    held, others = (
        np.asarray(binom.pmf(counts, versions, expit(nodes + gain)[:, None])).mean(0) for gain in (world.gain, 0.0)
    )
    below = others.cumsum() - others
    above = others[::-1].cumsum()[::-1]
    kept = above <= world.rate
    return Truth(auc=float((held * (below + others / 2)).sum()), found=float(held[kept].sum()))


def expected_found(distance: float, rate: float, nonmembers: int) -> float:
    """What a rate read without interpolation is on average, by two normals so far apart.

    The threshold is the non-member just beyond the k that the rate allows of m: the false-positive rate there follows a
    Beta distribution of k + 1 and m - k, with mean (k + 1) / (m + 1).
    """
    allowed = math.floor(rate * nonmembers + 1e-9)
    drawn = beta(allowed + 1, nonmembers - allowed)
    value, _ = quad(lambda f: drawn.pdf(f) * norm.sf(norm.isf(f) - distance), 0, min(1.0, 40 * rate), limit=200)
    return float(value)


def safe_interval(held: Floats, others: Floats, rate: float) -> list[float]:
    """An interval of the share of members above the true threshold, of 95 % or more whatever the distributions.

    With a chance of 97.5 % the threshold has between a and b non-members above it, by the binomial distribution, and so
    lies between two of their ordered scores; with Clopper-Pearson ends of 97.5 % at these the errors add up to 5 %.
    """
    least, most = (int(binom.ppf(tail, len(others), rate)) for tail in (0.0125, 0.9875))
    ordered = np.sort(others)[::-1]
    top = 0 if not least else int((held >= ordered[least - 1]).sum())
    bottom = len(held) if most >= len(others) else int((held >= ordered[most]).sum())
    ends = [binomtest(hits, len(held)).proportion_ci(0.975, method="exact") for hits in (top, bottom)]
    return [float(ends[0].low), float(ends[1].high)]


def of_points(held: Floats, others: Floats, rate: float) -> Truth:
    """Of scores of members and non-members at points of equal mass."""
    ordered = np.sort(others)
    lower = np.searchsorted(ordered, held, side="left")
    upper = np.searchsorted(ordered, held, side="right")
    cut = ordered[len(ordered) - math.floor(rate * len(ordered)) - 1]
    return Truth(auc=float((lower + upper).mean() / (2 * len(ordered))), found=float((held > cut).mean()))


def _on_grid(world: World, score: Callable[[Floats], Floats]) -> Truth:
    phi = world.base + world.total * _normal_grid(GRID)
    return of_points(score(phi + world.gain), score(phi), world.rate)


def _normal_grid(count: int) -> Floats:
    return np.asarray(norm.ppf((np.arange(count) + 0.5) / count), np.float64)


def _best_beta(world: World, gain: float) -> Floats:
    """Parameters of the largest expected likelihood."""
    phi = world.base + gain + world.total * _normal_grid(GRID)
    wanted = np.array([log_expit(phi).mean(), log_expit(-phi).mean()])

    def error(logs: Floats) -> Floats:
        found = np.exp(logs)
        return np.asarray(digamma(found) - digamma(found.sum()) - wanted, np.float64)

    solved = root(error, np.zeros(2), tol=1e-12)
    if not solved.success:
        raise SystemExit(f"no Beta was found: {solved.message}")
    return np.asarray(np.exp(solved.x), np.float64)


def _mean_probability(phi: Floats, error: Floats, models: int) -> Floats:
    """Mean of expit(phi + noise) over M / 2 models, ``error`` standard errors off its expectation."""
    # On a grid of phi, for the integral over the noise is smooth.
    grid = np.linspace(phi.min(), phi.max(), 400)
    values = expit(grid[:, None] + _normal_grid(4000))
    mean, spread = (np.interp(phi, grid, part) for part in (values.mean(1), values.std(1)))
    return np.asarray(np.clip(mean + error * spread / math.sqrt(models / 2), 1e-9, 1), np.float64)
