"""Whom a threat's regions mean: records on which nothing may be edited, and records of which nothing is protected.

A region's name says nothing of a record without it. ``--only`` leaves such a record as it is, whatever the model does;
``--protect`` leaves it open to every edit, also to those that change what is true of it. The former are in no rate, the
latter are counted and measured by themselves, by class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from seqrobust.analysis.clusters import units_in
from seqrobust.report.words import budget_size
from seqrobust.statistics import proportion, share_interval

PROTECTED, LACKS = "protected", "lacks"
"""Columns of an attack's table: how many letters of the record are protected, and which protected names it lacks."""


def never_editable(results: pd.DataFrame, level: pd.Series) -> pd.Series:
    """(rows,) whether the row's record has no other sequence at the largest budget; false where that is zero.

    Args:
        results: a row per record and budget.
        level: the budget of each row as it was asked for.
    """
    none: pd.Series = pd.Series(data=False, index=results.index)
    if not len(results) or "editable" not in results:
        return none
    largest = max(dict.fromkeys(level), key=budget_size)
    if budget_size(largest) == 0:
        return none
    last = results[level == largest]
    found: pd.Series = results["id"].isin(last["id"][~last["editable"].astype(bool)])
    return found


def without_fixed(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of records that may be edited; all where none may."""
    level = results["budget_share"] if "budget_share" in results else results["budget"]
    fixed = never_editable(results, level)
    kept: pd.DataFrame = results if fixed.all() else results[~fixed].reset_index(drop=True)
    return kept


def of_editable(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """An attack's metrics with the clean figures of the records that may be edited: what figures under attack, which
    count those alone, are to be held against. The same where every record may be edited."""
    found = {**metrics, **metrics.get("of_editable", {})}
    for end in ("", "_ci"):
        if f"clean_accuracy_editable{end}" in metrics:
            found[f"clean_accuracy{end}"] = metrics[f"clean_accuracy_editable{end}"]
    return found


def unprotected(first: pd.DataFrame, last: pd.DataFrame, *, classes: bool) -> dict[str, Any]:
    """What ``metrics.json`` says of attacked records of which nothing is protected, though something was to be.

    Args:
        first, last: rows of the smallest and the largest budget.
        classes: whether targets are names.

    Returns:
        nothing where the threat protects nothing, or something on every record.
    """
    if PROTECTED not in first:
        return {}
    attacked, at_last = (rows[rows["success"].notna()] for rows in (first, last))
    bare = attacked["protected"] == 0
    lacking = attacked[LACKS][attacked[LACKS] != ""].str.split(";").explode().value_counts()
    found: dict[str, Any] = {"regions_absent": {str(name): int(count) for name, count in lacking.items()}}
    if not bare.any():
        return found if len(lacking) else {}
    sides = {"unprotected": at_last["protected"] == 0, "protected": at_last["protected"] > 0}
    rates = {side: at_last["success"][chosen].astype(bool) for side, chosen in sides.items()}
    of_side: dict[str, dict[str, Any]] = {
        side: {
            "n": len(hits),
            "attack_success_rate": proportion(int(hits.sum()), len(hits)),
            "attack_success_rate_ci": share_interval(hits, units_in(at_last.loc[hits.index])),
        }
        for side, hits in rates.items()
    }
    of_side["unprotected"]["by_class"] = by_class(attacked[bare]) if classes else {}
    return found | {"protection": of_side}


def by_class(rows: pd.DataFrame) -> dict[str, int]:
    """Records by their target."""
    counts = rows["target"].astype(str).value_counts()
    return {str(name): int(count) for name, count in counts.items()}
