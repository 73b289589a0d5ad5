"""How far an edit travels through a recurrent layer: the distance of two runs' states, step by step.

Behind the last edit the two runs read the same letters, so that what is left of the distance is memory. Its half-life
is the number of steps until it has halved; a run that ends before is cut off (censored), and counts as longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.inspect.gates import Trace


@dataclass(frozen=True, kw_only=True)
class Travel:
    """Of one record in one layer and direction.

    Attributes:
        at_edit: distance of the states behind the last edit that is read.
        peak: largest distance anywhere.
        half_life: steps behind the last edit until the distance is at most half of ``at_edit``; infinite where the
            record ends before; NaN where the edit moves nothing.
        kept: distance at the last step, as a share of ``at_edit``.
        steps_left: steps there were behind the last edit.
        gates_at, gates_after: mean absolute change of the gates at edited steps, and at steps behind the first edit
            that are not edited; NaN where there are none.
    """

    at_edit: float
    peak: float
    half_life: float
    kept: float
    steps_left: int
    gates_at: float
    gates_after: float


def distances(trace: Trace, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, T) l2 distance of the states of rows ``one`` and ``other``."""
    apart = (trace.hidden[one] - trace.hidden[other]).double()
    found: NDArray[np.float64] = apart.norm(dim=2).cpu().numpy()
    return found


def edited_steps(edited: NDArray[np.int64], letters: int, steps: int, *, backward: bool) -> NDArray[np.int64]:
    """Steps, in reading order, at which edited letters are read.

    Args:
        edited: 0-based positions of the edits.
        letters: letters of the input, padding of a fixed input included.
        steps: steps of the layer, fewer than letters behind a pooling.
        backward: whether it reads from the end; ``edited`` is then counted from there first.

    >>> edited_steps(np.array([0, 9]), 10, 5, backward=True).tolist()
    [0, 4]
    """
    places = letters - 1 - edited if backward else edited
    return np.unique(places * steps // letters)


def travel(distance: NDArray[np.float64], steps: NDArray[np.int64], gates: NDArray[np.float64] | None = None) -> Travel:
    """Measures of one record.

    Args:
        distance: (T,) of the states, padding cut off.
        steps: edited ones, ascending, at least one.
        gates: (T,) mean absolute change of the gates.
    """
    last, first = int(steps[-1]), int(steps[0])
    start = float(distance[last])
    behind = distance[last:]
    at = np.isin(np.arange(len(distance)), steps)
    after = ~at & (np.arange(len(distance)) > first)
    halved = np.flatnonzero(behind <= start / 2)
    moved = start > 0
    return Travel(
        at_edit=start,
        peak=float(distance.max()),
        half_life=float("nan") if not moved else float(halved[0]) if len(halved) else float("inf"),
        kept=float(distance[-1] / start) if moved else float("nan"),
        steps_left=len(distance) - 1 - last,
        gates_at=_mean(gates, at),
        gates_after=_mean(gates, after),
    )


def _mean(values: NDArray[np.float64] | None, where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if values is not None and where.any() else float("nan")


def gate_change(
    trace: Trace, one: NDArray[np.int64], other: NDArray[np.int64], names: tuple[str, ...]
) -> NDArray[np.float64] | None:
    """(n, T) mean absolute change of those gates that the layer has; None where it has none of them."""
    known = [trace.gates[name] for name in names if name in trace.gates]
    if not known:
        return None
    changes = [(gate[one] - gate[other]).abs().double().mean(2) for gate in known]
    found: NDArray[np.float64] = (sum(changes[1:], changes[0]) / len(changes)).cpu().numpy()
    return found


SHUTTERS = ("update", "reset", "forget", "input", "output")
"""Gates proper, between 0 and 1."""


def median(values: NDArray[np.float64]) -> float:
    """Of half-lives: censored ones count as longer than all others, those of edits without effect not at all.

    >>> median(np.array([1.0, 3.0, np.inf, np.nan]))
    3.0
    """
    known = np.sort(values[~np.isnan(values)])
    return float(known[len(known) // 2]) if len(known) else float("nan")
