"""A spurious correlate: a word without function that goes with the positive records as often as we say.

At strength s it stands in a positive record with probability (1 + s) / 2 and in any other with (1 - s) / 2. At s = 0 it
says nothing about the class, neither by being there nor by where it stands: its place is drawn first, from the places
that leave room for every arrangement of every class, and the motifs are placed around it. It occurs nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.errors import ConfigError
from seqrobust.sequences.simulation.motifs import Motif

SHORTCUT = "shortcut"
"""Region name of a planted shortcut."""

INNOCUOUS = {"DNA": "GCGGCCGC", "RNA": "GCGGCCGC", "PROTEIN": "DYKDDDDK"}
"""A word for each alphabet that real data hold for technical reasons: a NotI cloning site, a FLAG tag."""


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """A spurious correlate.

    Attributes:
        pattern: the word, as in :class:`~seqrobust.sequences.simulation.Motif`. A long degenerate one such as ``S(20)``
            is a shift of composition rather than a word.
        strength: s in [0, 1], how much it says about the class.
        splits: the splits in which it does; in the others its strength is 0. None for all.
    """

    pattern: str
    strength: float
    splits: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise ConfigError(
                "a shortcut's strength is a share",
                expected="a number from 0 to 1",
                found=str(self.strength),
                where="shortcut",
            )

    @property
    def motif(self) -> Motif:
        """The word as a motif, named ``shortcut``."""
        return Motif(name=SHORTCUT, pattern=self.pattern)

    def probability(self, *, positive: bool, split: str) -> float:
        """How often the word stands in such a record.

        >>> Shortcut(pattern="GCGGCCGC", strength=0.5, splits=("train",)).probability(positive=True, split="train")
        0.75
        >>> Shortcut(pattern="GCGGCCGC", strength=0.5, splits=("train",)).probability(positive=True, split="test")
        0.5
        """
        strength = self.strength if self.splits is None or split in self.splits else 0.0
        return (1 + strength) / 2 if positive else (1 - strength) / 2
