"""From an attack's table to the numbers one quotes: robust accuracy against budget, with intervals and a control.

Denominators: robust accuracy counts over all records (a wrong clean prediction is not robust, and neither is a tie);
attack success over the records that were attacked, those read correctly at first. Records on which no search did
anything are left out of both and counted (``not_searched``): that nothing was found there means nothing. Records whose
threat has no other sequence at any budget are in no rate but clean accuracy, and counted by class
(``nothing_editable``); ``clean_accuracy_editable`` and ``of_editable`` are of the others. At a smaller budget that
comes to no edit a record counts as kept. With every record attacked or wrong, robust accuracy equals clean accuracy of
the editable times one minus attack success. A goal that wants one answer leaves records alone that give it already, and
may end at another wrong answer (``otherwise_wrong``): then robust accuracy, clean accuracy and the share of all records
on which the goal is reached differ by those. What accuracy hides where classes are uneven stands beside it, made in
:mod:`seqrobust.analysis.class_robustness`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.class_robustness import by_class, clean_measures, robust_measures
from seqrobust.analysis.clusters import units_in
from seqrobust.analysis.confinement import by_class as counts_by_class
from seqrobust.analysis.confinement import never_editable, unprotected
from seqrobust.analysis.failings import certainties, failings
from seqrobust.analysis.shifts import correlation, fit, shift_figures
from seqrobust.measures import cautions_of_scale, cautions_of_values
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Task
from seqrobust.statistics import count_units, mean_of, paired, proportion, share_interval
from seqrobust.tasks import task_of


def attack_metrics(results: pd.DataFrame, task: Task, *, labelled: bool) -> dict[str, Any]:
    """``metrics.json`` of an attack from its results alone.

    Args:
        results: the table of :func:`seqrobust.analysis.results.results_table`.
        task: of the model.
        labelled: whether targets are the truth, rather than clean predictions standing for it.
    """
    level = results["budget_share"] if "budget_share" in results else results["budget"]
    groups = [(key, results[level == key]) for key in dict.fromkeys(level)]
    first, measured = groups[0][1], task_of(task).measured
    right = first["clean_prediction"] == first["target"] if not measured else None
    counted = ~never_editable(results, level)
    if not counted.any():
        counted = ~counted
    able = first[counted[first.index]]
    head: dict[str, Any] = {
        "n": len(first),
        "units": count_units(len(able), units_in(able)),
        "attacked": int(able["success"].notna().sum()),
    }
    head |= failings(results)
    if "control_ahead" in results:
        head["control_ahead"] = int(results.loc[results["control_ahead"].astype(bool), "id"].nunique())
    if right is not None and labelled:
        head |= {
            "clean_accuracy": proportion(int(right.sum()), len(first)),
            "clean_accuracy_ci": share_interval(right, units_in(first)),
            **clean_measures(first, task),
        }
    elif not measured:
        head |= {"clean_accuracy": None, "clean_accuracy_ci": None}
    elif labelled:
        head |= _clean_fit(first)
        scale = cautions_of_scale(head["clean_r2"], correlation(first["target"], first["clean_prediction"]))
        if said := scale or cautions_of_values(head["clean_r2"]):
            head["cautions"] = said
    classes = not measured
    if len(able) < len(first):
        head["nothing_editable"] = {
            "n": len(first) - len(able),
            "by_class": counts_by_class(first[~counted[first.index]]),
        }
        if classes and labelled:
            kept = able["clean_prediction"] == able["target"]
            head["clean_accuracy_editable"] = proportion(int(kept.sum()), len(able))
            head["clean_accuracy_editable_ci"] = share_interval(kept, units_in(able))
        if labelled:
            about = clean_measures(able, task) if classes else _clean_fit(able)
            head["of_editable"] = {name: value for name, value in about.items() if name.startswith("clean_")}
        if not classes:
            head["nothing_editable"]["by_class"] = {}
    last = groups[-1][1]
    head |= unprotected(able, last[counted[last.index]], classes=classes)
    budgets = [_budget(key, rows[counted[rows.index]], task, labelled=labelled) for key, rows in groups]
    return head | {"budgets": budgets}


def _clean_fit(first: pd.DataFrame) -> dict[str, float | None]:
    found = fit(first["target"], first["clean_prediction"])
    return {f"clean_{name}": value for name, value in found.items()}


def _budget(key: object, rows: pd.DataFrame, task: Task, *, labelled: bool) -> dict[str, Any]:
    left_out = rows["success"].notna() & ~searched(rows)
    nothing_editable = int((rows["success"].notna() & ~editable(rows)).sum())
    attacked, passed_over = rows[rows["success"].notna()], int(left_out.sum())
    random = attacked["random_success"].to_numpy(np.float64)
    # Draws on one record are not independent: the interval rests on the number of records, not of draws.
    random_ci = share_interval(random, units_in(attacked))
    ahead = int(rows["control_ahead"].sum()) if "control_ahead" in rows else None
    behind = _control_behind(attacked)
    attacked, rows = attacked[~left_out[attacked.index]], rows[~left_out]
    hits, n = int(attacked["success"].sum()), len(attacked)
    entry: dict[str, Any] = {
        "budget": key if isinstance(key, str) else int(str(key)),
        "attack_success_rate": proportion(hits, n),
        "attack_success_rate_ci": share_interval(attacked["success"].astype(bool), units_in(attacked)),
        "random_success_rate": mean_of(random),
        "random_success_rate_ci": random_ci,
        # The two figures of one record are paired: success less the share of random sequences that reach the goal.
        "over_random": paired(attacked["success"].astype(bool), attacked["random_success"], units_in(attacked)).plain(),
        "not_searched": passed_over,
        # Were those that no search covers all kept, or all reached: the rate of every attacked record lies between.
        **(
            {"attack_success_rate_bounds": [hits / (n + passed_over), (hits + passed_over) / (n + passed_over)]}
            if passed_over
            else {}
        ),
        "nothing_editable": nothing_editable,
        "mean_edits": float(attacked["n_edits"][attacked["success"].astype(bool)].mean()) if hits else None,
        "forwards_per_record": float(rows["forwards"].mean()),
        "gradients_per_record": float(rows["gradients"].mean()),
    }
    entry |= certainties(attacked)
    if ahead is not None:
        entry |= {"control_ahead": ahead, "control_behind": behind}
    if task_of(task).measured:
        entry |= shift_figures(attacked)
        return entry | (fit(rows["target"], rows["adversarial_prediction"]) if labelled else {})
    right = rows["clean_prediction"] == rows["target"]
    stays, reached = rows["adversarial_prediction"] == rows["target"], rows["success"].fillna(value=False).astype(bool)
    robust = right & stays & ~reached
    balanced = robust_measures(rows, task, robust.to_numpy(bool)) if labelled and len(rows) else {}
    entry |= balanced | (by_class(rows, robust.to_numpy(bool)) if not task_of(task).independent else {})
    return entry | {
        "otherwise_wrong": int((right & ~stays & ~reached).sum()),
        "robust_accuracy": proportion(int(robust.sum()), len(rows)),
        "robust_accuracy_ci": share_interval(robust, units_in(rows)),
    }


def _control_behind(attacked: pd.DataFrame) -> int | None:
    """On how many attacked records a search outdoes the random control; None where no control is kept."""
    if "random_objective" not in attacked:
        return None
    success = attacked["success"].astype(bool).to_numpy()
    nearer = attacked["objective"].to_numpy(np.float64) > attacked["random_objective"].to_numpy(np.float64)
    alone = success & (attacked["random_success"].to_numpy(np.float64) == 0)
    ahead = attacked["control_ahead"].to_numpy(bool) if "control_ahead" in attacked else np.zeros(len(attacked), bool)
    both = success & ~alone
    return int(((alone | (nearer & ~both)) & ~ahead).sum())


def searched(rows: pd.DataFrame) -> pd.Series:
    """Whether a search did anything on each row's record; true where a table does not say."""
    return _told(rows, "was_searched")


def editable(rows: pd.DataFrame) -> pd.Series:
    """Whether the threat has another sequence than each row's own; true where a table does not say."""
    return _told(rows, "editable")


def _told(rows: pd.DataFrame, name: str) -> pd.Series:
    found: pd.Series = rows[name].astype(bool) if name in rows else pd.Series(data=True, index=rows.index)
    return found


def constant_answer(results: pd.DataFrame, predictor: Predictor) -> str | None:
    """What the model answers to every record, random sequences and all that was tried; None where answers differ."""
    tried = results["success"].dropna()
    same = len(set(results["clean_prediction"])) == 1 and len(tried) > 0 and not tried.any()
    return predictor.constant if same else None


SATURATED_MARGIN = 13.8
"""The logit of a probability of 1 - 1e-6: beyond it, float32 has lost where the output would move."""


def saturated(results: pd.DataFrame, predictor: Predictor) -> int:
    """Attacked records that no budget flips, on which probabilities are 0 or 1 as far as float32 tells; 0 for logits.

    Searches by gradients or scores see no slope there.
    """
    if not predictor.saturates or task_of(predictor.task).measured:
        return 0
    rows = results[results["success"].notna()]
    stands = ~rows["success"].astype(bool).groupby(rows["id"]).transform("any")
    return int(rows["id"][stands & (rows["clean_score"] >= SATURATED_MARGIN)].nunique())


def outdone_by_random(
    success: NDArray[np.bool_],
    objective: NDArray[np.float64],
    random_success: NDArray[np.float64],
    random_objective: NDArray[np.float64],
    *,
    goes_on: bool,
) -> NDArray[np.bool_]:
    """Whether random sequences of the same size reach the goal where a search does not, or come nearer to it.

    Args:
        success, objective: of the search.
        random_success: share of random sequences that reach the goal.
        random_objective: the most that one of them surely has of the objective; NaN where that is not known.
        goes_on: whether the search goes on past its goal, so that objectives compare there as well.
    """
    compared = np.ones_like(success) if goes_on else ~success
    ahead: NDArray[np.bool_] = ((random_success > 0) & ~success) | (compared & (random_objective > objective))
    return ahead & ~np.isnan(random_objective)
