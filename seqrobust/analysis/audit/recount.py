"""Edits counted anew from the sequences as they were written, by text alone.

Nothing here uses the threat, the codings or the searches that made them: letters are compared as letters, named edits
are put into the clean record one by one, regions are read as intervals, and a letter rule is looked up in Biopython's
matrix or in the user's own table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from Bio.Align import substitution_matrices
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.audit.aligned import clean_places
from seqrobust.files import is_file
from seqrobust.sequences import SequenceSet

_SWITCH = re.compile(r"(\D)(\d+)(\D|del)")
_INSERTED = re.compile(r"(\d+)_(\d+)ins(\D)")
_PARTNERS = {"A": "G", "G": "A", "C": "T", "T": "C", "U": "C"}

Price = Callable[[str, str], float]


class Recount(NamedTuple):
    """A written row's edits.

    Attributes:
        size: edits, in units of the budget; codons where those are edited.
        spent: what they cost.
        allowed: what the budget comes to on this record.
        forbidden: switches that the letter rule does not have.
        closed: edits where nothing may be edited: protected, outside, unknown.
        untold: what the row says of its edits that is not so; empty where all of it is.
    """

    size: int
    spent: float
    allowed: float
    forbidden: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    untold: str = ""


def recounted(
    results: pd.DataFrame,
    record: NDArray[np.int64],
    sequences: SequenceSet,
    *,
    moves: str,
    protect: Sequence[str],
    only: Sequence[str],
    rule: str,
) -> list[Recount]:
    """Every row of a table of results.

    Args:
        results: of an attack.
        record: (rows,) the record that each is about; a row of none is left for another invariant to find.
        sequences: clean records.
        moves: ``substitutions``, ``codons...`` or ``indels...``.
        protect, only: names of regions, with ``*`` for any run of characters.
        rule: of letters.
    """
    price, texts, alphabet = letter_price(rule), sequences.texts, sequences.alphabet
    known = [row[:length] < alphabet.size for row, length in zip(sequences.tokens, sequences.lengths, strict=True)]
    open_ = [_open_positions(sequences, record, one, protect, only) for record, one in enumerate(known)]
    more = {name: results[name].tolist() if name in results else None for name in ("codon_edits", "budget_share")}
    columns = (results[name].tolist() for name in ("adversarial_sequence", "edits", "n_edits", "budget"))
    found = []
    for row, (after, edits, count, budget) in enumerate(zip(*columns, strict=True)):
        at = int(record[row])
        if at < 0:
            found.append(Recount(0, 0, 0))
            continue
        codons = None if more["codon_edits"] is None else more["codon_edits"][row]
        allowed = float(budget)
        if more["budget_share"] is not None and codons is None:
            share = float(str(more["budget_share"][row]).rstrip("%"))
            allowed = math.floor(int(open_[at].sum()) * share / 100 + 1e-9)
        one = _Row(texts[at], str(after), str(edits or ""), known[at], open_[at], price, alphabet)
        found.append(one.recounted(moves, codons, int(count), allowed))
    return found


class _Row(NamedTuple):
    """A written row and its clean record."""

    before: str
    after: str
    edits: str
    known: NDArray[np.bool_]
    open: NDArray[np.bool_]
    price: Price
    alphabet: Alphabet

    def recounted(self, moves: str, codons: str | None, count: int, allowed: float) -> Recount:
        if moves.startswith("indels"):
            return self._grown(moves.partition(":")[2] or "left", count, allowed)
        if len(self.before) != len(self.after):
            return Recount(0, 0, allowed, untold=f"it has {len(self.after)} letters, the record {len(self.before)}")
        changed = _differences(self.before, self.after)
        switches = [f"{self.before[i]}{i + 1}{self.after[i]}" for i in changed]
        size = len(changed) if codons is None else len([name for name in codons.split(";") if name])
        prices = [self._price(self.before[i], self.after[i]) for i in changed]
        paid = sum(value for value in prices if value < math.inf)
        return Recount(
            size,
            paid if codons is None else size,
            allowed,
            tuple(name for name, value in zip(switches, prices, strict=True) if value == math.inf),
            tuple(name for name, i in zip(switches, changed, strict=True) if not self.open[i]),
            self._untold(";".join(switches), size, count, len(changed)),
        )

    def _price(self, old: str, new: str) -> float:
        """T and U are one letter, written as the alphabet has it."""
        same = {"T": "U", "U": "T"}.get(old, old)
        old = old if old in self.alphabet.letters or same not in self.alphabet.letters else same
        return self.price(old, new) if new in self.alphabet.letters else math.inf

    def _untold(self, switches: str, size: int, count: int, changed: int) -> str:
        if switches != self.edits:
            return f"edits are said to be {self.edits!r} and are {switches!r}"
        if size != count or (size == 0) != (changed == 0):
            return f"n_edits is said to be {count} and is {size} ({changed} letters differ)"
        return ""

    def _grown(self, anchor: str, count: int, allowed: float) -> Recount:
        """Insertions and deletions: the named edits, put into the record, give what was written."""
        names = [name for name in self.edits.split(";") if name]
        pieces, gaps = list(self.before), [""] * (len(self.before) + 1)
        forbidden, closed = [], []
        for name in names:
            if (found := _INSERTED.fullmatch(name)) is not None:
                place, new = int(found[1]), found[3]
                gaps[place] += new
                forbidden += [name] if new not in self.alphabet.letters else []
                closed += [name] if not self._gap_is_open(place) else []
            elif (found := _SWITCH.fullmatch(name)) is not None and int(found[2]) <= len(self.before):
                place, new = int(found[2]) - 1, found[3]
                if self.before[place] != found[1]:
                    return Recount(
                        len(names), len(names), allowed, untold=f"{name}: the record has {self.before[place]}"
                    )
                pieces[place] = "" if new == "del" else new
                forbidden += [name] if new != "del" and self._price(found[1], new) == math.inf else []
                closed += [name] if not self.open[place] else []
            else:
                return Recount(len(names), len(names), allowed, untold=f"{name} is no edit of this record")
        grown = "".join(gap + piece for gap, piece in zip(gaps, [*pieces, ""], strict=True))
        seen = _anchored(grown, len(self.before), anchor, self.alphabet.any_letter)
        untold = "" if seen == self.after else "the edits it names give another sequence"
        shown = set(clean_places(len(self.before), self.edits, anchor))
        gone = {int(found[2]) - 1 for name in names if name.endswith("del") and (found := _SWITCH.fullmatch(name))}
        held = np.flatnonzero(self.known & ~self.open).tolist()
        closed += [f"{self.before[i]}{i + 1}cut off" for i in held if i not in shown and i not in gone]
        untold = untold or ("" if len(names) == count else f"n_edits is said to be {count} and is {len(names)}")
        return Recount(len(names), len(names), allowed, tuple(forbidden), tuple(closed), untold)

    def _gap_is_open(self, place: int) -> bool:
        """Beside an open or an unknown letter there may be an insertion; inside a closed region there may not."""
        beside = [i for i in (place - 1, place) if 0 <= i < len(self.before)]
        return any(self.open[i] or not self.known[i] for i in beside)


def _differences(one: str, other: str) -> list[int]:
    """Places at which two texts of one length differ; of a long text by arrays, for there may be many."""
    if one == other:
        return []
    codes = (np.frombuffer(text.encode("utf-32-le"), np.uint32) for text in (one, other))
    places: list[int] = np.flatnonzero(np.not_equal(*codes)).tolist()
    return places


def _anchored(grown: str, length: int, anchor: str, unknown: str) -> str:
    if anchor == "free":
        return grown or unknown
    if anchor == "left":
        return grown[:length].ljust(length, unknown)
    return grown[max(len(grown) - length, 0) :].rjust(length, unknown)


def _open_positions(
    sequences: SequenceSet, record: int, known: NDArray[np.bool_], protect: Sequence[str], only: Sequence[str]
) -> NDArray[np.bool_]:
    """(length,) where a record's letters may be edited: known, in a region that may be, and in none that may not."""
    open_ = np.full(len(known), not only)
    regions, names = sequences.regions.of(record) if protect or only else [], sequences.regions.names
    for name, start, end in regions:
        open_[start:end] |= any(_is_meant(name, pattern, names) for pattern in only)
    for name, start, end in regions:
        open_[start:end] &= not any(_is_meant(name, pattern, names) for pattern in protect)
    return open_ & known


def strange_names(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Patterns that mean none of the regions there are, so that nothing here knows where they lie."""
    return [pattern for pattern in patterns if not any(_is_meant(name, pattern, names) for name in names)]


def _is_meant(name: str, pattern: str, names: Sequence[str]) -> bool:
    """Whether a pattern means that region: by its whole name, or where nothing bears that, with ``*`` for anything."""
    if pattern in names:
        return name == pattern
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def letter_price(rule: str) -> Price:
    """What it costs to put one letter in another's place by a rule of letters; infinity where that may not be."""
    if rule.lower() == "any":
        return lambda old, new: 1.0
    if rule.lower() == "transitions":
        return lambda old, new: 1.0 if _PARTNERS.get(old, "") == new or (old, new) == ("C", "U") else math.inf
    if is_file(rule):
        return _of_file(Path(rule))
    name, _, threshold = rule.partition(":")
    matrix = substitution_matrices.load(name.upper())
    return lambda old, new: 1.0 if float(matrix[old, new]) >= float(threshold) else math.inf


def _of_file(path: Path) -> Price:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    header, *rows = ([cell.strip() for cell in re.split(r"[\t,]", line.partition("#")[0])] for line in lines)
    costs = {
        (row[0], column): float(cell)
        for row in rows
        for column, cell in zip(header[1:], row[1:], strict=False)
        if cell and float(cell) > 0
    }
    return lambda old, new: costs.get((old, new), math.inf)
