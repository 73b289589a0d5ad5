"""What a run has to say against its own numbers: lot that beats the search, records that no search touched, or that
could not be edited, and a model that says the same of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from scipy.stats import binomtest

from seqrobust.analysis.intervals import wilson
from seqrobust.report.words import budget_size

_SURELY = 0.05
"""Level at which a search is clearly better than lot, and share of records that lot may lead on beside it."""
_OTHERS = 5
"""Records of other classes from which on one answer for all is no accident of a small file."""


class ControlAlarm(NamedTuple):
    """Random edits outdo a search on some records: in words, and whether that takes its numbers back."""

    text: str
    serious: bool


def control_alarm(metrics: Mapping[str, Any], searches: str = "this attack does") -> ControlAlarm | None:
    """What is to be said of random edits that outdo a search; None where they do on no record.

    The best of several draws is ahead now and then of a search that stops early: a record that it could have broken.
    That is serious where the search is not clearly ahead of lot (a sign test over records on which one of them leads,
    one-sided at 5 %), or where lot surely leads on more than one record in twenty (the lower end of Wilson's 95 %
    interval).

    Args:
        metrics: of an attack or an evaluation.
        searches: who searched, with its verb.
    """
    rows = [row for row in metrics["budgets"] if row.get("control_ahead")]
    if not rows:
        return None
    serious = [row for row in rows if _is_serious(row, metrics["attacked"])]
    worst = max(serious or rows, key=lambda row: row["control_ahead"])
    ahead, behind, n = worst["control_ahead"], worst.get("control_behind"), metrics["attacked"]
    better = "" if behind is None else f" (the search does better on {behind})"
    text = f"random edits reach what {searches} not, or come nearer, on {ahead} of {_records(n)} at budget "
    text += f"{worst['budget']}{better}: "
    if serious:
        return ControlAlarm(text + "do not read its numbers as robustness", serious=True)
    return ControlAlarm(text + "a stronger search would find more there", serious=False)


def _is_serious(row: Mapping[str, Any], n: int) -> bool:
    ahead = int(row["control_ahead"])
    behind = n - ahead if row.get("control_behind") is None else int(row["control_behind"])
    clearly_better = binomtest(ahead, ahead + behind, 0.5, alternative="less").pvalue < _SURELY
    share = wilson(ahead, n)
    return not clearly_better or (share is not None and share[0] > _SURELY)


def alarms(metrics: Mapping[str, Any], searches: str = "this attack does") -> list[str]:
    """Sentences that take claims back, none where all is well.

    Args:
        metrics: of an attack or an evaluation.
        searches: who searched, with its verb.
    """
    control = control_alarm(metrics, searches)
    found = [control.text] if control is not None and control.serious else []
    unsearched = {str(row["budget"]): row["not_searched"] for row in metrics["budgets"] if row.get("not_searched")}
    found += [
        f"at budget {budget} no edited sequence was scored on {_records(count)} (no search covers them, or there is no "
        "gradient to follow): nothing is known of them; left out, they make the numbers lean towards records that are "
        "easily flipped"
        for budget, count in unsearched.items()
    ]
    return found


def weaknesses(metrics: Mapping[str, Any], searches: str = "this attack does") -> list[str]:
    """Sentences that take no number back, but show that the search is not the strongest there is."""
    control = control_alarm(metrics, searches)
    return [] if control is None or control.serious else [control.text]


def one_answer(metrics: Mapping[str, Any], results: pd.DataFrame) -> str | None:
    """What a model that gives classes says of every record: of random sequences too, or though several are of other
    classes; None where its answers differ, or no more is known."""
    if (constant := metrics.get("constant")) is not None:
        return str(constant)
    first = results.drop_duplicates("id")
    said = first["clean_prediction"].unique()
    if len(said) != 1 or metrics.get("clean_accuracy") is None:
        return None
    return str(said[0]) if int((first["target"] != said[0]).sum()) >= _OTHERS else None


def remarks(metrics: Mapping[str, Any], searches: str = "this attack does") -> list[str]:
    """What right numbers do not show (a constant model, records left as they are), and :func:`alarms` behind it."""
    found = []
    if (constant := metrics.get("constant")) is not None:
        found.append(
            f"the model predicts {constant} of every record and of random sequences too: it may say the same of "
            "everything, and that nothing flips it is then no robustness"
        )
    return [*found, *_nothing_editable(metrics), *alarms(metrics, searches), *weaknesses(metrics, searches)]


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
