"""What a report is made of: plain data only, so that any command can write one, with or without a model at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from seqrobust.report.sections import Section
from seqrobust.sequences import SequenceSet, Task


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportInput:
    """Everything a report may show; a section whose data is None is left out.

    Attributes:
        title: heading of the page.
        task: what the model predicts.
        labels: class or value names in output order.
        data_summary: ``n, alphabet, lengths {min, median, max}, splits {name: n}, classes {label: {split: n}},
            ambiguous {code: n}, duplicates {within, across_splits}, regions {name: {count, records, median_length}}``,
            all optional.
        history: a row per epoch: ``epoch`` and columns such as ``train_loss``, ``valid_loss``, ``valid_accuracy``.
        test_metrics: metrics on clean test records; ``confusion`` (rows true, columns predicted) is drawn where given.
        test_predictions: columns ``target`` and ``prediction``, of several values ``target:NAME`` and
            ``prediction:NAME``; by default those of the attacked records.
        attack: ``metrics.json`` of an attack.
        results: ``results.parquet`` of an attack: a row per record and budget.
        sequences: the records attacked, for letters and regions.
        protect, only: names (or patterns) of regions the adversary may not, or may only, touch.
        letter_rule: which switches of letters were allowed, as the user gave it.
        manifest: ``manifest.json`` of the run; ``command``, ``config`` and ``started`` are shown on their own.
        sections: what a command has to say beside all that, shown after the budget curve.
    """

    title: str
    task: Task | None = None
    labels: tuple[str, ...] = ()
    data_summary: Mapping[str, Any] | None = None
    history: pd.DataFrame | None = None
    test_metrics: Mapping[str, Any] | None = None
    test_predictions: pd.DataFrame | None = None
    attack: Mapping[str, Any] | None = None
    results: pd.DataFrame | None = None
    sequences: SequenceSet | None = None
    protect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    letter_rule: str = "any"
    manifest: Mapping[str, Any] | None = None
    sections: tuple[Section, ...] = ()
