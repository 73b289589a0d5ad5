"""Where an adversary edits and which letters it switches, beside random edits of the same number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.probe.chosen import Chosen, adjusted, enriched
from seqrobust.sequences import SequenceSet

REACH = 30
"""Letters before and behind a region's start that are looked at."""
MOST = 10


def edited_positions(chosen: Chosen, sequences: SequenceSet) -> dict[str, Any] | None:
    """Edits along the records, where all have one length: ``{"start": 1, "edited": [...], "expected": [...], "top"}``.

    Args:
        chosen: the edits.
        sequences: the edited records.

    ``edited`` are shares of records with an edit there, ``expected`` of random sequences; ``top`` the positions with q
    at most 0.05. None for records of several lengths.
    """
    if not len(chosen) or len(set(sequences.lengths.tolist())) > 1:
        return None
    hits = (chosen.edited != chosen.clean).sum(0)
    control = (chosen.control != chosen.clean[:, None]).sum((0, 1))
    return _profile(hits, control, chosen, 1)


def around_regions(chosen: Chosen, sequences: SequenceSet, names: Sequence[str]) -> dict[str, Any]:
    """The same by distance from the start of each named region (the first of its name on a record)."""
    found = {}
    for name in names:
        starts = _starts(sequences, name)
        rows = np.flatnonzero(starts >= 0)
        if not len(rows):
            continue
        columns = starts[rows, None] + np.arange(-REACH, REACH + 1)
        inside = (columns >= 0) & (columns < sequences.lengths[rows, None])
        at = np.clip(columns, 0, sequences.width - 1)
        own = np.take_along_axis(chosen.edited[rows] != chosen.clean[rows], at, 1) & inside
        control = chosen.control[rows] != chosen.clean[rows][:, None]
        other = np.take_along_axis(control, at[:, None].repeat(control.shape[1], 1), 2) & inside[:, None]
        part = Chosen(
            rows=chosen.rows[rows], clean=chosen.clean[rows], edited=chosen.edited[rows], control=chosen.control[rows]
        )
        found[name] = _profile(own.sum(0), other.sum((0, 1)), part, -REACH)
    return found


def _starts(sequences: SequenceSet, name: str) -> NDArray[np.int64]:
    """(n,) start of the first region of that name; -1 for none."""
    starts = np.full(len(sequences), -1, np.int64)
    regions = sequences.regions
    mine = np.flatnonzero(regions.name == regions.names.index(name))
    order = mine[np.lexsort((-regions.start[mine], regions.record[mine]))]
    starts[regions.record[order]] = regions.start[order]
    return starts


def _profile(hits: NDArray[Any], control: NDArray[Any], chosen: Chosen, start: int) -> dict[str, Any]:
    n, draws = len(chosen), chosen.control.shape[1]
    p_values = enriched(hits.astype(np.int64), control.astype(np.int64), n, draws)
    q_values = adjusted(p_values)
    order = [at for at in np.argsort(p_values, kind="stable").tolist() if q_values[at] <= 0.05][:MOST]
    return {
        "start": start,
        "n": n,
        "edited": (hits / n).tolist(),
        "expected": (control / (n * draws)).tolist(),
        "top": [
            {
                "position": start + at,
                "records": int(hits[at]),
                "expected": float(control[at] / draws),
                "p_value": float(p_values[at]),
                "q_value": float(q_values[at]),
            }
            for at in order
        ],
    }


def switched_letters(chosen: Chosen, alphabet: Alphabet) -> dict[str, Any]:
    """Letters written and destroyed, as shares of all edits beside those of random edits."""
    changed = chosen.edited != chosen.clean
    random = chosen.control != chosen.clean[:, None]
    before = np.broadcast_to(chosen.clean[:, None], chosen.control.shape)
    pairs = {
        "written": (chosen.edited[changed], chosen.control[random]),
        "destroyed": (chosen.clean[changed], before[random]),
    }
    shares = {
        action: [np.bincount(part, minlength=alphabet.size + 2)[: alphabet.size] / max(len(part), 1) for part in both]
        for action, both in pairs.items()
    }
    return {
        action: {
            letter: {"edits": float(own[at]), "random": float(other[at])} for at, letter in enumerate(alphabet.letters)
        }
        for action, (own, other) in shares.items()
    }
