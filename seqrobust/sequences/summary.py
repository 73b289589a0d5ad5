"""What is in a set of records, as plain data: counts, lengths, letters, classes, copies, groups and regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.alphabet import PROTEIN
from seqrobust.sequences.labels import class_names, numbers, same_molecule, same_sequence
from seqrobust.sequences.regions import Regions
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.several_labels import label_fields, label_matrix

NO_SPLIT = "all"
"""What the only split is called where the file names none."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """Spread of some numbers."""

    min: float
    median: float
    max: float


@dataclass(frozen=True, kw_only=True)
class Copies:
    """Records that hold the same sequence.

    Attributes:
        distinct: number of different sequences.
        within: records that repeat an earlier one of their own split.
        across: ``"train / test"`` to the number of sequences that occur in both.
        conflicting: sequences with two or more different classes in one target column.
        other_strand: sequences whose reverse complement is there as well (each pair once).
        other_strand_across: ``"train / test"`` to the number of sequences in one whose reverse complement, and not
            they themselves, is in the other.
    """

    distinct: int
    within: int
    across: Mapping[str, int]
    conflicting: int
    other_strand: int
    other_strand_across: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class RegionSummary:
    """One region name: how many there are, on how many records, and their median length in letters."""

    name: str
    count: int
    records: int
    median_length: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Plain data about a set of records.

    Attributes:
        records: N.
        alphabet: its name.
        lengths: letters per record.
        composition: letter to its share of the known letters.
        gc: share of G and C, or None for protein.
        ambiguous: ambiguity code to how often it stands.
        splits: split to its number of records; one called ``all`` where there are none.
        classes: target column to class to split to number of records; "" is a missing target. Of a column of several
            labels a field, each label instead of each combination.
        ranges: numeric target column to its spread.
        missing: target column to the number of records without a value.
        copies: repeated sequences.
        groups: number of groups, or None.
        groups_across: names of groups that lie in more than one split.
        regions: one entry per region name, the commonest first.
    """

    records: int
    alphabet: str
    lengths: Range
    composition: Mapping[str, float]
    gc: float | None
    ambiguous: Mapping[str, int]
    splits: Mapping[str, int]
    classes: Mapping[str, Mapping[str, Mapping[str, int]]]
    ranges: Mapping[str, Range]
    missing: Mapping[str, int]
    copies: Copies
    groups: int | None
    groups_across: tuple[str, ...]
    regions: tuple[RegionSummary, ...]


def describe(sequences: SequenceSet) -> Summary:
    """A summary of the records.

    >>> from seqrobust.alphabet import DNA
    >>> summary = describe(SequenceSet.from_texts(["ACGN", "ACGN", "NCGT"], DNA))
    >>> summary.ambiguous, summary.copies.distinct, summary.copies.other_strand
    ({'N': 3}, 2, 1)
    """
    splits = np.full(len(sequences), NO_SPLIT) if sequences.splits is None else sequences.splits
    targets = pd.DataFrame(index=range(len(sequences))) if sequences.targets is None else sequences.targets
    composition, ambiguous = _letters(sequences)
    classes, ranges = _targets(targets, splits)
    names = None if sequences.groups is None else sequences.groups
    return Summary(
        records=len(sequences),
        alphabet=sequences.alphabet.name,
        lengths=_range(sequences.lengths),
        composition=composition,
        gc=None if sequences.alphabet.name == PROTEIN.name else composition["G"] + composition["C"],
        ambiguous=ambiguous,
        splits=_counts(splits),
        classes=classes,
        ranges=ranges,
        missing={str(name): int(_missing(targets[name]).sum()) for name in targets},
        copies=_copies(sequences, splits, targets),
        groups=None if names is None else len(set(names.tolist())),
        groups_across=() if names is None else _in_several(names, splits),
        regions=_regions(sequences.regions),
    )


def _range(values: NDArray[np.int64] | NDArray[np.float64]) -> Range:
    if not len(values):
        return Range(min=0, median=0, max=0)
    return Range(min=float(values.min()), median=float(np.median(values)), max=float(values.max()))


def _counts(values: NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(values, return_counts=True)
    usual = {name: place for place, name in enumerate(("train", "valid", "test"))}
    pairs = sorted(zip(names.tolist(), counts.tolist(), strict=True), key=lambda pair: (usual.get(pair[0], 9), pair[0]))
    return {str(name): int(count) for name, count in pairs}


def _letters(sequences: SequenceSet) -> tuple[dict[str, float], dict[str, int]]:
    counts = np.bincount(sequences.letters.ravel(), minlength=256)
    alphabet = sequences.alphabet
    known = {letter: int(counts[ord(letter)]) for letter in alphabet.letters}
    total = max(sum(known.values()), 1)
    codes = {code: int(counts[ord(code)]) for code in alphabet.ambiguity if counts[ord(code)]}
    ordered = dict(sorted(codes.items(), key=lambda pair: (-pair[1], pair[0])))
    return {letter: count / total for letter, count in known.items()}, ordered


def _missing(column: pd.Series) -> NDArray[np.bool_]:
    return np.asarray(column.isna() | (column.astype(str).str.strip() == ""), np.bool_)


def _targets(
    targets: pd.DataFrame, splits: NDArray[np.str_]
) -> tuple[dict[str, dict[str, dict[str, int]]], dict[str, Range]]:
    classes: dict[str, dict[str, dict[str, int]]] = {}
    ranges: dict[str, Range] = {}
    for name in targets:
        labels, values = class_names(targets[name]), numbers(targets[name])
        texts = targets[name].astype(str).where(targets[name].notna(), "").str.strip()
        if labels is not None and label_fields(texts) is not None:
            names, matrix = label_matrix(texts.tolist(), None, f"column {str(name)!r}")
            classes[str(name)] = {
                label: _counts(splits[matrix[:, one] > 0]) for one, label in enumerate(names) if matrix[:, one].any()
            }
            continue
        if labels is not None:
            declared = [str(c) for c in getattr(targets[name].dtype, "categories", [])]
            present = sorted(set(labels.tolist()), key=_numbers_first)
            classes[str(name)] = {
                label: _counts(splits[labels == label]) for label in dict.fromkeys([*present, *declared])
            }
        if values is not None and (labels is None or not np.isnan(values).all()):
            ranges[str(name)] = _range(values[~np.isnan(values)])
    return classes, ranges


def _numbers_first(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _copies(sequences: SequenceSet, splits: NDArray[np.str_], targets: pd.DataFrame) -> Copies:
    exact, molecule = same_sequence(sequences), same_molecule(sequences)
    distinct = int(exact.max(initial=-1)) + 1
    split_codes = pd.factorize(splits)[0]
    return Copies(
        distinct=distinct,
        within=len(sequences) - len(_distinct_pairs(exact, split_codes)),
        across=_shared(exact, splits),
        conflicting=_conflicting(exact, targets),
        other_strand=distinct - (int(molecule.max(initial=-1)) + 1),
        other_strand_across=_other_strand_across(exact, molecule, splits),
    )


def _pairs(splits: NDArray[np.str_]) -> list[tuple[str, str]]:
    names = list(_counts(splits))
    return [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]


def _shared_codes(codes: NDArray[np.int64], splits: NDArray[np.str_]) -> dict[str, NDArray[np.int64]]:
    """``"train / test"`` to the different codes that occur in both."""
    of = {name: np.unique(codes[splits == name]) for name in _counts(splits)}
    return {f"{a} / {b}": np.intersect1d(of[a], of[b], assume_unique=True) for a, b in _pairs(splits)}


def _shared(codes: NDArray[np.int64], splits: NDArray[np.str_]) -> dict[str, int]:
    return {pair: len(shared) for pair, shared in _shared_codes(codes, splits).items() if len(shared)}


def _other_strand_across(
    exact: NDArray[np.int64], molecule: NDArray[np.int64], splits: NDArray[np.str_]
) -> dict[str, int]:
    # Both strands of a molecule may be in both splits, so sequences in common are counted by their molecule.
    molecule_of = np.zeros(int(exact.max(initial=-1)) + 1, np.int64)
    molecule_of[exact] = molecule
    alone = _shared_codes(exact, splits)
    counts = {
        pair: len(np.setdiff1d(shared, molecule_of[alone[pair]]))
        for pair, shared in _shared_codes(molecule, splits).items()
    }
    return {pair: count for pair, count in counts.items() if count}


def _distinct_pairs(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """(P, 2): the different pairs of two columns of numbers from 0."""
    width = int(second.max(initial=0)) + 1
    return np.stack(np.divmod(np.unique(first * width + second), width), axis=1)


def _conflicting(codes: NDArray[np.int64], targets: pd.DataFrame) -> int:
    """Sequences with two classes in one column; two measurements of one sequence differ and contradict nothing."""
    torn: set[int] = set()
    for name in targets:
        labels = class_names(targets[name])
        if labels is not None:
            given = labels != ""
            pairs = _distinct_pairs(codes[given], pd.factorize(labels[given])[0].astype(np.int64))
            torn |= set(np.flatnonzero(np.bincount(pairs[:, 0]) > 1).tolist())
    return len(torn)


def _in_several(names: NDArray[np.str_], splits: NDArray[np.str_]) -> tuple[str, ...]:
    pairs = pd.DataFrame({"group": names.tolist(), "split": splits.tolist()}).drop_duplicates()
    counts = pairs["group"].value_counts()
    return tuple(sorted(str(name) for name in counts.index[counts > 1]))


def _regions(regions: Regions) -> tuple[RegionSummary, ...]:
    table = pd.DataFrame({"name": regions.name, "record": regions.record, "length": regions.end - regions.start})
    by_name = table.groupby("name").agg(
        count=("record", "size"), records=("record", "nunique"), median=("length", "median")
    )
    ordered = by_name.sort_values("count", ascending=False, kind="stable")
    return tuple(
        RegionSummary(name=regions.names[code], count=int(count), records=int(records), median_length=float(median))
        for code, count, records, median in ordered.itertuples()
    )
