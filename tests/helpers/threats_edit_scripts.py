"""Edit scripts, windows, hits and rules in plain Python on text: what the package's own are held against.

Nothing here comes from the package. A script is at most one letter inserted into each gap, and letters replaced or
deleted; a sequence is written as its letters and, beside each, the number of the clean letter that it is.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from Bio import Restriction
from Bio.Seq import Seq
from Bio.SeqUtils import nt_search

Seen = list[tuple[str, int]]
Hits = set[tuple[str, str, int]]


class Script(NamedTuple):
    """``changes`` is what stands in a column now (2 i for the gap before letter i, 2 i + 1 for it, "" for nothing)."""

    changes: dict[int, str]
    seen: Seen

    @property
    def text(self) -> str:
        return "".join(letter for letter, _ in self.seen)


def scripts(text: str, k: int, anchor: str, shut: Callable[[int], bool], letters: str = "ACGT") -> Iterator[Script]:
    """All scripts of at most k edits. ``shut`` says of a letter whether it may not change."""

    def closed(gap: int) -> bool:
        beside = [i for i in (gap - 1, gap) if 0 <= i < len(text)]
        return all(shut(i) for i in beside)

    options: dict[int, list[str]] = {}
    for i, letter in enumerate(text):
        if not shut(i) and letter in letters:
            options[2 * i + 1] = [other for other in ["", *letters] if other != letter]
    for gap in range(len(text) + 1):
        if not closed(gap):
            options[2 * gap] = list(letters)
    for count in range(k + 1):
        for columns in itertools.combinations(sorted(options), count):
            for put in itertools.product(*(options[column] for column in columns)):
                changes = dict(zip(columns, put, strict=True))
                yield Script(changes, viewed(text, changes, anchor))


def viewed(text: str, changes: dict[int, str], anchor: str) -> Seen:
    """What a model sees of an edited text."""
    grown: Seen = []
    for i in range(len(text) + 1):
        if changes.get(2 * i):
            grown.append((changes[2 * i], -1))
        if i < len(text) and (letter := changes.get(2 * i + 1, text[i])):
            grown.append((letter, i))
    if anchor == "free":
        return grown or [("N", -1)]
    missing = [("N", -1)] * max(len(text) - len(grown), 0)
    return (grown + missing)[: len(text)] if anchor == "left" else (missing + grown)[-len(text) :]


# Rules ----------------------------------------------------------------------------------------------------------------


def pattern_hits(pattern: str, text: str) -> Hits:
    """Starts of an IUPAC pattern on both strands, windows with an N left out."""
    found = set()
    turned = str(Seq(pattern).reverse_complement())
    for strand, one in (("+", pattern), *((("-", turned),) if turned != pattern else ())):
        for start in nt_search(text, one)[1:]:
            if "N" not in text[start : start + len(one)]:
                found.add((pattern, strand, start))
    return found


def site_hits(enzyme: str, text: str) -> Hits:
    """Starts of a palindromic recognition site, by Bio.Restriction's own search for cuts."""
    kind = getattr(Restriction, enzyme)
    # It names no cut right at an end, so ends are moved away.
    return {(enzyme, "", cut - 3 - kind.fst5) for cut in kind.search(Seq(f"NN{text}NN"), linear=True)}


def hits_changed(clean: Hits, edited: Hits, seen: Seen, width: int) -> tuple[bool, bool]:
    """Whether a hit came, and whether one went; one whose outermost letters are those of a clean one is that one."""
    carried = set()
    for name, strand, start in edited:
        first, last = seen[start][1], seen[start + width - 1][1]
        if first >= 0 and last - first == width - 1 and (name, strand, first) in clean:
            carried.add((name, strand, start))
    return bool(edited - carried), len(carried) < len(clean)


def gc(text: str) -> float:
    known = [letter for letter in text if letter != "N"]
    return sum(letter in "GC" for letter in known) / len(known) if known else math.nan


def longest_run(text: str) -> int:
    return max((len(list(run)) for letter, run in itertools.groupby(text) if letter != "N"), default=0)


def markov(background: list[str], order: int) -> Callable[[str], float]:
    """Mean ln P(letter | those before it) over a text's words without an N, one pseudocount each."""
    counts: Counter[str] = Counter()
    for text in background:
        counts.update(text[i : i + order + 1] for i in range(len(text) - order))

    def value(text: str) -> float:
        words = [word for i in range(len(text) - order) if "N" not in (word := text[i : i + order + 1])]
        terms = [
            math.log((counts[word] + 1) / sum(counts[word[:-1] + letter] + 1 for letter in "ACGT")) for word in words
        ]
        return sum(terms) / len(terms) if terms else math.nan

    return value


__all__ = ["Hits", "Script", "gc", "hits_changed", "longest_run", "markov", "pattern_hits", "scripts", "site_hits"]
