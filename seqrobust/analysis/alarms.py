"""What a run has to say against its own numbers: lot that beats the search, records that no search touched, or that
could not be edited, and a model that says the same of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from scipy.stats import binomtest

from seqrobust.analysis.failings import changes, draws_decide, left_out
from seqrobust.report.words import budget_size, joined, one_line, percent
from seqrobust.statistics import wilson

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
    if (changing := changes(metrics)) is not None:
        found.append(changing)
    unsearched = {str(row["budget"]): row["not_searched"] for row in metrics["budgets"] if row.get("not_searched")}
    found += [
        f"at budget {budget} no edited sequence was scored on {_records(count)} (no search covers them, or there is no "
        "gradient to follow): nothing is known of them; left out, they make the numbers lean towards records that are "
        f"easily flipped{_between(metrics, budget)}"
        for budget, count in unsearched.items()
    ]
    return found


def _between(metrics: Mapping[str, Any], budget: str) -> str:
    """Between which rates the truth of all attacked records lies."""
    row = next(row for row in metrics["budgets"] if str(row["budget"]) == budget)
    bounds = row.get("attack_success_rate_bounds")
    if bounds is None:
        return ""
    return f"; of all attacked records, between {percent(bounds[0])} and {percent(bounds[1])} are reached"


def weaknesses(metrics: Mapping[str, Any], searches: str = "this attack does") -> list[str]:
    """Sentences that take no number back, but show that the search is not the strongest there is."""
    control = control_alarm(metrics, searches)
    found = [] if control is None or control.serious else [control.text]
    return [*found, *_quick(metrics), *_saturated(metrics), *draws_decide(metrics)]


def _quick(metrics: Mapping[str, Any]) -> list[str]:
    """The quick preset looks at few of the sequences that it might."""
    from seqrobust.attacks.presets import PRESETS

    asked, quick = set(metrics.get("attacks") or ()), {attack.name for attack in PRESETS["quick"]}
    last = metrics["budgets"][-1] if metrics["budgets"] else {}
    rate = last.get("attack_success_rate")
    if not asked or not asked <= quick or rate is None or rate == 1 or not budget_size(last["budget"]):
        return []
    return [f"only quick searches ran ({', '.join(sorted(asked))}): flips that --attack standard finds may be missing"]


def _saturated(metrics: Mapping[str, Any]) -> list[str]:
    count = metrics.get("saturated")
    if not count:
        return []
    return [
        f"on {_records(count)} that nothing flips, the model's probabilities are 0 or 1 as far as float32 tells, and "
        "what they were made of cannot be read: no search sees a slope there, and this is no robustness; give logits, "
        "if the model has any"
    ]


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
    """What right numbers do not show (a constant model, one answer to almost all, records left as they are), and
    :func:`alarms` behind it."""
    found = []
    if (constant := metrics.get("constant")) is not None:
        found.append(
            f"the model predicts {constant} of every record and of random sequences too: it may say the same of "
            "everything, and that nothing flips it is then no robustness"
        )
    found += [*metrics.get("cautions", ()), *left_out(metrics)]
    warned = [*alarms(metrics, searches), *weaknesses(metrics, searches)]
    return [*found, *about_threat(metrics), *warned]


def about_threat(metrics: Mapping[str, Any]) -> list[str]:
    """Whom a threat leaves as they are, at every budget or at a small one, and whom it leaves open to every edit.

    Args:
        metrics: of an attack, an evaluation or a certification.
    """
    return [*_nothing_editable(metrics), *_no_edit(metrics), *_unprotected(metrics)]


def _no_edit(metrics: Mapping[str, Any]) -> list[str]:
    """At which budgets records count as kept because the budget comes to no edit on them."""
    rows = [row for row in metrics["budgets"] if row.get("nothing_editable") and budget_size(row["budget"]) > 0]
    if not rows:
        return []
    counts = [f"{row['nothing_editable']} at budget {row['budget']}" for row in rows]
    return [
        f"of {_records(metrics['attacked'])} attacked, {joined(counts)} cannot be edited at all (the budget comes "
        "to no edit on them): they count as kept there, whatever the model does"
    ]


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
