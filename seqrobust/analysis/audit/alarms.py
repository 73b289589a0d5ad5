"""What a run says against itself anyway, as outcomes of its audit: lot ahead of the search, one answer for all."""

from __future__ import annotations

from seqrobust.analysis.alarms import control_alarm, one_answer
from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, not_checked
from seqrobust.tasks import task_of


def control_behind(table: AttackTable) -> Outcome:
    """Random edits do not outdo the search."""
    name, what = "random control behind the search", "random sequences of the same size against what the search found"
    if table.metrics is None or "control_ahead" not in table.metrics:
        return not_checked(name, what, "no random control is kept beside this table")
    found = control_alarm(table.metrics)
    rows = int(table.attacked.sum())
    if found is None:
        return Outcome(name=name, checked=what, rows=rows)
    return Outcome(name=name, checked=what, rows=rows, verdict="doubtful", found=found.text, said=True)


def answers_differ(table: AttackTable) -> Outcome:
    """The model does not say the same of everything."""
    name, what = "answers differ", "predictions of all records, of what was tried and of random sequences"
    if task_of(table.predictor.task).measured:
        # Of one sequence, however often it stands there, nothing else could be said.
        values = table.results["clean_score"]
        same = None if len(set(table.sequences.texts)) < 2 or values.nunique() > 1 else f"{values.iloc[0]:g}"
    else:
        same = one_answer(table.metrics or {}, table.results)
    if same is None:
        return Outcome(name=name, checked=what, rows=len(table.results))
    return Outcome(
        name=name,
        checked=what,
        rows=len(table.results),
        verdict="doubtful",
        found=f"the model says {same or 'no label'} of every record",
        said="constant" in (table.metrics or {}),
    )
