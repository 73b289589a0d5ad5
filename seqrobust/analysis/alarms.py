"""What a run has to say against its own numbers: lot that beats the search, records that no search touched, or that
could not be edited, and a model that says the same of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqrobust.report.words import budget_size


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
    """What right numbers do not show (a constant model, records left as they are), and :func:`alarms` behind it."""
    found = []
    if (constant := metrics.get("constant")) is not None:
        found.append(
            f"the model predicts {constant} of every record and of random sequences too: it may say the same of "
            "everything, and that nothing flips it is then no robustness"
        )
    return [*found, *_nothing_editable(metrics), *alarms(metrics, searches)]


def _nothing_editable(metrics: Mapping[str, Any]) -> list[str]:
    """What the largest budget's shares are worth where some records may not be edited at all."""
    last = metrics["budgets"][-1] if metrics["budgets"] else {}
    fixed = last.get("nothing_editable")
    if not fixed or budget_size(last["budget"]) == 0:
        return []
    searched = metrics["attacked"] - last["not_searched"]
    others, reached = searched - fixed, round((last["attack_success_rate"] or 0) * searched)
    return [
        f"on {fixed} of {_records(metrics['attacked'])} nothing may be edited at budget {last['budget']} (no such "
        "region, all protected, unknown letters): they are kept whatever the model does; "
        f"of the other {others}, the goal is reached on {reached}"
    ]


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
