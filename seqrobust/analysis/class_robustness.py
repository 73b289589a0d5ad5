"""Measures for uneven classes, clean and under attack, read off an attack's table.

Under attack means: of the sequences that the attack left behind. A record that is not robust counts as answered
wrongly. Rankings are of those sequences' outputs, positives lowered and negatives raised as far as the attack went: it
stops where an answer turns, and leaves records alone that were wrong from the start, so an adversary that is after the
ranking itself may do worse.

Where records come in clusters, shares by class and areas under ROC curves have intervals that know of them; balanced
accuracy, Matthews' coefficient and average precision then have none: theirs would take every record for independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.clusters import units_in
from seqrobust.measures import (
    against_the_rest,
    cautions,
    confusion_of,
    decision_measures,
    label_measures,
    ranking_measures,
)
from seqrobust.sequences import Task
from seqrobust.statistics import proportion, share_interval
from seqrobust.tasks import task_of

OUTPUTS = {"clean": "clean_output_", "adversarial": "adversarial_output_"}
"""Beginnings of the columns that hold a model's raw outputs (logits), by the sequence that they are of."""
_ANOTHER = "another class"
_KEPT = ("balanced_accuracy", "mcc", "auroc", "average_precision", "mean_auroc", "mean_average_precision")


def clean_measures(first: pd.DataFrame, task: Task) -> dict[str, Any]:
    """What stands at the head of an attack's metrics: ``clean_balanced_accuracy``, ``clean_mcc``, ``clean_auroc``,
    ``clean_average_precision``, with intervals, what always answering the commonest class scores, and ``cautions``.

    Args:
        first: a row per record; targets are the truth.
        task: of classes or labels.
    """
    right = (first["clean_prediction"] == first["target"]).to_numpy(bool)
    found = _measures(first, task, "clean", right)
    about = {"accuracy": proportion(int(right.sum()), len(first)), **found}
    head = _prefixed("clean", found, clustered=units_in(first) is not None)
    for name in ("majority_class", "majority_accuracy", "missing_classes"):
        if name in found:
            head[name] = found[name]
    if said := cautions(about):
        head["cautions"] = said
    return head


def robust_measures(rows: pd.DataFrame, task: Task, robust: NDArray[np.bool_]) -> dict[str, Any]:
    """Of one budget: ``robust_balanced_accuracy``, ``robust_mcc``, ``robust_auroc``, ``robust_average_precision``.

    Args:
        rows: a row per record, those left out that are in no rate.
        task: of classes or labels.
        robust: (n,) which of them keep the right answer.
    """
    found = _measures(rows, task, "adversarial", robust)
    return _prefixed("robust", found, clustered=units_in(rows) is not None)


def by_class(rows: pd.DataFrame, robust: NDArray[np.bool_]) -> dict[str, Any]:
    """``by_class``: each target's records, how many were attacked, how often with success, and how many are robust."""
    found: dict[str, Any] = {}
    robust_rows = pd.Series(robust, index=rows.index)
    for name, mine in rows.groupby("target", sort=True):
        attacked, stays = mine[mine["success"].notna()], robust_rows[mine.index]
        reached = attacked["success"].astype(bool)
        found[str(name)] = {
            "n": len(mine),
            "attacked": len(attacked),
            "attack_success_rate": proportion(int(reached.sum()), len(attacked)),
            "attack_success_rate_ci": share_interval(reached, units_in(attacked)),
            "robust_accuracy": proportion(int(stays.sum()), len(mine)),
            "robust_accuracy_ci": share_interval(stays, units_in(mine)),
        }
    return {"by_class": found}


def _prefixed(name: str, found: dict[str, Any], *, clustered: bool) -> dict[str, Any]:
    chosen = {key: value for key, value in found.items() if key.removesuffix("_ci") in _KEPT}
    labels = found.get("labels")
    if clustered:
        chosen = _without_ends(chosen)
        labels = labels and {label: _without_ends(one) for label, one in labels.items()}
    parts = {f"{name}_{key}": value for key, value in chosen.items()}
    return parts | ({f"{name}_labels": labels} if labels else {})


def _without_ends(found: dict[str, Any]) -> dict[str, Any]:
    """Without intervals that know nothing of clusters."""
    unsure = {key for key in found if key.endswith("_ci") and not key.endswith("auroc_ci")}
    return found | dict.fromkeys(unsure)


def _measures(rows: pd.DataFrame, task: Task, which: str, right: NDArray[np.bool_]) -> dict[str, Any]:
    outputs = _outputs(rows, which)
    if task_of(task).independent:
        return {} if outputs is None else _of_labels(rows, outputs)
    names = _classes(rows, task)
    confusion = confusion_of(*_answers(rows, names, which, right), len(names))
    truth = np.array([names.index(name) for name in rows["target"]], np.int64)
    found = decision_measures(confusion, names)
    if outputs is None:
        return found
    values = outputs.to_numpy(np.float64)
    scores = against_the_rest(values) if task_of(task).softmax else values
    return found | ranking_measures(truth, scores, units_in(rows))


def _outputs(rows: pd.DataFrame, which: str) -> pd.DataFrame | None:
    """Raw outputs under their names; None of a table that has none."""
    start = OUTPUTS[which]
    columns = [name for name in rows.columns if name.startswith(start)]
    renamed: pd.DataFrame = rows[columns].rename(columns=lambda name: name.removeprefix(start))
    return renamed if columns else None


def _of_labels(rows: pd.DataFrame, outputs: pd.DataFrame) -> dict[str, Any]:
    named = [set(text.split(";")) for text in rows["target"]]
    truth = np.array([[name in names for name in outputs.columns] for names in named], bool)
    values = outputs.to_numpy(np.float64)
    right = np.where(truth, values > 0, values < 0)
    return label_measures(truth, right, values, [str(name) for name in outputs.columns], units_in(rows))


def _classes(rows: pd.DataFrame, task: Task) -> list[str]:
    """Names of the classes: of two, the negative before the positive one where outputs say which that is."""
    outputs = _outputs(rows, "clean")
    told = {str(name) for column in ("clean_prediction", "adversarial_prediction") for name in rows[column]}
    truth = {str(name) for name in rows["target"]}
    seen = sorted(truth | {name for name in told if "=" not in name})
    if outputs is None:
        return seen if len(seen) > 1 else [*seen, _ANOTHER]
    known = [str(name) for name in outputs.columns]
    others = [name for name in seen if name not in known]
    return [*(others or [f"not {known[0]}"]), *known] if task_of(task).two_sided else [*known, *others]


def _answers(
    rows: pd.DataFrame, names: Sequence[str], which: str, right: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Class indices of the truth, and of answers: the true class where right, else the wrong one that was said."""
    place = {name: number for number, name in enumerate(names)}
    truth, said = [], []
    for target, found, clean, kept in zip(
        rows["target"], rows[f"{which}_prediction"], rows["clean_prediction"], right, strict=True
    ):
        # Of classes that tie, one that is wrong; what was reached without a wrong answer is counted as one.
        names_said = [name for text in (found, clean) for name in (text, *str(text).split("="))]
        wrong = [name for name in names_said if name != target and name in place]
        truth.append(place[target])
        said.append(place[target] if kept else place[[*wrong, *(name for name in names if name != target)][0]])
    return np.array(truth, np.int64), np.array(said, np.int64)
