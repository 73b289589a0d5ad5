"""Whether detectors notice attacked sequences, and attacks that know the detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.uncertainty.attacking import Advance, Study, find
from seqrobust.analysis.uncertainty.detection import (
    Seen,
    adaptive_metrics,
    detection_sentence,
    expected_flagged,
    standing,
    threshold,
)
from seqrobust.analysis.uncertainty.goals import Suspicion, Unnoticed
from seqrobust.analysis.uncertainty.materials import Materials, budget_value
from seqrobust.analysis.uncertainty.scoring import detectors, values_of
from seqrobust.statistics import units_of

_WEIGHTS = (1.0, 8.0, 0.25)
"""What being noticed costs a search, each tried where those before did not do: no one weight suits every detector."""
_NO_SPREAD = 1e-9


def detection(study: Study, has: Materials, flagged: float, advance: Advance) -> dict[str, Any]:
    """What each detector makes of attacked sequences, and of attacks that know it.

    Every sequence found counts against every detector: an adversary who knows one may try what was meant for another.
    """
    scores = detectors(study.panel)
    size = study.size_of_goal(has.calibration)
    tried = [_Tried.of(study, np.arange(len(study.sequences)), has.found.tokens, has.attacked)]
    known: dict[str, _Detector] = {}
    for number, (name, score) in enumerate(scores.items()):
        natural = values_of(score, has.calibration)
        cut, spread = threshold(natural, flagged), float(natural.std())
        known[name] = _Detector(score=score, cut=cut, unit=size / spread if spread > _NO_SPREAD else size)
        for step, weight in enumerate(_WEIGHTS):
            evaded = _evaded(tried, known[name], has.found.reached.shape)
            still = (has.found.reached & ~evaded).any(1) if step else np.ones(len(evaded), bool)
            if not still.any():
                break
            share = partial(_share, advance, number + step / len(_WEIGHTS), len(scores))
            goal, rows = known[name].goal(study, weight), np.flatnonzero(still)
            found = find(study.take(rows), study.columns, goal, share, name=f"detector-{number}-{step}")
            tried.append(_Tried.of(study, rows, found.tokens))
    expected = expected_flagged(len(has.calibration), flagged)
    entry: dict[str, Any] = {"flagged_natural": flagged, "flagged_expected": expected, "detectors": {}}
    for name, detector in known.items():
        evaded = _evaded(tried, detector, has.found.reached.shape)
        entry["detectors"][name] = _entry(study, has, name, detector, evaded, max(flagged, expected))
    return entry


@dataclass(frozen=True, kw_only=True, eq=False)
class _Detector:
    """A detector's score, its threshold, and what a unit of it is worth in the goal's units."""

    score: Suspicion
    cut: float
    unit: float

    def goal(self, study: Study, weight: float) -> Unnoticed:
        """To be wrong and below the threshold."""
        scale = weight * self.unit
        return Unnoticed(panel=study.panel, goal=study.goal, suspicion=self.score, threshold=self.cut, scale=scale)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tried:
    """Sequences found for some (m,) rows: (m, B, columns), and (m, B) whether they reach the goal, noticed or not."""

    rows: NDArray[np.int64]
    columns: Tensor
    reached: NDArray[np.bool_]

    @classmethod
    def of(cls, study: Study, rows: NDArray[np.int64], tokens: Tensor, columns: Tensor | None = None) -> _Tried:
        """Of (m, B, L) tokens."""
        m, levels, _ = tokens.shape
        if columns is None:
            columns = study.panel_columns(tokens.flatten(0, 1)).reshape(m, levels, -1)
        some = study.take(rows)
        clean = study.panel.mean(study.panel_columns(some.tokens))
        bound = study.goal.bind(study.task, clean, some.truth)
        numbers = torch.arange(m, device=clean.device)
        reached = [bound.achieved(study.panel.mean(columns[:, level]), numbers) for level in range(levels)]
        inside = torch.stack(reached, dim=1) & bound.attackable[:, None]
        return cls(rows=rows, columns=columns, reached=inside.cpu().numpy())


def _evaded(tried: Sequence[_Tried], detector: _Detector, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(n, B) whether something that was tried reaches the goal unnoticed, at that budget or a smaller one."""
    evaded = np.zeros(shape, bool)
    for one in tried:
        quiet = values_of(detector.score, one.columns.flatten(0, 1)).reshape(one.reached.shape) <= detector.cut
        evaded[one.rows] |= one.reached & quiet
    return np.logical_or.accumulate(evaded, axis=1)


def _share(advance: Advance, done: float, of: int, share: float) -> None:
    advance((done + share) / of)


def _entry(
    study: Study,
    has: Materials,
    name: str,
    detector: _Detector,
    evaded: NDArray[np.bool_],
    flagged: float,
) -> dict[str, Any]:
    score, cut, rows = detector.score, detector.cut, []
    natural = values_of(score, has.clean)
    for level, budget in enumerate(study.budgets):
        fooled = has.found.reached[:, level]
        attacked, edited = (values_of(score, columns[:, level]) for columns in (has.attacked, has.control))
        seen = Seen(
            natural=natural[fooled],
            edited=edited[fooled],
            attacked=attacked[fooled],
            units=units_of(study.sequences.units, fooled),
        )
        rows.append(
            {
                "budget": budget_value(budget),
                **seen.metrics(cut),
                "adaptive": adaptive_metrics(
                    fooled, fooled & (attacked <= cut), evaded[:, level], study.sequences.units
                ),
            }
        )
    last = rows[-1]["adaptive"]
    found = standing(last, flagged)
    verdict = detection_sentence(name, str(study.budgets[-1]), last, found)
    return {"threshold": cut, "standing": found, "verdict": verdict, "budgets": rows}
