"""A grammar: which motifs stand where in the records of each class, on what background.

What holds for every record of :func:`~seqrobust.sequences.simulation.simulate`, exactly:

* it holds the arrangement it was planted with, at the stated regions;
* beyond what was planted, no arrangement of any class occurs in it: a negative holds no grammar by accident, a decoy
  does not hold the right grammar, a positive has no second copy. The class is thus a function of the letters alone;
* where ``strays`` is False, no motif occurs outside its placements either, on either strand.

An arrangement of fewer motifs may be part of a planted longer one (``A`` inside ``A B``): the longer one decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ConfigError
from seqrobust.sequences.simulation.activity import Activity
from seqrobust.sequences.simulation.backgrounds import Background
from seqrobust.sequences.simulation.motifs import ORIENTATIONS, Motif, Orientation
from seqrobust.sequences.simulation.shortcut import Shortcut


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where one motif of an arrangement stands.

    Attributes:
        motif: its name.
        orientation: the strand it reads on; other than ``forward`` for nucleotides only.
        gap: least and most letters between it and the motif placed before it (None: no limit). Unused for the first.
        window: the interval ``[start, end)`` it lies in, None for the record's own end; negative positions count from
            the record's end, as in Python (``(-4, None)``: the last four letters).
        probability: how often it is placed at all.
    """

    motif: str
    orientation: Orientation = "forward"
    gap: tuple[int, int | None] = (0, None)
    window: tuple[int, int | None] = (0, None)
    probability: float = 1.0

    def __post_init__(self) -> None:
        low, high = self.gap
        if low < 0 or (high is not None and high < low):
            raise ConfigError(
                "a gap is a least and a most number of letters",
                expected="0 <= least <= most",
                found=f"{low} to {high}",
                where=f"placement of {self.motif!r}",
            )
        if self.orientation not in ORIENTATIONS:
            raise ConfigError(
                "unknown orientation",
                expected=", ".join(ORIENTATIONS),
                found=repr(self.orientation),
                where=f"placement of {self.motif!r}",
            )
        if not 0 < self.probability <= 1:
            raise ConfigError(
                "a placement's probability lies above 0 and at most at 1",
                found=str(self.probability),
                where=f"placement of {self.motif!r}",
            )


Arrangement = tuple[Placement, ...]
"""Motifs in the order in which they stand."""


@dataclass(frozen=True, kw_only=True)
class SequenceClass:
    """A class of records.

    Attributes:
        name: its label.
        arrangements: alternatives, one drawn per record, all equally likely; none for a class of pure background.
        share: how many of its records there are, relative to the other classes.
    """

    name: str
    arrangements: tuple[Arrangement, ...] = ()
    share: float = 1.0

    def __post_init__(self) -> None:
        if not self.share > 0:
            raise ConfigError("a class's share is above 0", found=str(self.share), where=f"class {self.name!r}")
        if any(not arrangement for arrangement in self.arrangements):
            raise ConfigError(
                "an arrangement places no motif",
                where=f"class {self.name!r}",
                fix="leave the list of arrangements empty for a class of pure background",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Grammar:
    """A distribution over labelled records.

    Attributes:
        name: prefix of record ids.
        summary: one line about it.
        alphabet: the letters.
        background: what stands between motifs.
        length: least and most letters of a record; drawn uniformly.
        motifs: the motifs that arrangements speak of, by name.
        classes: at least one.
        positive: name of the class that column ``positive`` marks; the first when empty.
        strays: whether motifs may also occur by chance outside their placements.
        activity: a regression value, if there is to be one.
        shortcut: a spurious correlate, if there is to be one.
    """

    name: str
    summary: str
    alphabet: Alphabet
    background: Background
    length: tuple[int, int]
    motifs: tuple[Motif, ...]
    classes: tuple[SequenceClass, ...]
    positive: str = ""
    strays: bool = True
    activity: Activity | None = None
    shortcut: Shortcut | None = field(default=None)

    def __post_init__(self) -> None:
        if self.background.alphabet.name != self.alphabet.name:
            raise self.error("background and grammar differ in alphabet", found=self.background.alphabet.name)
        if not 1 <= self.length[0] <= self.length[1]:
            raise self.error("a length is a least and a most number of letters", found=str(self.length))
        self._check_names()
        self._check_placements()
        for motif in self._motifs_drawn():
            motif.weights(self.alphabet, self.background.frequencies)
        self._check_room()

    def error(
        self,
        problem: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        where: str | None = None,
        fix: str | None = None,
    ) -> ConfigError:
        """An error about this grammar."""
        place = f"grammar {self.name!r}" + (f", {where}" if where else "")
        return ConfigError(problem, expected=expected, found=found, where=place, fix=fix)

    def motif(self, name: str) -> Motif:
        """The motif of that name. Raises ConfigError where there is none."""
        for motif in self.motifs:
            if motif.name == name:
                return motif
        known = ", ".join(motif.name for motif in self.motifs)
        raise self.error("an unknown motif is spoken of", expected=known or "a motif", found=repr(name))

    @property
    def positive_class(self) -> int:
        """Index of the positive class."""
        return [made.name for made in self.classes].index(self.positive or self.classes[0].name)

    def arrangements(self) -> Iterator[tuple[int, int, Arrangement]]:
        """Every (class index, alternative index, arrangement)."""
        for index, made in enumerate(self.classes):
            for alternative, arrangement in enumerate(made.arrangements):
                yield index, alternative, arrangement

    def _motifs_drawn(self) -> list[Motif]:
        return [*self.motifs, *([self.shortcut.motif] if self.shortcut else [])]

    def _check_names(self) -> None:
        if not self.classes:
            raise self.error("a grammar has at least one class")
        for kind, names in (
            ("class", [c.name for c in self.classes]),
            ("motif", [m.name for m in self._motifs_drawn()]),
        ):
            if twice := {name for name in names if names.count(name) > 1}:
                raise self.error(f"two of one name: {kind} {', '.join(sorted(twice))}")
        if self.positive and self.positive not in (names := [made.name for made in self.classes]):
            raise self.error("the positive class is unknown", expected=", ".join(names), found=repr(self.positive))
        if self.activity:
            for name in self.activity.motifs():
                self.motif(name)

    def _check_placements(self) -> None:
        for index, _, arrangement in self.arrangements():
            where = f"class {self.classes[index].name!r}"
            for placement in arrangement:
                self.motif(placement.motif)
                if placement.orientation != "forward" and not self.alphabet.complement:
                    raise self.error(
                        f"a motif cannot lie {placement.orientation} in {self.alphabet.name}",
                        where=where,
                        expected="orientation: forward",
                        found=f"placement of {placement.motif!r}",
                        fix="only nucleotides have a reverse complement",
                    )
            if any(placement.probability < 1 for placement in arrangement) and (self.strays or len(self.classes) > 1):
                raise self.error(
                    "a placement that may be left out cannot define a class",
                    where=where,
                    expected="one class, and strays: false, so that what stands in a record is what was placed",
                    fix="use several classes or arrangements instead",
                )

    def _check_room(self) -> None:
        word = self.shortcut.motif.width(self.alphabet) if self.shortcut else 0
        for index, _, arrangement in self.arrangements():
            needed = shortest_length(self, arrangement) + word
            if self.length[0] < needed:
                raise self.error(
                    "records are too short for the grammar",
                    expected=f"at least {needed} letters" + (", shortcut included" if word else ""),
                    found=f"length {self.length[0]}",
                    where=f"class {self.classes[index].name!r}",
                    fix="raise the length, or narrow the least gaps",
                )


def shortest_length(grammar: Grammar, arrangement: Arrangement) -> int:
    """Letters that the arrangement takes up from the record's start when packed as tightly as its rules allow."""
    end = 0
    for number, placement in enumerate(arrangement):
        start = end + (placement.gap[0] if number else 0)
        end = max(start, placement.window[0]) + grammar.motif(placement.motif).width(grammar.alphabet)
    return end
