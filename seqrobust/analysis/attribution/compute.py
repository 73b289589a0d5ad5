"""Asks methods about records, batch by batch, and puts what they find in the records' own order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.attribution.explained import Explained
from seqrobust.analysis.attribution.methods import Method
from seqrobust.analysis.attribution.question import Question
from seqrobust.analysis.attribution.settings import AttributionSettings
from seqrobust.errors import ModelError
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet

Floats = NDArray[np.float32]


class Attribution(NamedTuple):
    """What one method says of N records.

    Attributes:
        values: (N, K, L); what they mean stands in :mod:`~.methods`.
        delta: (N,) by how much contributions miss their sum; NaN for a method that promises none.
        difference: (N,) that sum: the number explained, of the record less that of its baseline.
    """

    values: Floats
    delta: Floats
    difference: Floats


def attribute(
    predictor: Predictor,
    sequences: SequenceSet,
    explained: Explained,
    method: Method,
    settings: AttributionSettings,
    service: NeighbourScores,
) -> Attribution:
    """Attributions of all records by one method.

    Args:
        predictor: attached and checked.
        sequences: N records of at most L letters.
        explained: what is explained of each.
        method, settings: how.
        service: neighbour scores of the same predictor.

    Raises ModelError for a model that the method does not apply to, or with a value that is not finite.
    """
    count, width = len(sequences), sequences.width
    values = np.zeros((count, sequences.alphabet.size, width), np.float32)
    delta, difference = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32)
    # Records of like length go together, so that little padding is computed.
    order = np.argsort(sequences.lengths, kind="stable")
    step = method.records(predictor, settings)
    for start in range(0, count, step):
        rows = order[start : start + step]
        longest = int(sequences.lengths[rows].max())
        found = method.attribute(
            Question(
                predictor=predictor,
                sequences=sequences.take(rows).cropped(longest),
                weights=explained.weights[torch.from_numpy(rows)].to(predictor.device),
                settings=settings,
                service=service,
            )
        )
        values[rows, :, :longest] = found.values.cpu().numpy()
        if found.delta is not None and found.difference is not None:
            delta[rows], difference[rows] = found.delta.cpu().numpy(), found.difference.cpu().numpy()
    return Attribution(values, delta, difference)


def applicable(
    predictor: Predictor,
    sequences: SequenceSet,
    explained: Explained,
    methods: Sequence[Method],
    settings: AttributionSettings,
) -> tuple[tuple[Method, ...], dict[str, str]]:
    """Which methods apply to a model, found by a try on its shortest record, and for the others why not.

    Raises ModelError where none does.
    """
    kept, reasons = [], dict[str, str]()
    shortest = int(sequences.lengths.argmin())
    one = sequences.take([shortest]).cropped(int(sequences.lengths[shortest]))
    few = Explained(weights=explained.weights[[shortest]], names=(explained.names[shortest],), quantity="")
    for method in methods:
        reason = method.why_not(predictor)
        if reason is None:
            try:
                attribute(predictor, one, few, method, settings, NeighbourScores(predictor))
            except ModelError as error:
                reason = error.problem + (f" ({error.found})" if error.found else "")
        if reason is None:
            kept.append(method)
        else:
            reasons[method.name] = reason
    if not kept:
        name, reason = next(iter(reasons.items()))
        raise ModelError(
            "no method that was asked for applies to the model",
            found=f"{name}: {reason}" + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""),
            fix="use methods that need no gradient: --methods ism,occlusion",
        )
    return tuple(kept), reasons


def position_importance(values: Floats, tokens: NDArray[np.uint8], letters: int, how: str) -> Floats:
    """(N, L) importance of every position, NaN where an unknown letter or padding stands.

    Args:
        values: (N, K, L).
        tokens: (N, L).
        letters: K.
        how: ``present`` for the value at the letter that is there, with its sign; ``largest`` for the largest absolute
            value over the letters.
    """
    known = tokens < letters
    if how == "largest":
        found = np.abs(values).max(1)
    else:
        at = np.where(known, tokens, 0).astype(np.int64)
        found = np.take_along_axis(values, at[:, None, :], 1)[:, 0]
    importance: Floats = np.where(known, found, np.float32(np.nan))
    return importance
