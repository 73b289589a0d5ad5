"""Drawing instances of a motif, and finding every occurrence of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.sequences.simulation.motifs import Motif, Orientation


def draw_instances(
    motif: Motif, alphabet: Alphabet, frequencies: NDArray[np.float64], uniforms: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """(R, w) tokens drawn from the weight matrix, given that at most ``mismatches`` letters are unaccepted.

    Args:
        motif: what to draw.
        alphabet: its letters.
        frequencies: (K,) background.
        uniforms: (R, w, 2) numbers in [0, 1): is the letter accepted, and which one is it.

    The condition is met exactly, without rejection: column by column, with the probability that the columns behind can
    still keep to the mismatches that are left.
    """
    weights, accepted = motif.weights(alphabet, frequencies), motif.accepted(alphabet)
    fidelity, width = motif.fidelities(alphabet), accepted.shape[1]
    within = _within(fidelity, motif.mismatches)
    left = np.full(len(uniforms), motif.mismatches)
    tokens = np.empty((len(uniforms), width), np.uint8)
    for column in range(width):
        hit = fidelity[column] * within[column + 1, left + 1] / within[column, left + 1]
        fits = uniforms[:, column, 0] < hit
        left -= ~fits
        for chosen, letters in ((fits, accepted[:, column]), (~fits, ~accepted[:, column])):
            share = np.cumsum(np.where(letters, weights[:, column], 0))
            scaled = uniforms[chosen, column, 1] * share[-1]
            tokens[chosen, column] = np.searchsorted(share[: np.flatnonzero(letters).max(initial=0)], scaled, "right")
    return tokens


def _within(fidelity: NDArray[np.float64], mismatches: int) -> NDArray[np.float64]:
    """(w + 1, m + 2): probability that columns j.. hold at most b mismatches, at [j, b + 1]; b = -1 is 0."""
    table = np.ones((len(fidelity) + 1, mismatches + 2))
    table[:, 0] = 0
    for column in range(len(fidelity) - 1, -1, -1):
        table[column, 1:] = fidelity[column] * table[column + 1, 1:] + (1 - fidelity[column]) * table[column + 1, :-1]
    return table


def occurrences(
    tokens: NDArray[np.uint8], motif: Motif, alphabet: Alphabet, orientation: Orientation
) -> NDArray[np.bool_]:
    """(N, L): True where an occurrence of the motif starts (its leftmost letter, on either strand).

    An unknown letter is a mismatch; a window never reaches into padding.
    """
    if orientation == "either":
        one, other = (occurrences(tokens, motif, alphabet, strand) for strand in ("forward", "reverse"))
        return one | other
    accepted = motif.accepted(alphabet)
    if orientation == "reverse":
        accepted = accepted[alphabet.complement_table[: alphabet.size], ::-1]
    width = accepted.shape[1]
    starts = max(tokens.shape[1] - width + 1, 0)
    wrong = np.zeros((len(tokens), starts), np.int16)
    # A step into padding costs more than any motif allows.
    costs = np.vstack([~accepted, np.ones((1, width), bool), np.full((1, width), motif.mismatches + 1)]).astype(
        np.int16
    )
    for column in range(width):
        wrong += costs[tokens[:, column : column + starts], column]
    found = np.zeros(tokens.shape, bool)
    found[:, :starts] = wrong <= motif.mismatches
    return found
