"""Motifs: a pattern of accepted letters, a position weight matrix around it, and where instances stand.

A motif has two faces. To *draw* an instance it is a position weight matrix: each column gives the letters its pattern
accepts the share ``fidelity`` and the others the rest, both in proportion to the background. To *find* one it is a
rule: a window is an occurrence when at most ``mismatches`` of its letters are not accepted. Instances are drawn from
the matrix given that the rule holds, so a drawn instance is always an occurrence, and truth never depends on a score.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ConfigError

Orientation = Literal["forward", "reverse", "either"]
"""Strand on which a motif reads: as written, as its reverse complement, or one of both."""
ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)

_COLUMN = re.compile(r"(\[[A-Za-z]+\]|\{[A-Za-z]+\}|[A-Za-z])(?:\((\d+)\))?-?")


@dataclass(frozen=True, kw_only=True)
class Motif:
    """A motif.

    Attributes:
        name: names the regions where it is placed.
        pattern: IUPAC consensus (``TGASTCA``) or PROSITE pattern (``H-E-x(2)-H``, ``N-{P}-[ST]-{P}``).
        fidelity: probability of an accepted letter, one for all columns or one for each.
        mismatches: how many letters of an occurrence may be unaccepted.
    """

    name: str
    pattern: str
    fidelity: float | tuple[float, ...] = 1.0
    mismatches: int = 0

    def __post_init__(self) -> None:
        values = self.fidelity if isinstance(self.fidelity, tuple) else (self.fidelity,)
        if not all(0 < value <= 1 for value in values):
            raise self.error("fidelity is a probability above 0", found=str(self.fidelity))
        if self.mismatches < 0:
            raise self.error("mismatches cannot be negative", found=str(self.mismatches))
        if not self.name or set(self.name) & set(";\t\n") or self.name != self.name.strip():
            raise self.error("a motif's name names regions: no semicolon, tab or outer space", found=repr(self.name))

    def error(self, problem: str, *, expected: str | None = None, found: str | None = None) -> ConfigError:
        """An error about this motif."""
        return ConfigError(problem, expected=expected, found=found, where=f"motif {self.name!r}")

    def accepted(self, alphabet: Alphabet) -> NDArray[np.bool_]:
        """(K, w): True where the pattern accepts that letter. Raises ConfigError where the alphabet cannot read it."""
        columns = parse_pattern(self.pattern, alphabet)
        if isinstance(self.fidelity, tuple) and len(self.fidelity) != len(columns):
            raise self.error("one fidelity for each column", expected=str(len(columns)), found=str(len(self.fidelity)))
        if self.mismatches >= sum(len(column) < alphabet.size for column in columns):
            raise self.error("a motif that may mismatch everywhere says nothing", found=f"{self.mismatches} mismatches")
        return np.array([[letter in column for column in columns] for letter in alphabet.letters])

    def width(self, alphabet: Alphabet) -> int:
        """w, the number of columns."""
        return int(self.accepted(alphabet).shape[1])

    def fidelities(self, alphabet: Alphabet) -> NDArray[np.float64]:
        """(w,) probability of an accepted letter; 1 where every letter is."""
        accepted = self.accepted(alphabet)
        given = np.broadcast_to(np.asarray(self.fidelity, np.float64), (accepted.shape[1],))
        return np.where(accepted.all(0), 1.0, given)

    def weights(self, alphabet: Alphabet, frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
        """(K, w) position weight matrix over a background of (K,) letter frequencies; columns sum to one.

        >>> from seqrobust.alphabet import DNA
        >>> Motif(name="m", pattern="AY", fidelity=0.8).weights(DNA, np.array([0.4, 0.1, 0.1, 0.4])).round(3).tolist()
        [[0.8, 0.16], [0.033, 0.16], [0.033, 0.04], [0.133, 0.64]]
        """
        accepted, fidelity = self.accepted(alphabet), self.fidelities(alphabet)
        inside, outside = accepted * frequencies[:, None], ~accepted * frequencies[:, None]
        if (inside.sum(0) == 0).any() or ((outside.sum(0) == 0) & (fidelity < 1)).any():
            raise self.error("the background never holds a letter the motif needs")
        outside_total = np.where(outside.sum(0) > 0, outside.sum(0), 1)
        weights: NDArray[np.float64] = inside / inside.sum(0) * fidelity + outside / outside_total * (1 - fidelity)
        return weights

    def affinity(
        self, instances: NDArray[np.uint8], alphabet: Alphabet, frequencies: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(R,) log-odds of (R, w) instances against the background, as a share of the best possible score (then 1)."""
        with np.errstate(divide="ignore"):
            odds = np.log2(self.weights(alphabet, frequencies) / frequencies[:, None])
        best = odds.max(0).sum()
        scores: NDArray[np.float64] = odds[instances, np.arange(odds.shape[1])].sum(1)
        return scores / best if best > 0 else np.ones(len(scores))


def parse_pattern(pattern: str, alphabet: Alphabet) -> tuple[str, ...]:
    """The letters each column accepts.

    IUPAC codes and PROSITE syntax may be mixed: ``[ST]`` one of, ``{P}`` any but, ``x`` any, ``x(3)`` three columns.

    Raises ConfigError at the first place that cannot be read.

    >>> from seqrobust.alphabet import DNA, PROTEIN
    >>> parse_pattern("CAN(2)Y", DNA)
    ('C', 'A', 'ACGT', 'ACGT', 'CT')
    >>> parse_pattern("N-[ST]", PROTEIN)
    ('N', 'ST')
    """
    columns: list[str] = []
    place = 0
    while place < len(pattern):
        found = _COLUMN.match(pattern, place)
        letters = _letters(found.group(1).upper(), alphabet) if found else ""
        if found is None or not letters:
            raise ConfigError(
                f"a pattern cannot be read over {alphabet.name}",
                expected=f"letters {alphabet.letters}, codes {''.join(sorted(alphabet.ambiguity))}, "
                "[any of these], {none of these}, x, x(count)",
                found=f"{pattern!r}, at character {place + 1}",
            )
        columns += [letters] * int(found.group(2) or 1)
        place = found.end()
    if not columns:
        raise ConfigError("a pattern is empty", expected="an IUPAC consensus or a PROSITE pattern", found=repr(pattern))
    return tuple(columns)


def _letters(element: str, alphabet: Alphabet) -> str:
    """Letters one element of a pattern accepts; empty where one of its codes is not of the alphabet."""
    codes = element.strip("[]{}")
    meanings = [alphabet.letters if c == "X" else alphabet.ambiguity.get(c, c) for c in codes]
    named = set("".join(meanings))
    if not named <= set(alphabet.letters):
        return ""
    return "".join(a for a in alphabet.letters if (a in named) != element.startswith("{"))
