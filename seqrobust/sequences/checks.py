"""What would spoil a run, found before it starts: leaks between splits, impossible targets, unreadable letters.

An *error* makes a reported number wrong or a run fail; a *warning* makes it weaker than it looks. Each check is a small
generator over the records and their summary; :data:`CHECKS` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import DataError
from seqrobust.sequences.dividing.relatives import IDENTITY, near_copies_across
from seqrobust.sequences.doubts import doubts
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.several_labels import label_fields
from seqrobust.sequences.spreadsheet import changed_names
from seqrobust.sequences.summary import NO_SPLIT, Summary, describe
from seqrobust.sequences.targets import LEAVE_OUT, Task, encode_targets
from seqrobust.sequences.wording import counted

SHORT = 8
"""Letters: below this few edits are a large part of a record."""
AMBIGUOUS = 0.05
"""Share of unknown letters in a record above which its prediction rests on guesses."""
NUCLEOTIDES = 20
"""Letters: a protein of so many that are all A, C, G, T, U or N hardly occurs."""
IMBALANCE = 20
"""Commonest class to rarest class."""
FEW = 30
"""Records of a test split below which a 95 % interval of an accuracy is wider than a third."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something found in the records.

    Attributes:
        severity: ``error`` spoils a run, ``warning`` weakens it.
        text: what was found.
        fix: what to do about it.
    """

    severity: Literal["error", "warning"]
    text: str
    fix: str


def check(sequences: SequenceSet, task: Task | None = None) -> list[Problem]:
    """All problems of the records, errors first.

    Args:
        sequences: the records.
        task: what a model is to learn from the targets; None leaves out what only a task can tell.
    """
    summary = describe(sequences)
    found = [problem for search in CHECKS for problem in search(sequences, summary)]
    found += _task_problems(sequences, summary, task)
    found += _doubtful_targets(sequences, task)
    return sorted(found, key=lambda problem: problem.severity != "error")


def _error(text: str, fix: str) -> Problem:
    return Problem(severity="error", text=text, fix=fix)


def _warning(text: str, fix: str) -> Problem:
    return Problem(severity="warning", text=text, fix=fix)


def _copies(sequences: SequenceSet, summary: Summary) -> Iterator[Problem]:
    copies = summary.copies
    for pair, count in copies.across.items():
        yield _error(
            f"{counted(count, 'sequence')} in more than one split ({pair}): the model has seen what it is tested on",
            "draw splits that keep copies together, or drop the copies",
        )
    for pair, count in copies.other_strand_across.items():
        yield _warning(
            f"{counted(count, 'sequence')} with the reverse complement in another split ({pair})",
            "keep both strands of a locus in one split",
        )
    if copies.conflicting:
        yield _error(
            f"{counted(copies.conflicting, 'sequence')} with more than one label: no model can be right on all of them",
            "settle the label, or drop these records",
        )
    if copies.within:
        yield _warning(
            f"{counted(copies.within, 'repeat')} of a sequence in its own split: it counts twice in every figure",
            "drop the copies, or mind that confidence intervals are too narrow",
        )


def _near_copies(sequences: SequenceSet, summary: Summary) -> Iterator[Problem]:
    if sequences.splits is None or len(summary.splits) < 2:
        return
    order = list(summary.splits)
    for (low, high), rows in near_copies_across(sequences, sequences.splits, order).items():
        named = [sequences.ids[row] for row in rows]
        yield _warning(
            f"{counted(len(rows), 'record')} of the split {high} nearly a copy ({IDENTITY:.0%} of the letters or more) "
            f"of one in {low}: {_some(named)}",
            "cluster the sequences (MMseqs2, CD-HIT) and draw splits by cluster with --group-column",
        )


def _groups(sequences: SequenceSet, summary: Summary) -> Iterator[Problem]:
    if summary.groups_across:
        yield _error(
            f"{counted(len(summary.groups_across), 'group')} in more than one split: {_some(summary.groups_across)}",
            "draw splits by group",
        )
    if summary.groups == 1 and summary.records > 1:
        yield _warning("all records are in one group", "a split by group is impossible; check --group-column")


def _spreadsheet(sequences: SequenceSet, summary: Summary) -> Iterator[Problem]:
    groups = [] if sequences.groups is None else sequences.groups.tolist()
    for what, names in (("id", sequences.ids), ("group", groups)):
        if changed := changed_names(names):
            yield _warning(
                f"{counted(len(changed), what)} that a spreadsheet may have made of another name: {_some(changed)}",
                "export the table anew with that column as text: what a date or rounded number was cannot be told, and "
                "two genes may bear one name now",
            )


def _splits(sequences: SequenceSet, summary: Summary) -> Iterator[Problem]:
    if sequences.splits is None:
        return
    names = set(summary.splits)
    if "train" not in names:
        yield _error(
            f"no record is in the split train (there are {_some(sorted(names))})",
            "map the values of the split column to train, valid and test",
        )
    elif names == {"train"}:
        yield _warning("every record is in the split train: nothing is left to test on", "draw splits")
    if strange := sorted(names - {"train", "valid", "test"}):
        yield _warning(
            f"unusual splits: {_some([name or 'no split at all' for name in strange])}",
            "map them to train, valid or test, or they are left out",
        )
    if 0 < summary.splits.get("test", FEW) < FEW:
        yield _warning(
            f"the split test holds {counted(summary.splits['test'], 'record')}: every figure will have a wide interval",
            f"test on {FEW} records or more",
        )


def _classes(sequences: SequenceSet, summary: Summary) -> Iterator[Problem]:
    for column, classes in summary.classes.items():
        present = {name: counts for name, counts in classes.items() if name and counts}
        if empty := [name for name, counts in classes.items() if not counts]:
            yield _error(f"column {column!r} declares classes without a record: {_some(empty)}", "drop these classes")
        if len(present) == 1 and summary.records > 1:
            yield _error(f"column {column!r} holds one value only: {_some(list(present))}", "choose another target")
        yield from _class_splits(column, present)
        yield from _balance(column, {name: sum(counts.values()) for name, counts in present.items()})


def _class_splits(column: str, classes: Mapping[str, Mapping[str, int]]) -> Iterator[Problem]:
    seen = {split for counts in classes.values() for split in counts}
    if seen <= {NO_SPLIT} or "train" not in seen:
        return
    untaught = [name for name, counts in classes.items() if "train" not in counts]
    if untaught:
        yield _error(
            f"classes of column {column!r} that no training record has: {_some(untaught)}",
            "draw splits by class, or drop these classes",
        )
    untested = [name for name, counts in classes.items() if "test" in seen and "test" not in counts]
    if untested:
        yield _warning(
            f"classes of column {column!r} that no test record has: {_some(untested)}", "draw splits by class"
        )


def _balance(column: str, counts: Mapping[str, int]) -> Iterator[Problem]:
    if len(counts) < 2:
        return
    rarest, commonest = min(counts, key=lambda c: counts[c]), max(counts, key=lambda c: counts[c])
    if counts[commonest] >= IMBALANCE * counts[rarest]:
        yield _warning(
            f"uneven classes in column {column!r}: {commonest} {counts[commonest]}, {rarest} {counts[rarest]}",
            "read balanced accuracy rather than accuracy, or join rare classes",
        )


def _values(sequences: SequenceSet, summary: Summary) -> Iterator[Problem]:
    for column, spread in summary.ranges.items():
        if spread.min == spread.max and column not in summary.classes and summary.records > 1:
            yield _error(f"column {column!r} has the same value everywhere: {spread.min:g}", "choose another target")
    for column, count in summary.missing.items():
        if count and not _is_of_sets(sequences, column):
            yield _error(
                f"no value in column {column!r} for {count} of {counted(summary.records, 'record')}",
                LEAVE_OUT,
            )


def _is_of_sets(sequences: SequenceSet, column: str) -> bool:
    """Whether a column names several labels a field, so that an empty one is a record of none."""
    assert sequences.targets is not None
    fields = label_fields(sequences.targets[column].dropna().astype(str))
    return fields is not None and not fields.places


def _letters(sequences: SequenceSet, summary: Summary) -> Iterator[Problem]:
    unknown = (sequences.tokens == sequences.alphabet.unknown).sum(1)
    if (blank := unknown == sequences.lengths).any():
        yield _error(
            f"{counted(int(blank.sum()), 'record')} of unknown letters only: {_named(sequences, blank)}",
            "drop these records, or check the alphabet",
        )
    if (vague := (unknown > AMBIGUOUS * sequences.lengths) & ~blank).any():
        many = counted(int(vague.sum()), "record")
        yield _warning(
            f"{many} with more than {AMBIGUOUS:.0%} ambiguous letters: {_named(sequences, vague)}",
            "unknown letters are never edited and carry no evidence; drop these records",
        )
    if (foreign := _nucleotides(sequences)).any():
        yield _warning(
            f"{counted(int(foreign.sum()), 'record')} of nucleotides among proteins: {_named(sequences, foreign)}",
            "translate them, or keep DNA and protein in two files",
        )
    if (short := sequences.lengths < SHORT).any():
        yield _warning(
            f"{counted(int(short.sum()), 'record')} shorter than {SHORT} letters: {_named(sequences, short)}",
            "drop them, or mind that a few edits rewrite them",
        )


def _nucleotides(sequences: SequenceSet) -> NDArray[np.bool_]:
    """(N,): records that a protein file holds though no protein is made of A, C, G, T, U and N alone."""
    if sequences.alphabet.complement:
        return np.zeros(len(sequences), bool)
    plain = np.isin(sequences.letters, np.frombuffer(b"ACGTUN", np.uint8)).sum(1) == sequences.lengths
    return np.asarray(plain & (sequences.lengths >= NUCLEOTIDES), np.bool_)


def _task_problems(sequences: SequenceSet, summary: Summary, task: Task | None) -> Iterator[Problem]:
    if task is None:
        return
    if sequences.targets is None:
        yield _error(f"no target column for the task {task}", "name it with --target-column")
        return
    if any(
        count and not _is_of_sets(sequences, name) for name, count in summary.missing.items()
    ):  # said already, and all that encoding would say
        return
    try:
        encode_targets(sequences.targets, task)
    except DataError as error:
        found = ", ".join(text for text in (error.found, error.where) if text)
        yield _error(
            f"the targets do not suit the task {task}: {error.problem}" + (f" ({found})" if found else ""),
            error.fix or error.expected or "choose another --task or --target-column",
        )


def _doubtful_targets(sequences: SequenceSet, task: Task | None) -> Iterator[Problem]:
    if sequences.targets is not None:
        for name in sequences.targets:
            for doubt in doubts(sequences.targets[name], task):
                yield _warning(doubt.text, doubt.fix)


def _named(sequences: SequenceSet, chosen: NDArray[np.bool_]) -> str:
    return _some([sequences.ids[i] for i in np.flatnonzero(chosen)])


def _some(names: list[str] | tuple[str, ...], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" ... ({len(names)} in all)" if len(names) > most else "")


CHECKS: tuple[Callable[[SequenceSet, Summary], Iterator[Problem]], ...] = (
    _copies,
    _near_copies,
    _groups,
    _spreadsheet,
    _splits,
    _classes,
    _values,
    _letters,
)
"""Every check, in the order of its report."""
