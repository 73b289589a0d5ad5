"""Records before and after edits, chosen to be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.stability.explaining import edited_set, importances
from seqrobust.analysis.stability.steps import Study

_MOST = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """One record before and after edits.

    Attributes:
        id: of the record.
        method: whose explanation is shown.
        edits: in text, such as ``A12G``, and how many.
        correlation: of the two explanations.
        texts: the clean and the edited sequence.
        importances: (L,) of either.
        predictions: of either.
    """

    id: str
    method: str
    edits: str
    n_edits: int
    correlation: float
    texts: tuple[str, str]
    importances: tuple[NDArray[np.float32], NDArray[np.float32]]
    predictions: tuple[object, object]


def chosen_rows(results: pd.DataFrame) -> pd.DataFrame:
    """Up to two rows to draw: of the found edits at the largest budget, those that moved an explanation most, of the
    first method that was attacked; where nothing was searched, random ones."""
    for goal in ("change", "keep", "random"):
        rows = results[(results["goal"] == goal) & results["correlation"].notna() & (results["n_edits"] > 0)]
        if len(rows):
            rows = rows[rows["method"] == rows["method"].iloc[0]]
            rows = rows[rows["budget"] == rows["budget"].max()]
            ordered = rows.sort_values("correlation", ascending=goal != "keep", kind="stable")
            best: pd.DataFrame = ordered.drop_duplicates("id").head(_MOST)
            return best
    nothing: pd.DataFrame = results.head(0)
    return nothing


def examples(study: Study, results: pd.DataFrame) -> Iterator[Example]:
    """Those of :func:`chosen_rows`, explained anew. The study must be attached."""
    plain = study.problem.plain
    for _, row in chosen_rows(results).iterrows():
        number = plain.sequences.ids.index(row["id"])
        method, text = row["method"], str(row["adversarial_sequence"])
        edited = edited_set(plain.sequences, [number], [text])
        found = importances(plain.predictor, edited, method, study.settings, seed=plain.seed, memory=study.memory)
        yield Example(
            id=str(row["id"]),
            method=method,
            edits=row["edits"],
            n_edits=int(row["n_edits"]),
            correlation=float(row["correlation"]),
            texts=(plain.sequences.texts[number], text),
            importances=(study.judge.explanation(method)[number], found[0]),
            predictions=(row["clean_prediction"], row["adversarial_prediction"]),
        )
