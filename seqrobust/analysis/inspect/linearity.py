"""How far a network is linear on the way from a sequence to its adversarial one, and what a gradient foresees of it.

On the segment X + t (X' - X), t in [0, 1], a network of ReLUs and maxima is linear piece by piece (Montufar et al.
2014, "On the number of linear regions of deep neural networks"). The pieces are followed one after another: a forward
pass with the derivative along the segment gives the exact distance to the next bend, and the walk goes on just behind
it. Every piece is checked, for its line must meet the network's own value at its end; where it does not (a smooth
activation, a step that was not understood) the segment is sampled instead, with the reason.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import forward_ad

from seqrobust.analysis.inspect.kinks import Bends, KeepsDouble
from seqrobust.graph import CannotTraceError, Traced, trace
from seqrobust.models.predictor import Predictor

RESOLUTION = 1e-9
"""Pieces shorter than this share of the way are joined to the next."""
_GRID = 256
"""Steps where the way is sampled."""
_TOGETHER = 256
"""Samples that are scored at once."""
_AGREES = 1e-6
"""How well a piece's line has to meet the value at its end, relative to the values' size."""
_ASKED = 8
"""Places between the ends where a way that was followed is compared with the model."""
_NOT_LINEAR = "the score is not linear between the bends that are known"
DEVIATION = 0.05
"""Share of the largest change within which the first-order prediction counts as good."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """A score on the way from one sequence to another.

    Attributes:
        knots: (M,) ends of the pieces, from 0 to 1; of a sampled way the samples.
        values: (M,) the score there.
        slope: its derivative on leaving the clean sequence, which is what the gradient foresees of the whole change.
        radius: share of the way to the first bend, which may lie beyond 1; infinite where nothing bends, NaN of a
            sampled way.
        regions: linear pieces met; None of a sampled way.
        exact: whether the pieces were followed, rather than sampled.
        complete: False where following stopped at the limit, and ``regions`` is a lower bound.
    """

    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    slope: float
    radius: float
    regions: int | None
    exact: bool
    complete: bool = True

    def plain(self) -> dict[str, Any]:
        """The way as plain data."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Way:
        """From what :meth:`plain` gives, as it is read from a file."""
        arrays = {name: np.array(values[name], np.float64) for name in ("knots", "values")}
        return cls(**{**values, **arrays})

    @property
    def change(self) -> float:
        """What really becomes of the score."""
        return float(self.values[-1] - self.values[0])

    @property
    def good_until(self) -> float:
        """Share of the way on which the first-order prediction is off by at most 5 % of the largest change; 1 for all.

        Exact between knots, for the difference of two lines is one.
        """
        error = np.abs(self.values - self.values[0] - self.slope * self.knots)
        limit = DEVIATION * np.abs(self.values - self.values[0]).max()
        beyond = np.flatnonzero(error > limit + 1e-12)
        if not len(beyond):
            return 1.0
        at = int(beyond[0])
        share = (limit - error[at - 1]) / (error[at] - error[at - 1])
        return float(self.knots[at - 1] + share * (self.knots[at] - self.knots[at - 1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Segments:
    """Segments of one length, in a batch.

    Attributes:
        start, end: (n, K, L) one-hot of the clean and the other sequences, all L letters long.
        direction: (n, outputs) weights of the logits whose sum is the score that is followed.
    """

    start: Tensor
    end: Tensor
    direction: Tensor

    def __len__(self) -> int:
        return len(self.start)

    def at(self, place: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(m, K, L) points of those rows at (m,) shares of the way, and the way there."""
        step = (self.end - self.start)[rows].double()
        return self.start[rows].double() + place.to(step.device)[:, None, None] * step, step


def precise(predictor: Predictor, tokens: Tensor) -> Predictor:
    """A copy in double precision where the module allows it, tried on (M, L) tokens, else the predictor itself; the
    module is not touched."""
    try:
        twin = copy.deepcopy(predictor)
        twin.module.double()
        tokens = tokens[:1].to(predictor.device)
        with twin.attached(), torch.no_grad(), KeepsDouble():
            points = twin.encode(tokens).double()
            fine = twin.differentiable(points, twin.lengths(tokens)).dtype == torch.float64
    except Exception:  # a stranger's module may refuse copies or double precision
        return predictor
    return twin if fine else predictor


def _precision(predictor: Predictor) -> torch.dtype:
    """Of the weights; a module without any takes what it is given."""
    return next((weight.dtype for weight in predictor.module.parameters()), torch.float64)


def follow(predictor: Predictor, segments: Segments, *, most: int = 5000) -> tuple[list[Way], str | None]:
    """The score along every segment.

    Args:
        predictor: attached; see :func:`precise`.
        segments: of records that are all L letters long.
        most: pieces of a segment that are followed.

    Returns the ways, and why they were sampled where they were. Raises ModelError where the model is not finite there.
    """
    try:
        walk = _Walk(predictor, segments)
        reason = walk.run(most)
    except CannotTraceError as error:
        reason = f"not understood: {error}"
    except (RuntimeError, NotImplementedError) as error:  # an operation without a forward derivative
        reason = str(error).splitlines()[0][:160]
    if reason is None:
        return walk.ways(), None
    return _sampled(predictor, segments), reason


def _traced(predictor: Predictor, segments: Segments) -> Traced:
    """The model's graph, in the precision of its weights."""
    example, length = segments.start[:1].to(_precision(predictor)), segments.start.shape[2]
    with KeepsDouble():
        return trace(lambda rows: predictor.function(rows, length), example, predictor.module)


class _Walk:
    """All segments side by side, each at its own place; those that have arrived drop out."""

    def __init__(self, predictor: Predictor, segments: Segments) -> None:
        self.predictor, self.segments = predictor, segments
        n = len(segments)
        self.dtype = _precision(predictor)
        self.traced = _traced(predictor, segments)
        self.resolution = RESOLUTION if self.dtype == torch.float64 else 1e-4
        self.agrees = _AGREES if self.dtype == torch.float64 else 1e-3
        self.knots: list[list[float]] = [[0.0] for _ in range(n)]
        self.values: list[list[float]] = [[] for _ in range(n)]
        self.slope, self.radius = np.zeros(n), np.zeros(n)
        self.complete = np.ones(n, bool)

    def run(self, most: int) -> str | None:
        rows = torch.arange(len(self.segments))
        place = torch.full((len(rows),), self.resolution, dtype=torch.float64)
        for number in range(most):
            score, slope, bends = self._look(place, rows)
            if bends.uncertain:
                return "not understood: " + ", ".join(sorted(bends.uncertain))
            if number and (off := self._off(score, slope, rows, place)):
                return off
            ahead = place + bends.nearest
            self._note(rows, place, score, slope, ahead, first=number == 0)
            going = ahead + self.resolution < 1
            rows, place = rows[going], ahead[going] + self.resolution
            if not len(rows):
                return self._check_ends()
        self._cut(rows)
        return self._check_ends()

    def _look(self, place: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Bends]:
        points, steps = (part.to(self.dtype) for part in self.segments.at(place, rows))
        bends = Bends(self.traced, len(rows))
        # Torch compiles its rules of forward derivatives on first use, and warns of its own way to do so.
        with warnings.catch_warnings(), torch.no_grad(), forward_ad.dual_level():
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            carried = forward_ad.make_dual(points, steps)  # type: ignore[no-untyped-call]
            logits = bends.run(carried)
            self.predictor.forwards += len(rows)
            dual = forward_ad.unpack_dual(logits)  # type: ignore[no-untyped-call]
            direction = self.segments.direction[rows].to(dual.primal)
            score = (dual.primal * direction).sum(1)
            slope = torch.zeros_like(score) if dual.tangent is None else (dual.tangent * direction).sum(1)
        return score.double().cpu(), slope.double().cpu(), bends

    def _note(self, rows: Tensor, place: Tensor, score: Tensor, slope: Tensor, ahead: Tensor, *, first: bool) -> None:
        last = ahead.clamp(max=1.0)
        ends = score + slope * (last - place)
        for number, row in enumerate(rows.tolist()):
            if first:
                self.values[row].append(float(score[number] - slope[number] * place[number]))
                self.slope[row], self.radius[row] = float(slope[number]), float(ahead[number])
            arrived = float(last[number]) + self.resolution >= 1
            self.knots[row].append(1.0 if arrived else float(last[number]))
            self.values[row].append(float(ends[number]))

    def _off(self, score: Tensor, slope: Tensor, rows: Tensor, place: Tensor) -> str | None:
        """Where the line of the piece before does not meet the value: what is bent there was not seen."""
        for number, row in enumerate(rows.tolist()):
            promised, found = self.values[row][-1], float(score[number])
            slack = 2 * self.resolution * (abs(float(slope[number])) + abs(self.slope[row]))
            if abs(promised - found) > self._tolerance(row) + slack:
                return _NOT_LINEAR
        return None

    def _tolerance(self, row: int) -> float:
        return self.agrees * max(1.0, *(abs(value) for value in self.values[row][-2:]))

    def _check_ends(self) -> str | None:
        everyone = torch.arange(len(self.segments))
        ends = _scores(self.predictor, self.segments, torch.ones(len(everyone), dtype=torch.float64), everyone)
        for row, found in enumerate(ends.tolist()):
            if self.complete[row] and abs(self.values[row][-1] - found) > 10 * self._tolerance(row):
                return _NOT_LINEAR
            if not self.complete[row]:
                self.knots[row].append(1.0)
                self.values[row].append(found)
        return self._check_between()

    def _check_between(self) -> str | None:
        """A bump that is gone again at the end meets no value there; places of no pattern are asked as well."""
        whole = np.flatnonzero(self.complete)
        rows = torch.from_numpy(whole).repeat(_ASKED)
        place = torch.from_numpy(np.random.default_rng(0).random(len(rows)))
        for some, at in (
            zip(torch.split(rows, _TOGETHER), torch.split(place, _TOGETHER), strict=True) if len(rows) else ()
        ):
            found = _scores(self.predictor, self.segments, at, some)
            for row, here, value in zip(some.tolist(), at.tolist(), found.tolist(), strict=True):
                promised = np.interp(here, self.knots[row], self.values[row])
                if abs(promised - value) > 10 * self.agrees * max(1.0, *map(abs, self.values[row])):
                    return _NOT_LINEAR
        return None

    def _cut(self, rows: Tensor) -> None:
        self.complete[rows.numpy()] = False

    def ways(self) -> list[Way]:
        return [
            Way(
                knots=np.array(self.knots[row]),
                values=np.array(self.values[row]),
                slope=float(self.slope[row]),
                radius=float(self.radius[row]),
                regions=len(self.knots[row]) - 1,
                exact=True,
                complete=bool(self.complete[row]),
            )
            for row in range(len(self.segments))
        ]


def logits_at(predictor: Predictor, points: Tensor) -> Tensor:
    """(n, outputs) logits of (n, K, L) points without padding, in the precision of the weights."""
    lengths = torch.full((len(points),), points.shape[2], device=points.device)
    with torch.no_grad(), KeepsDouble():
        return predictor.differentiable(points.to(_precision(predictor)), lengths)


def _scores(predictor: Predictor, segments: Segments, place: Tensor, rows: Tensor) -> Tensor:
    logits = logits_at(predictor, segments.at(place, rows)[0])
    return (logits * segments.direction.to(logits)[rows]).sum(1).double().cpu()


def _sampled(predictor: Predictor, segments: Segments) -> list[Way]:
    """The score at equal steps; its first slope by a gradient."""
    knots = torch.linspace(0, 1, _GRID + 1, dtype=torch.float64)
    n = len(segments)
    place, rows = knots.repeat(n), torch.arange(n).repeat_interleave(len(knots))
    pieces = zip(torch.split(place, _TOGETHER), torch.split(rows, _TOGETHER), strict=True)
    values = torch.cat([_scores(predictor, segments, *piece) for piece in pieces]).reshape(n, -1).numpy()
    slopes = _gradients(predictor, segments)
    return [
        Way(
            knots=knots.numpy(), values=values[row], slope=float(slopes[row]), radius=float("nan"), regions=None,
            exact=False,
        )
        for row in range(len(segments))
    ]  # fmt: skip


def _gradients(predictor: Predictor, segments: Segments) -> NDArray[np.float64]:
    """(n,) derivative of the score on leaving the clean sequence, by a gradient."""
    points = segments.start.detach().clone().to(_precision(predictor)).requires_grad_(True)
    lengths = torch.full((len(points),), points.shape[2], device=points.device)
    with torch.enable_grad(), KeepsDouble():
        score = (predictor.differentiable(points, lengths) * segments.direction.to(points)).sum()
        (gradient,) = torch.autograd.grad(score, points)
    found: NDArray[np.float64] = (gradient * (segments.end - segments.start)).double().sum((1, 2)).cpu().numpy()
    return found
