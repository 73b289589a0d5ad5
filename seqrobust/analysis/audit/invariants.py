"""The invariants of an attack's table, in the order they are checked. A new one is its own function, and a row here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from seqrobust.analysis.audit.alarms import answers_differ, control_behind
from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.budgets import nested
from seqrobust.analysis.audit.checkpoint import as_recorded
from seqrobust.analysis.audit.constraints import constraints_kept
from seqrobust.analysis.audit.counted import metrics_recounted
from seqrobust.analysis.audit.outcome import Outcome, Verdict
from seqrobust.analysis.audit.proteins import proteins_kept
from seqrobust.analysis.audit.records import records_whole
from seqrobust.analysis.audit.scores import scores_again
from seqrobust.analysis.audit.written import edits_as_said, letters_permitted, protected_in_place, within_budget

Invariant = Callable[[AttackTable], Outcome | None]
"""Gives None where it does not apply."""

OF_EDITS: tuple[Invariant, ...] = (
    within_budget,
    letters_permitted,
    protected_in_place,
    edits_as_said,
    constraints_kept,
    proteins_kept,
)
"""Of the sequences as they stand in a table, whatever was wanted of them and however many rows a record has."""

OF_WRITING: tuple[Invariant, ...] = (records_whole, *OF_EDITS)
"""Of the same, where each record has a row at each budget."""

OF_ATTACKS: tuple[Invariant, ...] = (
    *OF_WRITING,
    scores_again,
    nested,
    metrics_recounted,
    as_recorded,
    control_behind,
    answers_differ,
)
"""Of an attack."""


_WORST: tuple[Verdict, ...] = ("broken", "doubtful", "not checked", "holds")


def checked(table: AttackTable, invariants: tuple[Invariant, ...] = OF_ATTACKS) -> Iterator[Outcome]:
    """Every invariant of one table. Rows that are not those of the records leave the others without a meaning."""
    for number, invariant in enumerate(invariants):
        outcome = invariant(table)
        if outcome is None:
            continue
        yield outcome
        if number == 0 and outcome.verdict == "broken":
            return


def all_checked(tables: Mapping[str, AttackTable], invariants: tuple[Invariant, ...] = OF_ATTACKS) -> Iterator[Outcome]:
    """Every invariant of several tables, each outcome named after its table."""
    for name, table in tables.items():
        for outcome in checked(table, invariants):
            yield replace(outcome, name=f"{name}: {outcome.name}", said=False)


def checked_together(
    tables: Mapping[str, AttackTable], called: str, invariants: tuple[Invariant, ...] = OF_ATTACKS
) -> Iterator[Outcome]:
    """Every invariant of several tables, one outcome for all of them: the worst, naming the tables that are off."""
    found: dict[str, dict[str, Outcome]] = {}
    for name, table in tables.items():
        for outcome in checked(table, invariants):
            found.setdefault(outcome.name, {})[name] = outcome
    for name, by in found.items():
        worst = min((one.verdict for one in by.values()), key=_WORST.index)
        off = [f"{table}: {one.found}" for table, one in by.items() if one.verdict == worst and one.found]
        first = next(iter(by.values()))
        yield Outcome(
            name=f"{called}: {name}",
            checked=first.checked,
            rows=sum(one.rows for one in by.values()),
            verdict=worst,
            found="; ".join(off),
            forwards=sum(one.forwards for one in by.values()),
        )
