"""Who trains and who is tested: splits drawn so that nothing that belongs together ends up on two sides.

What must stay together is a *unit*: a group (locus, homology cluster) where the file names them, else all copies of one
sequence, on either strand. Each unit has a rank from a hash of the seed and its name, so that a split depends neither
on the order of the file nor on the machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.errors import DataError
from seqrobust.sequences.labels import class_names, same_molecule
from seqrobust.sequences.sequence_set import SequenceSet

FRACTIONS: Mapping[str, float] = {"train": 0.8, "valid": 0.1, "test": 0.1}


def assign_splits(
    sequences: SequenceSet,
    *,
    seed: int,
    fractions: Mapping[str, float] | None = None,
    mapping: Mapping[str, Sequence[str]] | None = None,
    by_group: bool = True,
) -> SequenceSet:
    """The records with splits.

    Args:
        sequences: the records; their ``splits`` hold the file's split or fold column where it has one.
        seed: of the draw.
        fractions: split to its share of the records, to draw splits afresh.
        mapping: split to the values of the file's column it is made of, such as ``{"test": ["4"], "valid": ["3"]}``;
            values named nowhere are ``train``.
        by_group: keep groups together, where there are any; without them, or with False, copies of a sequence.

    With neither fractions nor mapping the file's own splits stand, or :data:`FRACTIONS` are drawn where it has none.

    Raises DataError for fractions that are not shares, a mapping to values that do not occur, or both at once.
    """
    if mapping is not None and fractions is not None:
        raise DataError("splits are either drawn or taken from a column", found="fractions and a mapping")
    if mapping is not None:
        return _mapped(sequences, mapping)
    if fractions is None and sequences.splits is not None:
        return sequences
    return replace(
        sequences, splits=_drawn(sequences, _shares(FRACTIONS if fractions is None else fractions), seed, by_group)
    )


def carve_split(
    sequences: SequenceSet,
    *,
    seed: int,
    name: str = "valid",
    source: str = "train",
    fraction: float = 0.1,
    by_group: bool = True,
) -> SequenceSet:
    """The records with a new split cut from another one, groups kept together; the other splits stay as they are.

    Raises DataError when ``source`` is empty or ``name`` is there already.
    """
    if sequences.splits is not None and name in sequences.splits:
        raise DataError(f"there is a split {name} already", fix="use it as it is")
    pool = sequences.in_split(source)
    shares = _shares({source: 1 - fraction, name: fraction})
    splits = np.array(sequences.splits, dtype=object)
    splits[splits == source] = _drawn(pool, shares, seed, by_group)
    return replace(sequences, splits=splits.astype(np.str_))


def _shares(fractions: Mapping[str, float]) -> dict[str, float]:
    shown = ", ".join(f"{name}: {share}" for name, share in fractions.items())
    if not fractions or any(not share > 0 for share in fractions.values()):
        raise DataError("every split needs a share above 0", found=shown or "no split")
    if not math.isclose(sum(fractions.values()), 1, abs_tol=1e-6):
        raise DataError(
            "the shares of the splits do not add up to 1", found=f"{shown} (sum {sum(fractions.values()):g})"
        )
    return dict(fractions)


def _mapped(sequences: SequenceSet, mapping: Mapping[str, Sequence[str]]) -> SequenceSet:
    if sequences.splits is None:
        raise DataError("a mapping needs a split or fold column", fix="name it with --split-column")
    known = sorted(set(sequences.splits.tolist()))
    splits = np.full(len(sequences), "train", dtype=object)
    taken: dict[str, str] = {}
    for split, values in mapping.items():
        for value in map(str, values):
            if value not in known:
                raise DataError(f"the split column has no value {value!r}", expected=", ".join(known[:12]))
            if taken.setdefault(value, split) != split:
                raise DataError(f"the value {value!r} is given to two splits", found=f"{taken[value]} and {split}")
            splits[sequences.splits == value] = split
    return replace(sequences, splits=splits.astype(np.str_))


def _drawn(sequences: SequenceSet, shares: Mapping[str, float], seed: int, by_group: bool) -> NDArray[np.str_]:
    grouped = by_group and sequences.groups is not None
    names, strata = _group_units(sequences) if grouped else _sequence_units(sequences)
    units = pd.DataFrame({"unit": names, "stratum": strata}).groupby("unit", sort=False)
    table = pd.DataFrame({"stratum": units["stratum"].first(), "size": units.size()}).reset_index()
    table["rank"] = [_rank(seed, name) for name in table["unit"]]
    table = table.sort_values(["stratum", "size", "rank"], ascending=[True, False, True])
    chosen = _nearest(table["stratum"].tolist(), table["size"].tolist(), shares)
    split_of = dict(zip(table["unit"], chosen, strict=True))
    return np.array([split_of[name] for name in names], dtype=np.str_)


def _group_units(sequences: SequenceSet) -> tuple[list[str], list[str]]:
    return ([] if sequences.groups is None else sequences.groups.tolist()), [""] * len(sequences)


def _sequence_units(sequences: SequenceSet) -> tuple[list[str], list[str]]:
    """Copies of one sequence, called by the least of their ids; strata are the classes of the first target."""
    molecule = same_molecule(sequences)
    least = pd.Series(sequences.ids).groupby(molecule).transform("min").tolist()
    classes = None if sequences.targets is None else class_names(sequences.targets.iloc[:, 0])
    # Of names that hardly repeat no share can be kept; they would all land in the largest split.
    plenty = classes is not None and 2 * len(set(classes.tolist())) <= len(set(least))
    strata = classes.tolist() if classes is not None and plenty else [""] * len(sequences)
    first = pd.DataFrame({"unit": least, "stratum": strata}).groupby("unit")["stratum"].transform("min")
    return least, first.tolist()


def _rank(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest(), "big")


def _nearest(strata: Sequence[str], sizes: Sequence[int], shares: Mapping[str, float]) -> list[str]:
    """The split of each unit: the one that lies furthest below its share of the stratum so far, then of the whole."""
    names, wanted = list(shares), np.array(list(shares.values()))
    overall = np.zeros(len(names))
    within: dict[str, NDArray[np.float64]] = {}
    chosen = []
    for stratum, size in zip(strata, sizes, strict=True):
        here = within.setdefault(stratum, np.zeros(len(names)))
        lacking = wanted * (here.sum() + size) - here
        lacking_overall = wanted * (overall.sum() + size) - overall
        best = np.flatnonzero(lacking >= lacking.max() - 1e-9)
        pick = int(best[np.argmax(lacking_overall[best])])
        here[pick] += size
        overall[pick] += size
        chosen.append(names[pick])
    return chosen
