"""The Beta distribution of confidences that lie so close to 0 or 1 that only their phi tells them apart.

Confidences are given by phi, the logit; log p and log (1 - p) follow from it without rounding, and with them the
likelihood, of which their means are all that is needed. The parameters of confidences of 1 - 1e-13 are a = 1e12 and
b = 1, say: far apart, so that differences of digamma and gamma functions are taken in a form that does not cancel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import digamma, gammaln, log_expit

from seqrobust.analysis.membership.scores import Floats

_LARGE = 1e4
"""From here on the series of digamma and log gamma have all digits."""
_SHARPEST = 1e8
"""Of the smaller parameter. The spread of phi is then 1e-4; values that hardly differ have no best Beta, for sharper
ones are always better."""
_FARTHEST = 1e4
"""Of phi: farther from the middle no two confidences can be told apart in any use."""
_LEAST = 1e-290
"""Of -log p: beyond, its parameter would be beyond the largest number."""


@dataclass(frozen=True, kw_only=True)
class Beta:
    """A Beta distribution of confidences."""

    a: float
    b: float

    def log_density(self, phi: Floats) -> Floats:
        """(N,) log density of the confidences, given their phi."""
        found: Floats = (self.a - 1) * log_expit(phi) + (self.b - 1) * log_expit(-phi) - log_beta(self.a, self.b)
        return found


def most_likely(phi: Floats) -> Beta:
    """The Beta distribution of the largest likelihood, of finite phi (n,).

    At the top psi(a + b) - psi(a) is the mean of -log p, and psi(a + b) - psi(b) that of -log (1 - p) (Minka 2000,
    "Estimating a Dirichlet distribution"). The likelihood is concave in both parameters: for each value of the smaller
    one the other is found from its equation, and what is then left of the second falls as the smaller one grows, so
    that each is found by bracketing, with no step that could fail. Where the smaller one is held at its limit, the
    other still gives the mean of log p of the larger side.
    """
    phi = phi.clip(-_FARTHEST, _FARTHEST)
    if phi.mean() < 0:
        turned = most_likely(-phi)
        return Beta(a=turned.b, b=turned.a)
    near, far = (max(float(-log_expit(side).mean()), _LEAST) for side in (phi, -phi))

    def left(log_b: float) -> float:
        b = math.exp(log_b)
        return _psi_rise(b, _larger(b, near)) - far

    low, high = -3.0, math.log(_SHARPEST)
    while left(low) <= 0:
        low *= 2
    b = _SHARPEST if left(high) >= 0 else math.exp(brentq(left, low, high, xtol=1e-13))
    return Beta(a=_larger(b, near), b=b)


def _larger(b: float, near: float) -> float:
    """a of psi(a + b) - psi(a) = near, by log a: the difference lies between log (1 + b / a) and that plus 1 / a."""
    low = max(math.log(b) - (near + math.log(-math.expm1(-near))), -690.0)
    high = math.log(b + 1) - math.log(near)
    return math.exp(brentq(lambda log_a: _psi_rise(math.exp(log_a), b) - near, low - 1, high + 1, xtol=1e-13))


def _psi_rise(x: float, step: float) -> float:
    """psi(x + step) - psi(x), both above 0."""
    if x < _LARGE:
        return float(digamma(x + step) - digamma(x))
    end = x + step
    share = step / end
    # psi(x) = log x - 1 / 2x - 1 / 12x^2 + ..., the difference term by term.
    return math.log1p(step / x) + share / (2 * x) + share * (1 / x + 1 / end) / (12 * x)


def log_beta(a: float, b: float) -> float:
    """Logarithm of the Beta function, with all digits where one parameter is much larger or both are.

    >>> round(log_beta(2.0, 3.0), 12) == round(math.log(1 / 12), 12)
    True
    """
    large, small = max(a, b), min(a, b)
    if large < _LARGE:
        return float(gammaln(large) + gammaln(small) - gammaln(large + small))
    end = large + small
    # log gamma(x) = (x - 1/2) log x - x + 1 / 12x - ..., that of the sum taken off before it is summed.
    rest = -small * math.log(large) - (end - 0.5) * math.log1p(small / large) + small
    rest += (1 / large - 1 / end) / 12 - (large**-3 - end**-3) / 360
    return float(gammaln(small)) + rest
