"""Selective prediction: the error among the records a model is surest of, against how many those are.

See El-Yaniv and Wiener (2010); the area under the curve is the mean risk over coverages (Geifman et al. 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class RiskCoverage:
    """A curve of n points, ascending in coverage.

    Attributes:
        coverage: (n,) shares of the records that are answered.
        risk: (n,) mean loss of those. Among records of equal uncertainty the order is not known, and risk grows evenly.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]

    @property
    def area(self) -> float:
        """The mean risk over all coverages."""
        return float(self.risk.mean())

    def coverage_at(self, risk: float) -> float:
        """The largest share that can be answered at no more than that risk; 0 where none can."""
        within = np.flatnonzero(self.risk <= risk + 1e-12)
        return float(self.coverage[within[-1]]) if len(within) else 0.0


def risk_coverage(uncertainty: NDArray[np.float64], loss: NDArray[np.float64]) -> RiskCoverage:
    """The curve of (n,) losses, the records of least (n,) uncertainty answered first.

    >>> risk_coverage(np.array([0.1, 0.2, 0.3]), np.array([0.0, 1.0, 0.0])).risk.round(3).tolist()
    [0.0, 0.5, 0.333]
    """
    _, group = np.unique(uncertainty, return_inverse=True)
    expected = (np.bincount(group, loss) / np.bincount(group))[np.sort(group)]
    count = np.arange(1, len(uncertainty) + 1)
    return RiskCoverage(coverage=count / len(uncertainty), risk=np.cumsum(expected) / count)
