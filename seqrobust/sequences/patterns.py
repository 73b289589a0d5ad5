"""Regions from patterns: every place where a motif's letters stand becomes a named region."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from seqrobust.sequences.regions import Region, Regions
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.simulation.motifs import parse_pattern


def with_patterns(sequences: SequenceSet, patterns: Mapping[str, str]) -> SequenceSet:
    """The records with a region for every match of every pattern, overlapping matches included.

    Args:
        sequences: the records; the strand they are given on is read.
        patterns: region name to pattern, IUPAC codes (``TGASTCA``) or PROSITE syntax (``H-E-x(2)-H``);
            ``<`` before it and ``>`` behind it mean the record's ends.

    Raises ConfigError for a pattern that cannot be read.

    >>> from seqrobust.alphabet import PROTEIN
    >>> found = with_patterns(SequenceSet.from_texts(["AAHEAAHAA"], PROTEIN), {"zinc": "H-E-x(2)-H"})
    >>> found.regions.of(0)
    [Region(name='zinc', start=2, end=7)]
    """
    lists = [sequences.regions.of(record) for record in range(len(sequences))]
    for name, pattern in patterns.items():
        columns = parse_pattern(pattern.removeprefix("<").removesuffix(">"), sequences.alphabet)
        # A look-ahead finds matches that overlap.
        first, last = r"\A" * pattern.startswith("<"), r"\Z" * pattern.endswith(">")
        expression = re.compile(f"{first}(?={''.join(f'[{letters}]' for letters in columns)}{last})")
        for own, text in zip(lists, sequences.texts, strict=True):
            own += [Region(name, hit.start(), hit.start() + len(columns)) for hit in expression.finditer(text)]
    regions = Regions.from_lists(lists)
    # A name without a match is known all the same: protecting it protects nothing, and is no typing error.
    names = (*regions.names, *(name for name in patterns if name not in regions.names))
    unseen = tuple(name for name in sequences.regions.names if name not in names)
    return replace(sequences, regions=replace(regions, names=(*names, *unseen)))
