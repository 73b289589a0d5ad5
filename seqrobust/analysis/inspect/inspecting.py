"""Everything about a batch of pairs: gates, memory, layers and linearity, as rows of one long table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.inspect.divergence import SHUTTERS, distances, edited_steps, gate_change, travel
from seqrobust.analysis.inspect.gates import Trace, recorded, traces
from seqrobust.analysis.inspect.layers import LayerDifferences, relative_differences, watched
from seqrobust.analysis.inspect.linearity import Segments, Way, follow, logits_at
from seqrobust.analysis.inspect.pairs import Pairs, directions, flipped
from seqrobust.errors import ModelError
from seqrobust.models.predictor import Predictor

KINDS = ("adversarial", "random")
INPUT = "input"
"""What the letters themselves are called among the layers."""
_COLUMNS = ("id", "part", "layer", "edits", "measure", "value")


@dataclass(kw_only=True, eq=False)
class Found:
    """What was found so far.

    Attributes:
        rows: of the table: ``id, part, layer, edits, measure, value``.
        layers: class of each layer, in the order they were called.
        left_out: layers that could not be compared.
        reasons: why ways were sampled.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    layers: dict[str, str] = field(default_factory=lambda: {INPUT: "one-hot"})
    left_out: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)

    def add(
        self, ids: Sequence[str], part: str, layer: str, edits: str, measure: str, values: Sequence[float | None]
    ) -> None:
        """One measure of every record."""
        for name, value in zip(ids, values, strict=True):
            self.rows.append(dict(zip(_COLUMNS, (name, part, layer, edits, measure, value), strict=True)))

    def plain(self) -> dict[str, Any]:
        """What was found as plain data, rows as lists of their values."""
        return {
            "rows": [list(row.values()) for row in self.rows],
            "layers": self.layers,
            "left_out": sorted(self.left_out),
            "reasons": self.reasons,
        }

    def extend(self, piece: Mapping[str, Any]) -> None:
        """Join what another has found, as its :meth:`plain` gives it."""
        self.rows += [dict(zip(_COLUMNS, row, strict=True)) for row in piece["rows"]]
        for name, kind in piece["layers"].items():
            self.layers.setdefault(name, kind)
        self.left_out |= set(piece["left_out"])
        self.reasons += [reason for reason in piece["reasons"] if reason not in self.reasons]


def check_inspectable(predictor: Predictor) -> None:
    """Raise ModelError for a model that has no one path from letters to answer."""
    if predictor.stochastic:
        raise ModelError("a random model takes another path each time", fix="inspect it with its randomness turned off")


@torch.no_grad()
def inspect_activations(predictor: Predictor, pairs: Pairs, found: Found) -> None:
    """Layers and gates of a batch of one length. The predictor must be attached."""
    versions = pairs.versions.flatten(0, 1).to(predictor.device)
    points = predictor.encode(versions)
    variants = len(pairs.random) + 1
    with watched(predictor.module, variants, len(pairs)) as seen, recorded(predictor.module) as calls:
        logits = predictor.differentiable(points, predictor.lengths(versions))
    n = len(pairs)
    found.add(pairs.ids, "edits", "", "adversarial", "count", pairs.n_edits.astype(float).tolist())
    for number, kind in enumerate(KINDS):
        changed = flipped(predictor, logits[:n], logits[(number + 1) * n : (number + 2) * n])
        found.add(pairs.ids, "edits", "", kind, "flips", changed.astype(float).tolist())
    _layers(pairs, seen, relative_differences(points, variants), found)
    length = int(pairs.lengths[0])
    for call in calls:
        # A layer that was given positions for records, or only some of them, says nothing of a record.
        if len(call.inputs) != len(versions):
            found.left_out.add(call.name)
            continue
        for trace in traces(call):
            _gates(pairs, trimmed(trace, length, predictor.input_length), found)


def _layers(pairs: Pairs, seen: LayerDifferences, inputs: torch.Tensor, found: Found) -> None:
    found.left_out |= seen.left_out
    for name, differences in [(INPUT, inputs), *seen.found.items()]:
        found.layers.setdefault(name, seen.kinds.get(name, ""))
        for kind, values in (("adversarial", differences[0]), ("random", differences[1:].mean(0))):
            against = inputs[0] if kind == "adversarial" else inputs[1:].mean(0)
            found.add(pairs.ids, "layers", name, kind, "relative_difference", values.tolist())
            found.add(pairs.ids, "layers", name, kind, "amplification", (values / against).tolist())


def trimmed(trace: Trace, length: int, input_length: int | None) -> Trace:
    """A trace without the steps that read padding of a fixed input."""
    steps = trace.hidden.shape[1]
    if input_length is None or input_length == length:
        return trace
    kept = min(-(-length * steps // input_length), steps)
    part = slice(steps - kept, steps) if trace.padding_first else slice(0, kept)
    return Trace(
        name=trace.name,
        backward=trace.backward,
        padding_first=False,
        inputs=trace.inputs[:, part],
        gates={name: gate[:, part] for name, gate in trace.gates.items()},
        hidden=trace.hidden[:, part],
        error=trace.error,
    )


def _gates(pairs: Pairs, trace: Trace, found: Found) -> None:
    n, length = len(pairs), int(pairs.lengths[0])
    one = np.arange(n)
    for number, kind in enumerate(KINDS):
        other = one + (number + 1) * n
        apart, changes = distances(trace, one, other), gate_change(trace, one, other, SHUTTERS)
        edited = (pairs.versions[number + 1] != pairs.clean).numpy()
        measured = []
        for row in range(n):
            places = np.flatnonzero(edited[row])
            steps = edited_steps(places, length, apart.shape[1], backward=trace.backward)
            measured.append(
                asdict(travel(apart[row], steps, None if changes is None else changes[row])) if len(steps) else {}
            )
        for measure in sorted({name for one_found in measured for name in one_found}):
            values = [one_found.get(measure, float("nan")) for one_found in measured]
            found.add(pairs.ids, "recurrent", trace.name, kind, measure, [float(value) for value in values])


def inspect_ways(predictor: Predictor, pairs: Pairs, found: Found, *, output: int = 0) -> dict[str, list[Way]]:
    """The score on the way to the adversarial sequences, and to the first random ones, of a batch of one length.

    Args:
        predictor: attached; see :func:`~seqrobust.analysis.inspect.linearity.precise`.
        pairs: records of one length.
        found: gets the measures.
        output: value of a regression that is looked at.
    """
    clean, adversarial = (tokens.to(predictor.device) for tokens in (pairs.clean, pairs.adversarial))
    start, reached = (predictor.encode(tokens) for tokens in (clean, adversarial))
    direction = directions(predictor.task, logits_at(predictor, start), logits_at(predictor, reached), output)
    ends = torch.stack([pairs.adversarial, pairs.random[0]])
    segments = Segments(
        start=torch.cat([start, start]),
        end=predictor.encode(ends.flatten(0, 1).to(predictor.device)),
        direction=torch.cat([direction, direction]),
    )
    both, reason = follow(predictor, segments)
    if reason is not None and reason not in found.reasons:
        found.reasons.append(reason)
    ways = {"adversarial": both[: len(pairs)], "random": both[len(pairs) :]}
    for kind, end in zip(KINDS, ends, strict=True):
        edits = (end != pairs.clean).sum(1).numpy()
        for measure, values in _of_ways(ways[kind], edits):
            found.add(pairs.ids, "linearity", "", kind, measure, values)
    return ways


def _of_ways(ways: list[Way], edits: NDArray[np.int64]) -> Iterator[tuple[str, list[float | None]]]:
    yield "exact", [float(way.exact) for way in ways]
    yield "radius", [way.radius for way in ways]
    yield "radius_edits", [way.radius * int(count) for way, count in zip(ways, edits, strict=True)]
    yield "regions", [None if way.regions is None else float(way.regions) for way in ways]
    yield "complete", [float(way.complete) for way in ways]
    yield "good_until", [way.good_until for way in ways]
    yield "predicted_change", [way.slope for way in ways]
    yield "true_change", [way.change for way in ways]
