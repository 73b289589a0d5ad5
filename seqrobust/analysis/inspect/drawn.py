"""What is drawn of single records: gates of a clean and an adversarial reading, and the score on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.inspect.divergence import distances
from seqrobust.analysis.inspect.gates import Trace, recorded, traces
from seqrobust.analysis.inspect.inspecting import trimmed
from seqrobust.analysis.inspect.linearity import Way
from seqrobust.analysis.inspect.pairs import Pairs
from seqrobust.models.predictor import Predictor
from seqrobust.threats import edits_as_text

_GATES = ("update", "forget")
"""What decides how long a unit remembers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate:
    """One gate of one layer, units by positions of the record (or by steps where the layer has fewer).

    Attributes:
        name: of the layer and the gate.
        clean, adversarial: (H, T) values.
        low, high: ends of its range.
        letters: letters that a step stands for.
    """

    name: str
    clean: NDArray[np.float64]
    adversarial: NDArray[np.float64]
    low: float
    high: float
    letters: float

    @property
    def order(self) -> NDArray[np.int64]:
        """Units by how far they move, upward ones first."""
        return np.argsort(-(self.adversarial - self.clean).sum(1), kind="stable")


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """Distance of the states at every step, by layer and direction; positions as in :class:`Gate`."""

    name: str
    kind: str
    values: NDArray[np.float64]
    letters: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """One record.

    Attributes:
        id, edits: its name, and the edits as geneticists write them.
        edited: 0-based positions.
        length: letters.
        gate: that of the layer and direction in which the states part most; None without recurrent layers.
        lines: distances of states.
        way: the score on the way to the adversarial sequence, where it was followed.
    """

    id: str
    edits: str
    edited: NDArray[np.int64]
    length: int
    gate: Gate | None
    lines: tuple[Line, ...]
    way: Way | None


def drawn_record(predictor: Predictor, pair: Pairs, way: Way | None) -> Drawn:
    """Of a single pair."""
    length = int(pair.lengths[0])
    edited = np.flatnonzero((pair.clean != pair.adversarial)[0].numpy())
    letters = predictor.alphabet.letters + predictor.alphabet.any_letter
    texts = ["".join(letters[token] for token in row[0, :length].tolist()) for row in (pair.clean, pair.adversarial)]
    found = _traces(predictor, pair)
    return Drawn(
        id=pair.ids[0],
        edits=edits_as_text(*texts),
        edited=edited,
        length=length,
        gate=_gate(found, length),
        lines=tuple(line for trace in found for line in _lines(trace, length)),
        way=way,
    )


@torch.no_grad()
def _traces(predictor: Predictor, pair: Pairs) -> list[Trace]:
    with predictor.attached(), recorded(predictor.module) as calls:
        versions = pair.versions[:3].flatten(0, 1).to(predictor.device)
        predictor.differentiable(predictor.encode(versions), predictor.lengths(versions))
        return [
            trimmed(trace, int(pair.lengths[0]), predictor.input_length)
            for call in calls
            if len(call.inputs) == len(versions)
            for trace in traces(call)
        ]


def _gate(found: list[Trace], length: int) -> Gate | None:
    """Of the direction whose states part most."""
    if not found:
        return None
    trace = max(found, key=lambda one: float(distances(one, np.array([0]), np.array([1])).max()))
    name = next((name for name in _GATES if name in trace.gates), None)
    values = trace.hidden if name is None else trace.gates[name]
    clean, adversarial = (values[row].double().T.cpu().numpy() for row in (0, 1))
    if trace.backward:
        clean, adversarial = clean[:, ::-1], adversarial[:, ::-1]
    gated = name is not None
    return Gate(
        name=f"{trace.name}: {name} gate" if gated else f"{trace.name}: state",
        clean=clean,
        adversarial=adversarial,
        low=0.0 if gated else float(min(clean.min(), adversarial.min())),
        high=float(max(clean.max(), adversarial.max())),
        letters=length / clean.shape[1],
    )


def _lines(trace: Trace, length: int) -> list[Line]:
    lines = []
    for row, kind in ((1, "adversarial"), (2, "random")):
        values = distances(trace, np.array([0]), np.array([row]))[0]
        values = values[::-1] if trace.backward else values
        lines.append(Line(name=trace.name, kind=kind, values=values, letters=length / len(values)))
    return lines
