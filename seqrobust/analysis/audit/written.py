"""Invariants of edits, held against what was written: budget, letters, regions, and what rows say of themselves."""

from __future__ import annotations

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of, not_checked
from seqrobust.analysis.audit.recount import strange_names

_ROUNDING = 1e-9
"""Sums of costs in decimal fractions."""


def within_budget(table: AttackTable) -> Outcome:
    """No row spends more than its record may."""
    faults = [
        f"{table.called(row)}: {one.spent:g} were spent, {one.allowed:g} allowed"
        for row, one in enumerate(table.recount)
        if one.spent > one.allowed + _ROUNDING
    ]
    what = "edits counted on the written sequences against the budget"
    return faults_of("edits within budget", what, len(table.results), faults)


def letters_permitted(table: AttackTable) -> Outcome:
    """No letter stands where the rule has no switch to it."""
    faults = [
        f"{table.called(row)}: {', '.join(one.forbidden)}" for row, one in enumerate(table.recount) if one.forbidden
    ]
    what = f"each letter of the written sequences against the rule {table.problem.threat.letters}"
    return faults_of("letters permitted", what, len(table.results), faults)


def protected_in_place(table: AttackTable) -> Outcome:
    """Nothing is edited in a protected region, outside those the adversary is confined to, or at unknown letters."""
    name, what = (
        "protected letters in place",
        "letters of the written sequences where nothing may change, against the clean record",
    )
    threat = table.problem.threat
    if strange := strange_names((*threat.protect, *threat.only), table.sequences.regions.names):
        return not_checked(name, what, f"no region of the records is called {', '.join(strange)}")
    faults = [f"{table.called(row)}: {', '.join(one.closed)}" for row, one in enumerate(table.recount) if one.closed]
    return faults_of(name, what, len(table.results), faults)


def edits_as_said(table: AttackTable) -> Outcome:
    """The columns ``edits`` and ``n_edits`` say what the sequence shows."""
    faults = [f"{table.called(row)}: {one.untold}" for row, one in enumerate(table.recount) if one.untold]
    what = "edits and their number against the written sequence and the clean record"
    return faults_of("edits as they are said", what, len(table.results), faults)
