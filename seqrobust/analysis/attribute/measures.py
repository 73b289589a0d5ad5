"""From attributions to the numbers of ``metrics.json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqrobust.analysis.attribute.parts import Parts
from seqrobust.analysis.attribute.ready import AttributeReady
from seqrobust.analysis.attribution import AttributionSummary, Method
from seqrobust.analysis.attribution.summary import WIDE
from seqrobust.errors import DataError
from seqrobust.sequences import encode_targets
from seqrobust.tasks import task_of

Notice = Callable[[str], None]


def measured(ready: AttributeReady, parts: Parts, notice: Notice) -> tuple[dict[str, Any], pd.DataFrame]:
    """What ``metrics.json`` and ``results.parquet`` hold; ``notice`` is called with what should be said of them."""
    summary = AttributionSummary(ready.sequences, ready.methods, ready.truth, _classes(ready, notice))
    for rows, found in parts.found(ready.names):
        summary.add(rows, found)
    methods: dict[str, Any] = {}
    for method in ready.methods:
        methods[method.name] = {**summary.of_method(method), **_costs(ready, parts, method)}
        delta = methods[method.name].get("completeness_delta")
        if delta is not None and delta > WIDE:
            notice(_incomplete(method.name, delta))
    metrics = {
        "task": ready.predictor.task,
        "alphabet": ready.sequences.alphabet.name,
        "n": len(ready.sequences),
        "explained": {"quantity": ready.explained.quantity, "output": ready.settings.output},
        "baseline": ready.settings.baseline,
        "regions": list(ready.regions),
        "methods": methods,
        "agreement": summary.agreement(),
        "left_out": ready.left_out,
    }
    return metrics, summary.table()


def _incomplete(name: str, delta: float) -> str:
    because = "take more --steps" if name == "integrated_gradients" else "the model holds an operation without a rule"
    return f"{name}: contributions miss their sum by {100 * delta:.1f} % of it; {because}"


def _costs(ready: AttributeReady, parts: Parts, method: Method) -> dict[str, float]:
    each = [parts.read(method.name, batch)[1] for batch in range(len(parts.batches))]
    records = len(ready.sequences)
    return {
        "seconds": sum(one.seconds for one in each),
        "forwards_per_record": sum(one.forwards for one in each) / records,
        "gradients_per_record": sum(one.gradients for one in each) / records,
    }


def _classes(ready: AttributeReady, notice: Notice) -> NDArray[np.str_] | None:
    """The class of each record, true where known and else predicted; None for a task without classes."""
    predictor, targets = ready.predictor, ready.sequences.targets
    if not task_of(predictor.task).exclusive or predictor.labels is None:
        return None
    labels: NDArray[np.str_] = np.array(predictor.labels)
    if targets is not None:
        try:
            true: NDArray[np.str_] = labels[
                encode_targets(targets, predictor.task, predictor.labels).values.astype(np.int64)
            ]
            return true
        except DataError as error:
            notice(f"classes are those predicted, for the targets cannot be used: {error.problem}")
    with predictor.attached():
        logits = predictor.logits(torch.tensor(ready.sequences.tokens, device=predictor.device))
    chosen = task_of(predictor.task).predictions(logits)
    predicted: NDArray[np.str_] = labels[chosen.cpu().numpy()]
    return predicted
