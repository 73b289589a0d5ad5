"""Letters as outlines to be stretched, and their colours."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

NUCLEOTIDES = {"A": "#009e73", "C": "#0072b2", "G": "#e69f00", "T": "#d55e00", "U": "#d55e00"}
# Residues by chemistry: hydrophobic, polar, acidic, basic, aromatic, and the two that bend a chain.
RESIDUES = {
    **dict.fromkeys("AILMVC", "#5f6b79"),
    **dict.fromkeys("STNQ", "#009e73"),
    **dict.fromkeys("DE", "#d55e00"),
    **dict.fromkeys("KRH", "#0072b2"),
    **dict.fromkeys("FWY", "#cc79a7"),
    **dict.fromkeys("GP", "#e69f00"),
}


@lru_cache(maxsize=128)
def outline(letter: str, width: float, height: float) -> Outline:
    """A bold letter filling a box at the origin; an I keeps its stem thin and stands in the middle."""
    path = TextPath((0, 0), letter, size=10, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    low, high = np.asarray(path.vertices).min(0), np.asarray(path.vertices).max(0)
    wide = width * (0.35 if letter == "I" else 1)
    scaled = (np.asarray(path.vertices) - low) / (high - low) * (wide, height) + ((width - wide) / 2, 0)
    return Outline(scaled, path.codes)
