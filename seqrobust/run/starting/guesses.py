"""What a starter config takes from a data file: splits, task, classes and regions, each with the words that say why.

Every guess is said, in the config and on the terminal, for whoever runs the config relies on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from seqrobust.errors import DataError
from seqrobust.measures import uneven
from seqrobust.sequences import SequenceSet, Task
from seqrobust.sequences.data_source import Columns
from seqrobust.sequences.dividing.split_roles import SplitRoles, looks_like_splits, split_roles
from seqrobust.sequences.labels import class_names
from seqrobust.sequences.readers.table import Table
from seqrobust.sequences.several_labels import label_fields

NEGATIVE = frozenset(
    {"0", "-", "-1", "no", "n", "false", "neg", "negative", "none", "other", "others", "control", "background", "bg"}
    | {"inactive", "decoy", "random", "shuffled", "unbound", "rest", "absent", "off", "wt"}
)
"""Names of the class that is not what a model is to find, in small letters."""
_STATES = ("0", "1", "0.0", "1.0", "false", "true", "nan", "")
"""What stands in columns of labels that a record has or has not, in small letters."""
_WHOLE = 0.5
"""Share of their records' letters from which regions are not what sets a function apart."""
_MOST_NAMED = 12


@dataclass(frozen=True, kw_only=True)
class Positive:
    """The two classes of a binary task, the positive one last, and why it is that one."""

    labels: tuple[str, str]
    why: str


def split_column(table: Table, taken: Sequence[str | None]) -> str | None:
    """A column that is about who trains and who is tested, called otherwise than ``split``; None where there is none.

    Args:
        table: the file's rows.
        taken: columns that hold something else.
    """
    if table.column("split", None) is not None:
        return None
    for name in map(str, table.columns.columns):
        if name not in taken and looks_like_splits(_values(table, name)):
            return name
    return None


def _values(table: Table, name: str, most: int = 12) -> list[str]:
    """The different values of a column; none where there are many."""
    try:
        found = list(dict.fromkeys(text.strip() for text in table.texts(name)))
    except DataError:
        return []
    return found if len(found) <= most else []


def roles_of(sequences: SequenceSet) -> SplitRoles | None:
    """The roles of the records' splits, None without splits."""
    return None if sequences.splits is None else split_roles(sorted(set(sequences.splits.tolist())))


def with_roles(sequences: SequenceSet, roles: SplitRoles | None) -> SequenceSet:
    """The records that have a role, their splits called after it."""
    if roles is None or sequences.splits is None or not roles.folds:
        return sequences
    role = {value: name for name, values in roles.folds.items() for value in values}
    kept = np.flatnonzero([value in role for value in sequences.splits.tolist()])
    records = sequences.take(kept)
    assert records.splits is not None
    return replace(records, splits=np.array([role[value] for value in records.splits.tolist()], dtype=np.str_))


def guessed_task(targets: pd.DataFrame) -> Task:
    """What the columns look like."""
    if targets.shape[1] > 1:
        states = targets.astype(str).apply(lambda one: one.str.strip().str.lower().isin(_STATES))
        return "multilabel" if states.all(axis=None) else "regression"
    if label_fields(targets.iloc[:, 0].dropna().astype(str)) is not None:
        return "multilabel"
    values = targets.iloc[:, 0].astype(str).unique()
    if len(values) == 2:
        return "binary"
    numeric = pd.to_numeric(pd.Series(values), errors="coerce").notna().all()
    return "regression" if numeric and len(values) > 10 else "classification"


def positive_last(column: pd.Series) -> Positive | None:
    """The two classes in the order that a binary task wants; None where there are not two."""
    classes = class_names(column)
    counts = Counter() if classes is None else Counter(str(name) for name in classes if name != "")
    if len(counts) != 2:
        return None
    plain = sorted(counts)
    negative = [name for name in plain if name.casefold() in NEGATIVE or name.casefold().startswith(("non", "not"))]
    if len(negative) == 1:
        other = next(name for name in plain if name != negative[0])
        return Positive(labels=(negative[0], other), why=f"{negative[0]} is read as its absence")
    common, rare = sorted(plain, key=lambda name: (-counts[name], name))
    if counts[common] == counts[rare]:
        return Positive(labels=(plain[0], plain[1]), why="both are as common: the order of the alphabet")
    return Positive(labels=(common, rare), why=f"the rarer of the two, {counts[rare]} of {sum(counts.values())}")


def class_counts(sequences: SequenceSet) -> Mapping[str, int]:
    """Training records of each class of the first target, of all records where no split is for training."""
    assert sequences.targets is not None
    here = sequences.splits == "train" if sequences.splits is not None and "train" in sequences.splits else None
    column = sequences.targets.iloc[:, 0]
    classes = class_names(column if here is None else column[here])
    return {} if classes is None else Counter(str(name) for name in classes if name != "")


def are_uneven(sequences: SequenceSet) -> str | None:
    """Counts of uneven classes in words; None of even ones."""
    counts = class_counts(sequences)
    if len(counts) > _MOST_NAMED or not uneven(list(counts.values())):
        return None
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda one: -one[1]))


def region_shares(sequences: SequenceSet) -> Mapping[str, float]:
    """Region name to the share of the letters that it covers of the records that have it."""
    shape, found = (len(sequences), sequences.width), {}
    for name in sorted(set(sequences.regions.names)):
        covered = sequences.regions.cover([name], shape).sum(1)
        letters = sequences.lengths[covered > 0].sum()
        found[name] = float(covered.sum() / letters) if letters else 0.0
    return found


def functional_regions(sequences: SequenceSet) -> tuple[list[str], list[str]]:
    """Names that may set a function apart, those on most records first, and names that cover most of their records,
    which cannot."""
    shares, regions = region_shares(sequences), sequences.regions
    large = [name for name, share in shares.items() if share > _WHOLE]
    having = {name: len(np.unique(regions.record[regions.name == code])) for code, name in enumerate(regions.names)}
    return sorted((name for name in shares if name not in large), key=lambda name: (-having[name], name)), large


def candidates(columns: Columns, table: Table) -> Iterator[str]:
    """Columns that could be the target: none of another role, neither ids nor sequences."""
    roles = {role: table.column(role, None) for role in ("id", "sequence", "group", "split", "regions")}
    taken = {*roles.values(), columns.id, columns.sequence, columns.group, columns.cluster, columns.split}
    for name in map(str, table.columns.columns):
        try:
            texts = [text for text in table.texts(name) if text]
        except DataError:
            continue
        if name not in taken and len(set(texts)) > 1 and max(map(len, texts), default=0) < 60:
            yield name
