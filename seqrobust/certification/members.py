"""All members of a threat at one cost, in pieces, each member once, as sets of single edits at different positions."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seqrobust.attacks.searches.exhaustive import extended
from seqrobust.attacks.searches.greedy import all_edits
from seqrobust.neighbours import Edits
from seqrobust.threats import BoundThreat
from seqrobust.threats.counting import log_counts

_COUNTLESS = 1e18
_CELLS = 1 << 20
"""Sets times edits that are laid out at once."""


def count_members(threat: BoundThreat, units: int) -> list[int]:
    """Members of the one record of a threat by cost, 0 to ``units``; exact up to 2^53, and never said to be more than
    :data:`_COUNTLESS`.

    A member costs what its edits cost; constraints are not asked.
    """
    counts = log_counts(threat.prices, units)[0, 0].exp()
    return [round(float(count)) for count in counts.clamp(max=_COUNTLESS)]


def members_at(threat: BoundThreat, units: int) -> Iterator[Edits]:
    """Every member of the one record of a threat that costs exactly ``units`` (1 or more), in pieces.

    Members are looked at as sets of single edits in the order of their positions, so that none comes twice.
    """
    exact = threat.with_budget(torch.full_like(threat.budget, units))
    singles = all_edits(exact.moves(exact.tokens))
    position, letter = singles.position[:, 0], singles.letter[:, 0]
    price = exact.prices[0, letter, position]
    first = torch.arange(len(position), device=position.device)[:, None]
    for sets in _completed(first, position, price, units):
        record = torch.zeros(len(sets), dtype=torch.int64, device=sets.device)
        yield Edits(record, position[sets], letter[sets])


def _completed(sets: Tensor, position: Tensor, price: Tensor, units: int) -> Iterator[Tensor]:
    """Those of (C, m) sets that cost ``units``, and all that the others can be extended to, depth first."""
    spent = price[sets].sum(1)
    if len(full := sets[spent == units]):
        yield full
    behind = torch.searchsorted(position, position, right=True)
    for piece in torch.split(sets[spent < units], max(_CELLS // max(len(position), 1), 1)):
        if len(piece):
            longer = extended(piece, behind[piece[:, -1]], price, units - price[piece].sum(1))
            yield from _completed(longer, position, price, units)
