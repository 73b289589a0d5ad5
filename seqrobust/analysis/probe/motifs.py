"""Hits of weight matrices that an adversary gains and loses more often than random edits of the same number do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.probe.chosen import Chosen, adjusted, enriched
from seqrobust.threats.constraints.matrices import WeightMatrix
from seqrobust.threats.constraints.scanning import Scan, on_strands, tables_of
from seqrobust.threats.constraints.windows import changed_windows

Change = Literal["gained", "lost"]
_CHANGES: tuple[Change, ...] = ("gained", "lost")
_PIECE = 512


@dataclass(frozen=True, kw_only=True)
class MotifChange:
    """Hits of one motif.

    Attributes:
        motif: its name.
        records: edited records that gain (or lose) a hit, n of them.
        expected: those that would by random edits.
        p_value, q_value: as for k-mers; q over all motifs, gained and lost.
    """

    motif: str
    change: Change
    records: int
    n: int
    expected: float
    p_value: float
    q_value: float

    def described(self) -> dict[str, Any]:
        """For ``metrics.json``."""
        return asdict(self)


def motif_changes(chosen: Chosen, matrices: Sequence[WeightMatrix], alphabet: Alphabet) -> list[MotifChange]:
    """Every motif twice, gained and lost, the surest first.

    Args:
        chosen: the edits and their control.
        matrices: each with its threshold; DNA is read on both strands. Those that no record is long enough for, are
            left out.
        alphabet: of the tokens.

    A hit is a motif, a strand and a start; it is gained where the edited sequence has it and the clean one has not.
    """
    width = chosen.clean.shape[1]
    scans = [
        (number, scan) for number, one in enumerate(matrices) for scan in on_strands(one.scan(alphabet), alphabet, True)
    ]
    scans = [(number, scan) for number, scan in scans if scan.width <= width]
    if not len(chosen) or not scans:
        return []
    n, draws, _ = chosen.control.shape
    own = changed_hits(chosen.clean, chosen.edited, scans, len(matrices), alphabet)
    before = np.repeat(chosen.clean, draws, axis=0)
    other = changed_hits(before, chosen.control.reshape(n * draws, width), scans, len(matrices), alphabet)
    hits, control = own.sum(0), other.sum(0)
    p_values = enriched(hits.ravel(), control.ravel(), n, draws)
    q_values = adjusted(p_values).reshape(hits.shape)
    p_values = p_values.reshape(hits.shape)
    found = [
        MotifChange(
            motif=matrix.name,
            change=change,
            records=int(hits[number, kind]),
            n=n,
            expected=float(control[number, kind] / draws),
            p_value=float(p_values[number, kind]),
            q_value=float(q_values[number, kind]),
        )
        for number, matrix in enumerate(matrices)
        for kind, change in enumerate(_CHANGES)
    ]
    return sorted(found, key=lambda one: (one.p_value, -one.records, one.motif))


def changed_hits(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    scans: Sequence[tuple[int, Scan]],
    motifs: int,
    alphabet: Alphabet,
) -> NDArray[np.bool_]:
    """(M, motifs, 2) whether each of M sequences gains and loses a hit of each motif.

    Args:
        before, after: (M, L) tokens.
        scans: number of a motif and its scan on a strand.
        motifs: how many there are.
        alphabet: of the tokens.
    """
    changed = np.zeros((len(before), motifs, 2), bool)
    number_of = {id(scan): number for number, scan in scans}
    for tables in tables_of([scan for _, scan in scans], alphabet, "cpu"):
        motif = torch.tensor([number_of[id(scan)] for scan in tables.scans])
        for first in range(0, len(before), _PIECE):
            old, new = (
                torch.from_numpy(np.ascontiguousarray(part[first : first + _PIECE])) for part in (before, after)
            )
            rows, starts = changed_windows(new, old, tables.width)
            was, now = (tables.window_scores(tables.codes(part), rows, starts) >= tables.least for part in (old, new))
            for kind, marks in enumerate((now & ~was, was & ~now)):
                window, scan = torch.nonzero(marks, as_tuple=True)
                changed[(rows[window] + first).numpy(), motif[scan].numpy(), kind] = True
    return changed
