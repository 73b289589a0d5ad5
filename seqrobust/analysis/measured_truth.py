"""Edited sequences whose value somebody measured: was the model moved away from the truth, or along with it?

Where an edit changes what is true, a model that moves is right to; only a measurement tells. Of the edited sequences
that stand in a table of known values, it is said how many there are, how well the model predicts them, and on how many
it is farther from the truth than it was before the edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.clusters import units_in
from seqrobust.analysis.shifts import fit
from seqrobust.errors import DataError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import encode_targets
from seqrobust.sequences.readers import Columns, read_sequences
from seqrobust.statistics import proportion, share_interval
from seqrobust.tasks import task_of

KNOWN = "measured"
"""Column of an attack's table: the known value of the edited sequence, empty where there is none."""

Values = Mapping[str, float]


def known_values(file: Path, predictor: Predictor, output: int, columns: Columns | None = None) -> Values:
    """Sequence to its measured value; the mean of those of a sequence that stands there more than once.

    Args:
        file: as any file of records, with the model's target columns.
        predictor: the model.
        output: which of its values.
        columns: which column holds what, where they are not called as usual.

    Raises DataError for a file that cannot be read, or has no target.
    """
    labels = predictor.labels or ()
    read = read_sequences(
        file, alphabet=predictor.alphabet, columns=columns, known_targets=[tuple(labels)] if labels else []
    ).sequences
    if read.targets is None:
        raise DataError(
            "the measured sequences have no value",
            expected=f"a column called {' or '.join([*labels, 'target'])}",
            where=str(file),
        )
    values = encode_targets(read.targets, predictor.task, predictor.labels).values
    if not task_of(predictor.task).measured:
        raise DataError("measured values are for models of values", found=f"task {predictor.task}", where="--measured")
    known: pd.Series = pd.Series(values[:, output].astype(np.float64)).groupby(np.array(read.texts, object)).mean()
    return {str(text): float(value) for text, value in known.items()}


def with_known(results: pd.DataFrame, values: Values) -> pd.DataFrame:
    """The table with :data:`KNOWN`."""
    texts = results["adversarial_sequence"].astype(str)
    told: pd.DataFrame = results.assign(**{KNOWN: texts.map(lambda text: values.get(text, np.nan)).astype(np.float64)})
    return told


def against_measured(results: pd.DataFrame) -> dict[str, Any]:
    """``measured`` by budget: ``n`` edited sequences known ``of`` so many, their ``mse``, ``r2`` and ``spearman``, and
    ``away``, the share of them on which the model is farther from the truth than it was on the record before."""
    level = results["budget_share"] if "budget_share" in results else results["budget"]
    return {"measured": [_at(key, results[level == key]) for key in dict.fromkeys(level)]}


def _at(budget: Any, rows: pd.DataFrame) -> dict[str, Any]:
    edited = rows[rows["n_edits"] > 0]
    known = edited[edited[KNOWN].notna()]
    found: dict[str, Any] = {
        "budget": budget if isinstance(budget, str) else int(budget),
        "n": len(known),
        "of": len(edited),
        **fit(known[KNOWN], known["adversarial_prediction"]),
    }
    both = known[known["target"].notna()]
    after = (both["adversarial_prediction"] - both[KNOWN]).abs()
    before = (both["clean_prediction"] - both["target"]).abs()
    away = after > before
    moved = (both["adversarial_prediction"] - both["clean_prediction"]).to_numpy(np.float64)
    truth = (both[KNOWN] - both["target"]).to_numpy(np.float64)
    along = moved * truth > 0
    return found | {
        "compared": len(both),
        "away": proportion(int(away.sum()), len(both)),
        "away_ci": share_interval(away, units_in(both)),
        "along": proportion(int(along.sum()), len(both)),
    }


def measured_words(metrics: Mapping[str, Any]) -> str | None:
    """The same of the largest budget in a sentence; None where nothing was measured."""
    rows = metrics.get("measured")
    if not rows:
        return None
    last = rows[-1]
    if not last["n"]:
        return f"None of the {last['of']} edited sequences is among the measured ones, so nothing is known of them"
    r2 = "" if last["r2"] is None else f", where R² is {last['r2']:.2f}"
    said = f"Of {last['of']} edited sequences {last['n']} are measured{r2}"
    if not last["compared"]:
        return said
    away, along = round(last["away"] * last["compared"]), round(last["along"] * last["compared"])
    return (
        f"{said}; the attack left the model farther from the truth on {away} of {last['compared']}, and moved it the "
        f"way that the truth moved on {along}"
    )
