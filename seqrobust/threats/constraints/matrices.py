"""Weight matrices: reading them from files, their scores in whole numbers, and which score is a hit.

The score of a window is its log-odds against a background, each column's rounded to a hundredth of a bit. The chance
that a random window reaches a score is then computed exactly, by dynamic programming over the columns on the same
whole numbers that a scan adds up (Staden 1989, CABIOS 5:89; Touzet & Varre 2007, Algorithms Mol Biol 2:15).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from Bio import motifs
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.readers.packing import unpacked
from seqrobust.threats.constraints.scanning import Scan

UNIT = 0.01
"""Bits that one unit of score stands for."""

_P_VALUE = 1e-4


@dataclass(frozen=True, kw_only=True)
class WeightMatrix:
    """A motif as counts of letters.

    Attributes:
        name: what a reason calls it.
        letters: the K letters the counts are of, in the order of the alphabet.
        counts: w columns of K counts (or probabilities).
        p_value: a window is a hit where a random window scores as high with at most this probability.
        relative: a window is a hit from this share of the way from the worst possible score to the best on; None to
            go by ``p_value``, which is not read otherwise.
        pseudocount: added to each column, shared out by the background.
        background: K letter frequencies; None for equal ones.

    Raises ThreatError for numbers out of range.
    """

    name: str
    letters: str
    counts: tuple[tuple[float, ...], ...]
    p_value: float = _P_VALUE
    relative: float | None = None
    pseudocount: float = 1.0
    background: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        size = len(self.letters)
        shaped = bool(self.counts) and all(len(column) == size for column in self.counts)
        if not shaped or not all(math.isfinite(n) and n >= 0 for column in self.counts for n in column):
            raise self.error("a weight matrix has a count of 0 or more for each letter of each column")
        if not 0 < self.p_value < 1:
            raise self.error("a p-value lies between 0 and 1", found=f"{self.p_value:g}")
        if self.relative is not None and not 0 < self.relative <= 1:
            raise self.error("a relative score lies above 0 and is at most 1", found=f"{self.relative:g}")
        if not 0 < self.pseudocount < math.inf:
            raise self.error("a pseudocount is positive", found=f"{self.pseudocount:g}")
        if self.background is not None and (
            len(self.background) != size or min(self.background) <= 0 or abs(sum(self.background) - 1) > 1e-6
        ):
            raise self.error("a background is K positive frequencies that add up to 1", found=str(self.background))

    def error(self, problem: str, *, expected: str | None = None, found: str | None = None) -> ThreatError:
        """An error about this motif."""
        return ThreatError(problem, expected=expected, found=found, where=f"motif {self.name!r}")

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """(K,) background."""
        size = len(self.letters)
        return np.full(size, 1 / size) if self.background is None else np.array(self.background)

    @property
    def scores(self) -> NDArray[np.int32]:
        """(w, K) log-odds in units of :data:`UNIT`."""
        counts = np.array(self.counts, np.float64) + self.pseudocount * self.frequencies
        odds = np.log2(counts / counts.sum(1, keepdims=True) / self.frequencies)
        rounded: NDArray[np.int32] = np.round(odds / UNIT).astype(np.int32)
        return rounded

    def scan(self, alphabet: Alphabet) -> Scan:
        """The matrix with its threshold.

        Raises ThreatError for a matrix over other letters than the alphabet's, and where not even its best window is
        as rare as the p-value asks.
        """
        if self.letters != alphabet.letters:
            raise self.error(
                "a weight matrix is about other letters", expected=alphabet.letters, found=self.letters or "none"
            )
        scores = self.scores
        if self.relative is None:
            least = self._least_at(scores)
        else:
            worst, best = int(scores.min(1).sum()), int(scores.max(1).sum())
            least = math.ceil(worst + self.relative * (best - worst) - 1e-9)
        return Scan(name=self.name, strand="", scores=scores, least=least, unit=UNIT)

    def _least_at(self, scores: NDArray[np.int32]) -> int:
        least, rarest = least_score(scores, self.frequencies, self.p_value)
        if least is None:
            raise ThreatError(
                "a motif is too short for a p-value",
                expected=f"at least {rarest:.2g}, the probability of its best window",
                found=f"{self.p_value:g}",
                where=f"motif {self.name!r}",
                fix="give a larger p-value, a relative score such as @80%, or choose motifs with #NAME",
            )
        return least


def least_score(
    scores: NDArray[np.int32], frequencies: NDArray[np.float64], p_value: float
) -> tuple[int | None, float]:
    """The smallest score that a random window has or exceeds with at most a probability, and the best's own.

    Args:
        scores: (w, K) whole numbers.
        frequencies: (K,) letters of a random window, drawn independently.
        p_value: the probability; a millionth of a millionth more still passes, for the rounding of its sums.

    The score is None where even the best one is more probable. Takes time in proportion to w, K and the range.
    """
    chances = np.ones(1)
    for column in scores - scores.min(1, keepdims=True):
        grown = np.zeros(len(chances) + int(column.max()))
        for score, frequency in zip(column.tolist(), frequencies.tolist(), strict=True):
            grown[score : score + len(chances)] += frequency * chances
        chances = grown
    # Summed from the rare end, where the small ones are.
    tail = np.cumsum(chances[::-1])[::-1]
    passing = np.flatnonzero((tail <= p_value * (1 + 1e-12)) & (chances > 0))
    return (int(passing[0]) + int(scores.min(1).sum()) if len(passing) else None), float(tail[-1])


def read_matrices(
    path: Path,
    alphabet: Alphabet,
    *,
    names: Sequence[str] = (),
    p_value: float = _P_VALUE,
    relative: float | None = None,
) -> tuple[WeightMatrix, ...]:
    """Motifs of a JASPAR, minimal MEME or MEME XML file, plain or gzip, told apart by how the file begins.

    Args:
        path: the file.
        alphabet: what the letters mean.
        names: identifiers or names of the motifs to take; empty for all.
        p_value: see :class:`WeightMatrix`.
        relative: see :class:`WeightMatrix`.

    Raises ThreatError for a file that cannot be read, holds no motif or not the named ones, or has other letters.
    """
    found = [(_label(motif), motif) for motif in _parsed(path)]
    if unknown := [name for name in names if not any(name in label.split() for label, _ in found)]:
        known = ", ".join(label for label, _ in found[:8]) + (" ..." if len(found) > 8 else "")
        raise ThreatError("no motif has that name", expected=known, found=", ".join(unknown), where=str(path))
    return tuple(
        WeightMatrix(
            name=label,
            letters=alphabet.letters,
            counts=_columns(motif, label, alphabet, path),
            p_value=p_value,
            relative=relative,
        )
        for label, motif in found
        if not names or set(names) & set(label.split())
    )


def _parsed(path: Path) -> list[motifs.Motif]:
    try:
        text = unpacked(path, path.read_bytes()).decode()
        start = text.lstrip()
        kind = "jaspar" if start.startswith(">") else "meme" if start.startswith("<?xml") else "minimal"
        found = list(motifs.parse(io.StringIO(text), kind))
    # Biopython's parsers have no error of their own: what fails is whatever line came unexpected.
    except Exception as error:
        raise ThreatError(
            "a file of motifs cannot be read",
            expected="JASPAR counts, minimal MEME with its background line, or MEME XML, over DNA or RNA",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            where=str(path),
        ) from None
    if not found:
        raise ThreatError("a file holds no motif", expected="a line that begins with > or MOTIF", where=str(path))
    return found


def _label(motif: motifs.Motif) -> str:
    """Identifier and name, each once."""
    parts: Iterable[str | None] = (getattr(motif, "matrix_id", None), motif.name)
    return " ".join(dict.fromkeys(part for part in parts if part)) or "unnamed"


def _columns(motif: motifs.Motif, label: str, alphabet: Alphabet, path: Path) -> tuple[tuple[float, ...], ...]:
    letters = "".join(sorted(motif.counts))
    if letters != alphabet.letters:
        raise ThreatError(
            "a weight matrix is about other letters",
            expected=alphabet.letters,
            found=letters,
            where=f"{path}, motif {label!r}",
        )
    rows = [[float(count) for count in motif.counts[letter]] for letter in alphabet.letters]
    return tuple(zip(*rows, strict=True))
