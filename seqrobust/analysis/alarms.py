"""What a run has to say against its own numbers: lot that beats the search, records that no search touched, or that
could not be edited, and a model that says the same of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqrobust.report.words import joined, one_line, percent


def alarms(metrics: Mapping[str, Any], searches: str = "this attack does") -> list[str]:
    """Sentences that take claims back, none where all is well.

    Args:
        metrics: of an attack or an evaluation.
        searches: who searched, with its verb.
    """
    found = []
    if ahead := metrics.get("control_ahead"):
        found.append(
            f"random edits reach what {searches} not, or come nearer, on {_records(ahead)}: do not read its numbers as "
            "robustness"
        )
    unsearched = {str(row["budget"]): row["not_searched"] for row in metrics["budgets"] if row.get("not_searched")}
    found += [
        f"at budget {budget} no edited sequence was scored on {_records(count)} (no search covers them, or there is no "
        "gradient to follow): nothing is known of them; left out, they make the numbers lean towards records that are "
        "easily flipped"
        for budget, count in unsearched.items()
    ]
    return found


def remarks(metrics: Mapping[str, Any], searches: str = "this attack does") -> list[str]:
    """What right numbers do not show (a constant model, one answer to almost all, records left as they are), and
    :func:`alarms` behind it."""
    found = []
    if (constant := metrics.get("constant")) is not None:
        found.append(
            f"the model predicts {constant} of every record and of random sequences too: it may say the same of "
            "everything, and that nothing flips it is then no robustness"
        )
    found += metrics.get("doubts", ())
    return [*found, *_nothing_editable(metrics), *_unprotected(metrics), *alarms(metrics, searches)]


def _nothing_editable(metrics: Mapping[str, Any]) -> list[str]:
    """Who is in no rate because nothing of them may be edited."""
    fixed = metrics.get("nothing_editable")
    if not fixed:
        return []
    who = f"{fixed['n']} of {_records(metrics['n'])}{_classes(fixed['by_class'])}"
    return [
        f"on {who} nothing may be edited (no such region, all protected, unknown letters, or a budget that "
        "comes to no edit): they are in no rate, for they are kept whatever the model does"
    ]


def _unprotected(metrics: Mapping[str, Any]) -> list[str]:
    """Whose edits nothing was said to forbid, and what that does to the rate."""
    sides = metrics.get("protection")
    if not sides:
        return []
    bare, others = sides["unprotected"], sides["protected"]
    names = joined(list(metrics["regions_absent"]))
    who = f"{bare['n']} of {_records(bare['n'] + others['n'])} attacked{_classes(bare['by_class'])}"
    beside = f", and on {percent(others['attack_success_rate'])} of the {others['n']} others" if others["n"] else ""
    return [
        f"{who} have no {names}, so nothing of them is protected: at the largest budget the goal is reached on "
        f"{percent(bare['attack_success_rate'])} of them{beside}; edits of the former may change what is true of them"
    ]


def _classes(counts: Mapping[str, int]) -> str:
    """Counts by class in brackets; nothing where there are no classes."""
    parts = [f"{one_line(name, 30) or 'none'}: {count}" for name, count in list(counts.items())[:6]]
    more = [f"{len(counts) - 6} more classes"] if len(counts) > 6 else []
    return f" ({', '.join([*parts, *more])})" if parts else ""


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
