"""Background exchange: does the prediction follow the background's class when the functional letters stay?

A record keeps the letters of its functional positions and gets all others from a donor. If backgrounds say nothing
about the class, or the model does not listen, it cannot matter whether the donor is of the record's own class: the gap
between the two is what the background's class decides. So Xiao et al. 2021 (ICLR, "Noise or signal") measure the
reliance of image classifiers on backgrounds. No adversary and no position is chosen here; the price is that only what
backgrounds of the data hold can be seen.

Every record meets every donor but itself and, where records come in clusters, one donor of each other cluster. Where
the donor is functional its letters are drawn anew from those of its own background, so that all donors replace the same
positions and bring no functional element along. Under the hypothesis that backgrounds carry no class, donors are
exchangeable, and permuting their classes gives the p value. Answers that differ by no more than single precision are
alike.

For a regression the gap is the slope of the mean output over the donors' values: 0 where the background does not
matter, 1 where it alone decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.probe.places import Places
from seqrobust.attacks import Problem, Shift, predictions, true_margin
from seqrobust.attacks.streams import RecordStreams
from seqrobust.sequences import SequenceSet
from seqrobust.statistics import LEAST
from seqrobust.statistics.units import numbered
from seqrobust.tasks import task_of

DONORS = 64
"""Donors at most; as many of each class as can be had."""
PERMUTATIONS = 2000
REPEATS = 500
ROUNDING = 4e-6
"""Share of a record's answers by which they differ for rounding alone."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What exchanged backgrounds do.

    Attributes:
        gap: mean margin (logits) with backgrounds of the same class less that with others; for a regression the slope.
        ci: 95 %, bootstrap over independent units of records and, within classes, donors; None for a regression, and of
            fewer than five units.
        p_value: permutation of the donors' classes, one-sided: 1 or more in :data:`PERMUTATIONS` + 1.
        kept_same, kept_other: shares of predictions that stay right with such backgrounds; None for a regression.
        kept_gap: the former less the latter; None for a regression.
        n: records.
        donors: how many.
    """

    gap: float | None
    ci: list[float] | None
    p_value: float | None
    kept_same: float | None
    kept_other: float | None
    kept_gap: float | None
    n: int
    donors: int

    def described(self) -> dict[str, Any]:
        """For ``metrics.json``."""
        return asdict(self)


def exchanged(
    problem: Problem, places: Places, usable: NDArray[np.bool_], progress: Callable[[float], None] = lambda _: None
) -> Exchange:
    """Exchange backgrounds between records. The predictor must be attached.

    Args:
        problem: the records, their targets (the clean predictions stand for missing ones), and the seed.
        places: of those records.
        usable: (N,) records that may receive a background: those correctly classified, say.
        progress: called with the finished share.
    """
    truth = _truth(problem)
    receivers = np.flatnonzero(usable & places.functional.any(1) & places.background.any(1))
    units = numbered(len(truth), problem.sequences.units)
    donors = _donors(truth, units, problem.seed)
    if task_of(problem.predictor.task).independent or len(np.unique(truth[donors])) < 2 or not len(receivers):
        return _unknown(len(receivers), len(donors))
    letters = _donated(problem, places, donors)
    answers = np.empty((len(receivers), len(donors)))
    for number, (row, length) in enumerate(zip(letters, problem.sequences.lengths[donors], strict=True)):
        answers[:, number] = _answers(problem, places, receivers, row[:length], truth)
        # Its own background would keep a record right for no other reason than that it was right.
        answers[units[receivers] == units[donors[number]], number] = np.nan
        progress((number + 1) / len(donors))
    answers = _levelled(answers)
    if isinstance(problem.goal, Shift):
        return _slope(answers, truth[donors], problem.seed)
    return _gap(answers, truth[receivers], truth[donors], units[receivers], problem.seed)


def _truth(problem: Problem) -> NDArray[Any]:
    output = problem.goal.output if isinstance(problem.goal, Shift) else 0
    if problem.targets is not None:
        values: NDArray[Any] = problem.targets.values
    else:
        logits = problem.predictor.logits(torch.tensor(problem.sequences.tokens))
        values = predictions(problem.predictor.task, logits).cpu().numpy()
    return values[:, output] if values.ndim == 2 else values


def _levelled(answers: Floats) -> Floats:
    """(n, D) answers; those of a record that differ by rounding alone are made alike."""
    known = np.where(np.isnan(answers), 0.0, answers)
    low, high = (np.where(np.isnan(answers), fill, answers) for fill in (np.inf, -np.inf))
    flat = high.max(1) - low.min(1) <= ROUNDING * np.abs(known).max(1)
    count = np.maximum((~np.isnan(answers)).sum(1), 1)
    middle = known.sum(1) / count
    return np.where(flat[:, None] & ~np.isnan(answers), middle[:, None], answers)


def _donors(truth: NDArray[Any], units: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Numbers of the donors: the same of every class, or, of values, any; one of each cluster."""
    order = np.random.default_rng(seed).permutation(len(truth))
    order = order[np.sort(np.unique(units[order], return_index=True)[1])]
    if not np.issubdtype(truth.dtype, np.integer):
        return np.sort(order[:DONORS])
    classes = np.unique(truth)
    each = DONORS // len(classes) or 1
    return np.sort(np.concatenate([order[truth[order] == one][:each] for one in classes]))


def _donated(problem: Problem, places: Places, donors: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(D, L) the donors' tokens, their functional positions filled with letters of their own background."""
    sequences = problem.sequences.take(donors)
    tokens = sequences.tokens.copy()
    streams = RecordStreams(problem.seed, list(sequences.ids), "probe background")
    draws = streams.uniforms(tokens.shape[1]).numpy()
    for row in range(len(tokens)):
        inside = np.arange(tokens.shape[1]) < sequences.lengths[row]
        functional = places.covered[donors[row]] & inside
        pool = tokens[row][inside & ~functional & (tokens[row] < sequences.alphabet.size)]
        if len(pool):
            tokens[row, functional] = pool[(draws[row, functional] * len(pool)).astype(np.int64)]
    return np.asarray(tokens, np.uint8)


def _answers(
    problem: Problem, places: Places, receivers: NDArray[np.int64], letters: NDArray[np.uint8], truth: NDArray[Any]
) -> Floats:
    """(n,) margins, or values, of the receivers on the background of one donor, repeated where it is too short."""
    sequences: SequenceSet = problem.sequences
    own = sequences.tokens[receivers]
    donated = np.resize(letters, own.shape[1])[None]
    swapped = places.background[receivers] & (donated < sequences.alphabet.size)
    logits = problem.predictor.logits(torch.from_numpy(np.where(swapped, donated, own)))
    if isinstance(problem.goal, Shift):
        values: Floats = logits[:, problem.goal.output].double().cpu().numpy()
        return values
    margins: Floats = (
        true_margin(problem.predictor.task, logits, torch.as_tensor(truth[receivers], device=logits.device))
        .double()
        .cpu()
        .numpy()
    )
    return margins


def _unknown(receivers: int, donors: int) -> Exchange:
    """Where no record has donors of its class and of another, or of two values."""
    nothing = dict.fromkeys(("gap", "ci", "p_value", "kept_same", "kept_other", "kept_gap"))
    return Exchange(**nothing, n=receivers, donors=donors)


def _gap(answers: Floats, own: NDArray[Any], donors: NDArray[Any], units: NDArray[np.int64], seed: int) -> Exchange:
    classes = np.unique(np.concatenate([own, donors]))
    margins, kept = (
        _Answers.of(values, own, classes) for values in (answers, np.where(np.isnan(answers), np.nan, answers > 0))
    )
    member = (donors[:, None] == classes).astype(np.float64)
    real = margins.gap(member)
    if np.isnan(real):
        return _unknown(0, len(donors))
    rng = np.random.default_rng(seed)
    null = np.array([margins.gap(rng.permutation(member)) for _ in range(PERMUTATIONS)])
    same, other = kept.means(member)
    return Exchange(
        gap=real,
        ci=_interval(margins, member, units, rng),
        p_value=float((1 + (null >= real - _tolerance(answers)).sum()) / (1 + PERMUTATIONS)),
        kept_same=float(same.mean()),
        kept_other=float(other.mean()),
        kept_gap=float(same.mean() - other.mean()),
        n=len(same),
        donors=len(donors),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Answers:
    """(n, D) answers with 0 for those unknown, (n, D) which are known, and (n,) the class of each record."""

    values: Floats
    known: Floats
    own: NDArray[np.int64]

    @classmethod
    def of(cls, answers: NDArray[Any], own: NDArray[Any], classes: NDArray[Any]) -> _Answers:
        known = ~np.isnan(answers)
        return cls(
            values=np.where(known, answers, 0).astype(np.float64),
            known=known.astype(np.float64),
            own=np.searchsorted(classes, own).astype(np.int64),
        )

    def means(self, member: Floats, times: Floats | None = None) -> tuple[Floats, Floats]:
        """Per record, mean answers over donors of its class and over others; records without either left out.

        Args:
            member: (D, C) how much each donor counts for each class.
            times: (n,) how often each record counts; by default once.
        """
        rows = np.arange(len(self.own))
        sums, counts = self.values @ member, self.known @ member
        same, of_same = sums[rows, self.own], counts[rows, self.own]
        other, of_other = sums.sum(1) - same, counts.sum(1) - of_same
        both = (of_same > 0) & (of_other > 0) & (True if times is None else times > 0)
        weight = np.ones(int(both.sum())) if times is None else times[both] * both.sum() / times[both].sum()
        return weight * same[both] / of_same[both], weight * other[both] / of_other[both]

    def gap(self, member: Floats, times: Floats | None = None) -> float:
        """The mean over records of the difference; NaN of none."""
        same, other = self.means(member, times)
        return float((same - other).mean()) if len(same) else float("nan")


def _tolerance(answers: Floats) -> float:
    """What a mean of differences of answers is off by for rounding."""
    return max(1e-3 * ROUNDING * float(np.nanmax(np.abs(answers), initial=0.0)), 1e-12)


def _interval(
    margins: _Answers, member: Floats, units: NDArray[np.int64], rng: np.random.Generator
) -> list[float] | None:
    """Records and donors drawn anew together: donors are few, and an interval over records alone would be too short."""
    place = numbered(len(units), units)
    n, groups = int(place.max()) + 1, [np.flatnonzero(column) for column in member.T]
    if n < LEAST:
        return None
    gaps = []
    for _ in range(REPEATS):
        drawn = np.concatenate([rng.choice(group, len(group)) for group in groups if len(group)])
        weight = np.bincount(drawn, minlength=len(member))[:, None]
        times = np.bincount(rng.integers(n, size=n), minlength=n)[place].astype(np.float64)
        gaps.append(margins.gap(member * weight, times))
    # A draw in which no record has both kinds of donors says nothing; that of all of them does.
    return [float(end) for end in np.nanquantile(gaps, [0.025, 0.975])] if np.isfinite(gaps).any() else None


def _slope(answers: Floats, values: NDArray[Any], seed: int) -> Exchange:
    known = ~np.isnan(answers)
    filled = np.where(known, answers, 0)
    real = _mean_slope(filled, known, values)
    if np.isnan(real):
        return _unknown(0, len(values))
    rng = np.random.default_rng(seed)
    null = np.array([_mean_slope(filled, known, rng.permutation(values)) for _ in range(PERMUTATIONS)])
    return Exchange(
        gap=real,
        ci=None,
        # A permutation that leaves no slope is counted as high: it speaks against nothing.
        p_value=float(
            (1 + (~(null < real - _tolerance(answers) / max(float(values.std()), 1e-300))).sum()) / (1 + PERMUTATIONS)
        ),
        kept_same=None,
        kept_other=None,
        kept_gap=None,
        n=len(answers),
        donors=len(values),
    )


def _mean_slope(answers: Floats, known: NDArray[np.bool_], values: NDArray[Any]) -> float:
    """The mean over records of the slope of their answers over the donors' values; NaN of none.

    A record all of whose donors have one value has no slope.
    """
    mean = (known @ values) / np.maximum(known.sum(1), 1)
    offset = (values - mean[:, None]) * known
    spread = (offset**2).sum(1)
    sloped = spread > 0
    if sloped.all():
        return float(((offset * answers).sum(1) / spread).mean())
    return float(((offset * answers).sum(1)[sloped] / spread[sloped]).mean()) if sloped.any() else float("nan")
