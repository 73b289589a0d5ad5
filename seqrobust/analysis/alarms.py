"""What a run has to say against its own numbers: lot that beats the search, records that no search touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def alarms(metrics: Mapping[str, Any], searches: str = "this attack does") -> list[str]:
    """Sentences, none where all is well.

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
        "gradient to follow): nothing is known of them, and they are left out of the numbers"
        for budget, count in unsearched.items()
    ]
    return found


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
