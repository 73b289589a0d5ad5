"""From attributions to the numbers of ``metrics.json``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.attribution import AttributionSummary, Method
from seqrobust.analysis.attribution.summary import WIDE
from seqrobust.errors import DataError
from seqrobust.pipeline.attribute_files import Parts
from seqrobust.pipeline.attribute_work import Work
from seqrobust.run.folder import plain
from seqrobust.sequences import encode_targets


def metrics_of(work: Work, parts: Parts) -> tuple[dict[str, Any], list[str]]:
    """``metrics.json``, and what of it should be said; ``results.parquet`` is written on the way."""
    classes, notices = _classes(work)
    summary = AttributionSummary(work.sequences, work.methods, work.truth, classes)
    for rows, found in parts.found(work.names):
        summary.add(rows, found)
    methods: dict[str, Any] = {}
    for method in work.methods:
        methods[method.name] = {**summary.of_method(method), **_costs(work, parts, method)}
        delta = methods[method.name].get("completeness_delta")
        if delta is not None and delta > WIDE:
            notices.append(_incomplete(method.name, delta))
    summary.table().to_parquet(parts.folder / "results.parquet", index=False)
    metrics: dict[str, Any] = plain(
        {
            "task": work.predictor.task,
            "alphabet": work.sequences.alphabet.name,
            "n": len(work.sequences),
            "explained": {"quantity": work.explained.quantity, "output": work.settings.output},
            "baseline": work.settings.baseline,
            "regions": list(work.regions),
            "methods": methods,
            "agreement": summary.agreement(),
            "left_out": work.left_out,
        }
    )
    return metrics, notices


def _incomplete(name: str, delta: float) -> str:
    because = "take more --steps" if name == "integrated_gradients" else "the model holds an operation without a rule"
    return f"{name}: contributions miss their sum by {100 * delta:.1f} % of it; {because}"


def _costs(work: Work, parts: Parts, method: Method) -> dict[str, float]:
    each = [parts.read(method.name, batch)[1] for batch in range(len(parts.batches))]
    records = len(work.sequences)
    return {
        "seconds": sum(one.seconds for one in each),
        "forwards_per_record": sum(one.forwards for one in each) / records,
        "gradients_per_record": sum(one.gradients for one in each) / records,
    }


def _classes(work: Work) -> tuple[NDArray[np.str_] | None, list[str]]:
    """The class of each record, true where known and else predicted; None for a task without classes."""
    predictor, targets = work.predictor, work.sequences.targets
    if predictor.task not in ("classification", "binary") or predictor.labels is None:
        return None, []
    labels, notices = np.array(predictor.labels), list[str]()
    if targets is not None:
        try:
            return labels[encode_targets(targets, predictor.task, predictor.labels).values.astype(np.int64)], []
        except DataError as error:
            notices = [f"classes are those predicted, for the targets cannot be used: {error.problem}"]
    with predictor.attached():
        logits = predictor.logits(torch.tensor(work.sequences.tokens, device=predictor.device))
    chosen = logits.argmax(1) if predictor.task == "classification" else (logits[:, 0] > 0).long()
    return labels[chosen.cpu().numpy()], notices
