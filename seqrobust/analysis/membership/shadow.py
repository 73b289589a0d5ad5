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
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from seqrobust.analysis.membership.beta import Beta, most_likely
from seqrobust.analysis.membership.given import as_marks, as_scores
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError

Family: TypeAlias = Literal["beta", "gaussian"]
FEWEST = 10
"""Values below which a class takes the distribution of all classes."""
_SMALLEST = 1e-4
"""Spread of a normal distribution: values that are all alike have no best one, for narrower ones are always better."""


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


def fit_beta(phi: ArrayLike) -> Beta:
    """The Beta distribution of the largest likelihood, of confidences given by their phi (n,).

    See :func:`~seqrobust.analysis.membership.beta.most_likely`. Raises DataError for fewer than two values.
    """
    return most_likely(_checked(phi))


def fit_gaussian(phi: ArrayLike) -> Gaussian:
    """The normal distribution of phi (n,), its variance without bias. Raises DataError for fewer than two values."""
    values = _checked(phi)
    return Gaussian(mean=float(values.mean()), spread=max(float(values.std(ddof=1)), _SMALLEST))


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
    phi: ArrayLike,
    members: ArrayLike,
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
    values = as_scores(phi, "phi of shadow models")
    inside = as_marks(members, "membership", values.shape)
    fit = fit_beta if family == "beta" else fit_gaussian
    own: dict[int, tuple[Distribution, Distribution]] = {}
    for number in [] if classes is None else np.unique(classes).tolist():
        chosen = np.asarray(classes) == number
        held, others = values[chosen & inside], values[chosen & ~inside]
        if min(len(held), len(others)) >= FEWEST:
            own[int(number)] = (fit(held), fit(others))
    return ShadowDistributions(overall=(fit(values[inside]), fit(values[~inside])), classes=own)


def _ratio(pair: tuple[Distribution, Distribution], phi: Floats) -> Floats:
    return np.asarray(pair[0].log_density(phi) - pair[1].log_density(phi), np.float64)


def _checked(phi: ArrayLike) -> Floats:
    values = as_scores(phi, "phi of shadow models")
    if len(values) < 2:
        raise DataError("a distribution is fitted to two values or more", found=str(len(values)))
    if not np.isfinite(values).all():
        raise DataError("a shadow model's phi is not finite", fix="leave out the model that diverged")
    return values
