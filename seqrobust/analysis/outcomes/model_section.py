"""The part of the page that speaks about the model before any attack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from seqrobust.analysis.outcomes.class_tables import classes_table, labels_table
from seqrobust.analysis.outcomes.model_pictures import (
    confusion_counts,
    confusion_picture,
    history_columns,
    scatter_picture,
    training_curves,
)
from seqrobust.analysis.outcomes.report_input import ReportInput
from seqrobust.analysis.outcomes.sentences import is_unlabelled
from seqrobust.analysis.outcomes.tables import metrics_table
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Picture, Section, Table
from seqrobust.report.words import number
from seqrobust.tasks import task_in, task_of

_MOST_CLASSES_DRAWN = 60
_MOST_VALUES_DRAWN = 6


def model_section(report: ReportInput) -> Section | None:
    """Training curves, test metrics as a table, and the confusion or scatter picture; None where there is neither."""
    pictures: tuple[Picture, ...] = ()
    if report.history is not None and any(history_columns(report.history)):
        curves = svg_markup(training_curves(report.history), "training", "Loss and validation quality by epoch")
        pictures = (Picture(svg=curves),)
    drawn = [Picture(svg=picture) for picture in _test_pictures(report)]
    aside: list[Picture | Table] = [*drawn, *_tables(report.test_metrics or {})]
    if not pictures and not aside:
        return None
    said = [f"{caution[0].upper()}{caution[1:]}." for caution in (report.test_metrics or {}).get("cautions", ())]
    return Section(
        title="The model",
        name="model",
        lead=" ".join(said),
        pictures=pictures,
        aside=tuple(aside),
        tables=tuple(table for table in [labels_table(report.test_metrics or {})] if table.rows),
        for_terminal=False,
    )


def _tables(metrics: Mapping[str, Any]) -> list[Table]:
    tables = [metrics_table(metrics), classes_table(metrics)]
    return [table for table in tables if table.rows]


def _test_pictures(report: ReportInput) -> list[Markup]:
    """Measured against predicted, of each value by itself; of classes, the confusion table."""
    task = task_of(report.task) if report.task else task_in(report.attack or {})
    pairs = _predictions(report)
    if task.measured:
        return [] if pairs is None else _scatters(pairs, report.labels)
    if task.independent or not 1 < len(report.labels) <= _MOST_CLASSES_DRAWN:
        return []
    given = (report.test_metrics or {}).get("confusion")
    if given is not None and len(given) == len(report.labels):
        counts = np.asarray(given, np.int64)
    elif pairs is not None:
        counts = confusion_counts(pairs["target"], pairs["prediction"], report.labels)
    else:
        return []
    if not counts.any():
        return []
    return [svg_markup(confusion_picture(counts, report.labels), "confusion", "Confusion matrix")]


def _predictions(report: ReportInput) -> pd.DataFrame | None:
    """Columns target and prediction: as given, or of the attacked records before any edit."""
    if report.test_predictions is not None:
        return report.test_predictions
    # Where clean predictions stand for the truth, they agree with it by definition: nothing to show.
    if report.results is None or report.results.empty or is_unlabelled(report.attack or {}):
        return None
    once: pd.DataFrame = report.results.drop_duplicates("id").rename(columns={"clean_prediction": "prediction"})
    return once


def _scatters(pairs: pd.DataFrame, labels: tuple[str, ...]) -> list[Markup]:
    """One of each value that the columns name, or of the only one."""
    several = [name for name in labels if f"target:{name}" in pairs and f"prediction:{name}" in pairs]
    if several:
        columns = [(name, f"target:{name}", f"prediction:{name}") for name in several[:_MOST_VALUES_DRAWN]]
    else:
        columns = [(labels[0] if len(labels) == 1 else "value", "target", "prediction")]
    drawn = []
    for place, (name, *both) in enumerate(columns):
        measured, predicted = (np.asarray([number(v) for v in pairs[column]]) for column in both)
        if (np.isfinite(measured) & np.isfinite(predicted)).any():
            key = f"scatter{place or ''}"
            drawn.append(
                svg_markup(scatter_picture(measured, predicted, name), key, "Predicted against measured values")
            )
    return drawn
