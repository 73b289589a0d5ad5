"""Switches of unequal cost in training: budgets and prices in whole units, as the exact best response takes them.

An attack binds a threat to all its records at once; training binds it to a batch at a time, on the batch's device, so a
batch carries its budgets and one table for all letters holds the prices.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from seqrobust.sequences import SequenceSet
from seqrobust.threats import SubstitutionThreat, switch_costs

_RECORDS = 512
"""Records whose prices are held at a time."""


def switch_units(threat: SubstitutionThreat, sequences: SequenceSet) -> Tensor | None:
    """(K, K) int64 units a switch costs, row = letter now, -1 where not permitted; None where each costs one."""
    bound = threat.bind(sequences.take([0]))
    if bound.costs is None:
        return None
    costs = torch.from_numpy(switch_costs(threat.letters, sequences.alphabet))
    return torch.where(costs.isfinite(), (costs / bound.unit).round(), -1).long()


def record_budgets(threat: SubstitutionThreat, sequences: SequenceSet) -> Tensor:
    """(N,) int64 units that may be spent on each record; substitutions where every switch costs one."""
    if switch_units(threat, sequences) is None:
        return torch.from_numpy(threat.counts(threat.editable(sequences)))
    rows = np.array_split(np.arange(len(sequences)), -(-len(sequences) // _RECORDS))
    return torch.cat([threat.bind(sequences.take(part)).budget for part in rows])
