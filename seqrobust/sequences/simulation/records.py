"""From a grammar to a :class:`~seqrobust.sequences.SequenceSet` with targets, splits and exact regions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.errors import ConfigError
from seqrobust.sequences.regions import Regions
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.simulation.accidents import motif_presence
from seqrobust.sequences.simulation.generator import Block, draw_block, is_positive
from seqrobust.sequences.simulation.grammar import Grammar
from seqrobust.sequences.simulation.shortcut import SHORTCUT
from seqrobust.sequences.simulation.streams import Streams, apportion, seed_from

BLOCK = 4096
"""Records drawn together; bounds memory and changes nothing else."""

FRACTIONS: Mapping[str, float] = {"train": 0.7, "valid": 0.1, "test": 0.2}
"""Share of each split, unless told otherwise."""


def simulate(
    grammar: Grammar, n: int, *, seed: int | np.random.Generator, fractions: Mapping[str, float] = FRACTIONS
) -> SequenceSet:
    """``n`` records of a grammar.

    Classes take turns by their shares, and so do the splits within each class. Record i of a seed is the same for every
    ``n``, and the same seed gives the same bytes.

    Args:
        grammar: what to draw; see there for what holds exactly.
        n: how many records.
        seed: a number, or a generator one is drawn from.
        fractions: split name to share of the records.

    Target columns: ``label`` (class name; with several classes), ``positive`` (0/1), ``activity`` and
    ``activity_exact`` (with and without noise; where the grammar has an activity), and ``has_MOTIF`` (0/1) for every
    motif: it occurs anywhere in the record, on either strand, planted or not.

    Regions: every planted motif under its name, and the shortcut as ``shortcut``.

    Raises ConfigError for ``n`` below 1, impossible fractions, or a grammar whose classes cannot be kept apart.
    """
    if n < 1:
        raise ConfigError("at least one record has to be drawn", expected="n of 1 or more", found=str(n))
    names, shares = list(fractions), list(fractions.values())
    if not names or min(shares) < 0 or not np.isclose(sum(shares), 1):
        raise ConfigError("fractions of splits sum to 1", found=", ".join(f"{k} {v}" for k, v in fractions.items()))
    if grammar.shortcut and (unknown := set(grammar.shortcut.splits or ()) - set(names)):
        raise ConfigError("a shortcut speaks of an unknown split", expected=", ".join(names), found=", ".join(unknown))
    classes = apportion([made.share for made in grammar.classes], n)
    splits = np.array(names)[_within_class(classes, shares)]
    number = seed_from(seed)
    blocks = []
    for first in range(0, n, BLOCK):
        part = slice(first, min(first + BLOCK, n))
        streams = Streams(number, first, part.stop - first)
        blocks.append(draw_block(grammar, streams, classes[part], splits[part]))
    return _assembled(grammar, blocks, splits)


def _within_class(classes: NDArray[np.int64], shares: list[float]) -> NDArray[np.int64]:
    """(N,) split index: the records of each class take turns among the splits."""
    chosen = np.empty_like(classes)
    for index in np.unique(classes):
        own = np.flatnonzero(classes == index)
        chosen[own] = apportion(shares, len(own))
    return chosen


def _assembled(grammar: Grammar, blocks: list[Block], splits: NDArray[np.str_]) -> SequenceSet:
    tokens = np.concatenate([block.tokens for block in blocks])
    lengths = np.concatenate([block.frame.lengths for block in blocks])
    return SequenceSet(
        alphabet=grammar.alphabet,
        letters=grammar.alphabet.letter_table[tokens],
        lengths=lengths,
        ids=tuple(f"{grammar.name}-{number + 1}" for number in range(len(tokens))),
        targets=_targets(grammar, blocks, tokens),
        groups=None,
        splits=splits,
        regions=_regions(grammar, blocks),
    )


def _targets(grammar: Grammar, blocks: list[Block], tokens: NDArray[np.uint8]) -> pd.DataFrame:
    classes, exact, noise = (
        np.concatenate(parts)
        for parts in zip(*((block.frame.classes, block.exact, block.noise) for block in blocks), strict=True)
    )
    columns: dict[str, object] = {}
    if len(grammar.classes) > 1:
        columns["label"] = [grammar.classes[index].name for index in classes.tolist()]
    columns["positive"] = is_positive(grammar, classes, exact).astype(np.int64)
    if grammar.activity:
        columns |= {"activity": exact + noise, "activity_exact": exact}
    columns |= {f"has_{name}": found.astype(np.int64) for name, found in motif_presence(grammar, tokens).items()}
    table: pd.DataFrame = pd.DataFrame(columns)
    return table


def _regions(grammar: Grammar, blocks: list[Block]) -> Regions:
    """Flat arrays of all planted motifs and shortcuts, by record and start."""
    names = [*(motif.name for motif in grammar.motifs), *([SHORTCUT] if grammar.shortcut else [])]
    rows = [np.empty((0, 4), np.int64)]
    first = 0
    for block in blocks:
        for record, start, name, width in _placed(grammar, block):
            code = np.full(len(record), names.index(name))
            rows.append(np.column_stack([record + first, start, start + width, code]))
        first += len(block.tokens)
    table = np.concatenate(rows)
    table = table[np.lexsort((table[:, 1], table[:, 0]))]
    return Regions(record=table[:, 0], start=table[:, 1], end=table[:, 2], name=table[:, 3], names=tuple(names))


def _placed(grammar: Grammar, block: Block) -> list[tuple[NDArray[np.int64], NDArray[np.int64], str, int]]:
    """(records, starts, name, width) of each kind of planted thing in a block."""
    found = []
    for index, alternative, arrangement in grammar.arrangements():
        own = (block.frame.classes == index) & (block.frame.alternatives == alternative)
        for number, placement in enumerate(arrangement):
            starts = block.skeleton.starts[:, number]
            rows = np.flatnonzero(own & (starts >= 0))
            found.append((rows, starts[rows], placement.motif, grammar.motif(placement.motif).width(grammar.alphabet)))
    if grammar.shortcut:
        rows = np.flatnonzero(block.worded)
        found.append((rows, block.frame.word[rows], SHORTCUT, grammar.shortcut.motif.width(grammar.alphabet)))
    return found
