"""The shadow attack with distributions: how members' and non-members' confidences are spread, class by class.

Shadow models, trained by the attacker on records of which it knows who was in, show how sure a model is of members and
of non-members of a class (Shokri et al. 2017). A distribution is fitted to each, and Bayes' theorem turns a confidence
into a probability of membership under a stated prior:

    P(member | x) = prior f_in(x) / (prior f_in(x) + (1 - prior) f_out(x))

Confidences are told by phi, the logit of the true answer's probability, from which log p and log (1 - p) follow without
rounding; so a Beta distribution can be fitted to confidences that are 1 in any number format, and nothing is clipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, expit, log_expit, polygamma

from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError

Family: TypeAlias = Literal["beta", "gaussian"]
FEWEST = 10
"""Values below which a class takes the distribution of all classes."""
_SMALLEST, _LARGEST = 1e-4, 1e6
"""Of a Beta's parameters: values that hardly differ have no best Beta, for sharper ones are always better."""


@dataclass(frozen=True, kw_only=True)
class Beta:
    """A Beta distribution of confidences."""

    a: float
    b: float

    def log_density(self, phi: Floats) -> Floats:
        """(N,) log density of the confidences, given their phi."""
        found: Floats = (self.a - 1) * log_expit(phi) + (self.b - 1) * log_expit(-phi) - betaln(self.a, self.b)
        return found


@dataclass(frozen=True, kw_only=True)
class Gaussian:
    """A normal distribution of phi."""

    mean: float
    spread: float

    def log_density(self, phi: Floats) -> Floats:
        """(N,) log density of phi."""
        found: Floats = -(((phi - self.mean) / self.spread) ** 2) / 2 - math.log(self.spread * math.sqrt(2 * math.pi))
        return found


Distribution: TypeAlias = Beta | Gaussian


def fit_beta(phi: Floats) -> Beta:
    """The Beta distribution of the largest likelihood, of confidences given by their phi (n,).

    The likelihood depends on the means of log p and log (1 - p) alone, and is concave in both parameters (it is an
    exponential family); Newton's method finds its top (Minka 2000, "Estimating a Dirichlet distribution").
    Raises DataError for fewer than two values.
    """
    _check(phi)
    means = np.array([log_expit(phi).mean(), log_expit(-phi).mean()])
    parameters = _moments(expit(phi))
    for _ in range(200):
        total = parameters.sum()
        slope = digamma(total) - digamma(parameters) + means
        # The curvature is a diagonal plus a constant; solved by the formula for a change of rank one.
        diagonal, constant = -polygamma(1, parameters), polygamma(1, total)
        shared = (slope / diagonal).sum() / (1 / constant + (1 / diagonal).sum())
        step = (slope - shared) / diagonal
        # A step is halved rather than let a parameter fall to 0, and no parameter grows more than fivefold at a time.
        moved = np.clip(parameters - step, parameters / 2, parameters * 5)
        moved = np.clip(moved, _SMALLEST, _LARGEST)
        done = bool((np.abs(moved - parameters) <= 1e-10 * parameters).all())
        parameters = moved
        if done:
            break
    return Beta(a=float(parameters[0]), b=float(parameters[1]))


def fit_gaussian(phi: Floats) -> Gaussian:
    """The normal distribution of phi (n,), its variance without bias. Raises DataError for fewer than two values."""
    _check(phi)
    return Gaussian(mean=float(phi.mean()), spread=max(float(phi.std(ddof=1)), _SMALLEST))


@dataclass(frozen=True, kw_only=True, eq=False)
class ShadowDistributions:
    """What was fitted to shadow models' records.

    Attributes:
        overall: distributions of members and of non-members, of all classes.
        classes: class to its own pair.
    """

    overall: tuple[Distribution, Distribution]
    classes: dict[int, tuple[Distribution, Distribution]]

    def log_ratio(self, phi: Floats, classes: NDArray[np.int64] | None = None) -> Floats:
        """(N,) log f_in / f_out: the attack's score, which the prior only shifts, and which does not saturate."""
        found = _ratio(self.overall, phi)
        if classes is not None:
            for number, pair in self.classes.items():
                chosen = classes == number
                found[chosen] = _ratio(pair, phi[chosen])
        return found

    def posterior(self, phi: Floats, classes: NDArray[np.int64] | None = None, *, prior: float = 0.5) -> Floats:
        """(N,) probability of membership. Raises DataError for a prior that is no probability between 0 and 1."""
        if not 0 < prior < 1:
            raise DataError("a prior is the share of members", expected="above 0, below 1", found=str(prior))
        found: Floats = expit(self.log_ratio(phi, classes) + math.log(prior) - math.log1p(-prior))
        return found


def fit_shadows(
    phi: Floats,
    members: NDArray[np.bool_],
    classes: NDArray[np.int64] | None = None,
    *,
    family: Family = "beta",
) -> ShadowDistributions:
    """Distributions of shadow models' confidences.

    Args:
        phi: (n,) of every record under every shadow model, one after another.
        members: (n,) whether the record was in that model's training.
        classes: (n,) true classes, or None for one distribution of all. A class with fewer than :data:`FEWEST` members
            or non-members has none of its own.
        family: ``beta`` of confidences or ``gaussian`` of phi.

    Raises DataError where there are fewer than two members or non-members, or phi is not finite.
    """
    members = np.asarray(members, bool)
    fit = fit_beta if family == "beta" else fit_gaussian
    own: dict[int, tuple[Distribution, Distribution]] = {}
    for number in [] if classes is None else np.unique(classes).tolist():
        held, others = phi[(classes == number) & members], phi[(classes == number) & ~members]
        if min(len(held), len(others)) >= FEWEST:
            own[int(number)] = (fit(held), fit(others))
    return ShadowDistributions(overall=(fit(phi[members]), fit(phi[~members])), classes=own)


def _ratio(pair: tuple[Distribution, Distribution], phi: Floats) -> Floats:
    return np.asarray(pair[0].log_density(phi) - pair[1].log_density(phi), np.float64)


def _moments(confidence: Floats) -> Floats:
    """Parameters that have the values' mean and variance, where to start from."""
    mean = float(np.clip(confidence.mean(), 1e-6, 1 - 1e-6))
    variance = max(float(confidence.var()), 1e-12)
    total = np.clip(mean * (1 - mean) / variance - 1, 1e-2, 1e4)
    return np.asarray(np.clip(np.array([mean, 1 - mean]) * total, _SMALLEST, _LARGEST), np.float64)


def _check(phi: Floats) -> None:
    if len(phi) < 2:
        raise DataError("a distribution is fitted to two values or more", found=str(len(phi)))
    if not np.isfinite(phi).all():
        raise DataError("a shadow model's phi is not finite", fix="leave out the model that diverged")
