"""What a candidate costs by either way: a prediction from the arithmetic, the same on every run."""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.neighbours.incremental import Incremental
from seqrobust.neighbours.layout import Layout

# Seconds on one core, fitted to the networks of benchmarks/neighbour_scores.py; only ratios matter.
PER_MAC = 12.5e-12
PER_PLAIN_MAC = 15e-12
PER_RECURRENT_MAC = 55e-12
PER_CELL = 0.3e-9
PER_PLAIN_CELL = 0.15e-9
PER_OPERATION = 40e-6

REFERENCE = 1.5
"""Caching the layers of a record, in full passes."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A candidate's cost, for edits of one span.

    Attributes:
        plain_macs, incremental_macs: multiply-adds.
        plain, incremental: predicted seconds on one core.
    """

    plain_macs: int
    incremental_macs: int
    plain: float
    incremental: float

    @property
    def forward_equivalents(self) -> float:
        """Arithmetic of a candidate as a share of a full pass."""
        return self.incremental_macs / max(self.plain_macs, 1)


def predicted_cost(network: Incremental, layout: Layout) -> Cost:
    """The cost of candidates of a layout."""
    plain = (
        (network.plain_macs - network.plain_recurrent_macs) * PER_PLAIN_MAC
        + network.plain_recurrent_macs * PER_RECURRENT_MAC
        + network.plain_cells * PER_PLAIN_CELL
    )
    operations = len(layout.steps) + len(layout.heads) + len(layout.tail)
    incremental = (
        (layout.macs - layout.recurrent_macs) * PER_MAC
        + layout.recurrent_macs * PER_RECURRENT_MAC
        + layout.cells * PER_CELL
        + operations * PER_OPERATION / layout.rows
    )
    return Cost(plain_macs=network.plain_macs, incremental_macs=layout.macs, plain=plain, incremental=incremental)
