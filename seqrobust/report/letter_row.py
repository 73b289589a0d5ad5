"""Letters of any height in a logo: outlines stretched to their column, all of one letter drawn at once.

A picture holds thousands of letters. logomaker draws each as a patch of its own, which takes some ten milliseconds.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from seqrobust.report.letters import NUCLEOTIDES, RESIDUES, outline
from seqrobust.report.look import MUTED

_GAP = 0.04
_BELOW = 0.55
"""Opacity of letters that count against what is explained."""


def draw_letters(axes: Axes, letters: str, heights: NDArray[np.float64], *, protein: bool) -> None:
    """Draw a row of letters, one a column from 0, upward from the line of zero or downward and paler.

    Args:
        axes: where.
        letters: what stands in each column; a blank for nothing.
        heights: (columns,) in units of the axes; NaN and 0 for nothing.
        protein: whether letters are residues, coloured by chemistry.
    """
    palette = RESIDUES if protein else NUCLEOTIDES
    for letter in sorted(set(letters) - {" "}):
        at = np.flatnonzero([own == letter for own in letters])
        at = at[np.nan_to_num(heights[at]) != 0]
        for sign, opacity in ((1, 1.0), (-1, _BELOW)):
            columns = at[np.sign(heights[at]) == sign]
            outlines = [_outline(letter, int(column), float(heights[column])) for column in columns]
            if outlines:
                colour = palette.get(letter, MUTED)
                drawn = PathCollection(outlines, facecolors=colour, linewidths=0, alpha=opacity, gid=letter)
                axes.add_collection(drawn, autolim=False)


def _outline(letter: str, column: int, height: float) -> Outline:
    """A letter filling its column from zero to its height, upright either way."""
    shape = outline(letter, 1 - 2 * _GAP, 1.0)
    return Outline(np.asarray(shape.vertices) * (1, abs(height)) + (column + _GAP, min(height, 0.0)), shape.codes)
