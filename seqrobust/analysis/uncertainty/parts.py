"""The questions of a study: can disagreement be raised, are attacks noticed, is doubt of use, does cleaning help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.intervals import bootstrap_mean, proportion, wilson
from seqrobust.analysis.uncertainty.detection import (
    Seen,
    adaptive_metrics,
    detection_sentence,
    standing,
    threshold,
)
from seqrobust.analysis.uncertainty.goals import Disagreement, Suspicion, Unnoticed
from seqrobust.analysis.uncertainty.measures import disagreement_score, doubt_score
from seqrobust.analysis.uncertainty.selective import RiskCoverage, risk_coverage
from seqrobust.analysis.uncertainty.study import Advance, Found, Study, detectors, find, random_edits, values_of
from seqrobust.models.predictor import Predictor

_WEIGHTS = (1.0, 8.0, 0.25)
"""What being noticed costs a search, each tried where those before did not do: no one weight suits every detector."""
_NO_SPREAD = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Materials:
    """What several questions look at, found once.

    Attributes:
        found: the attack that knows of nothing but the prediction.
        edited: (n, B, L) random edits of the same sizes.
        clean, calibration: panel columns of natural records.
        attacked, control: (n, B, columns) of attacked and of randomly edited ones.
    """

    found: Found
    edited: Tensor
    clean: Tensor
    calibration: Tensor
    attacked: Tensor
    control: Tensor


def gather(study: Study, found: Found, edited: Tensor) -> Materials:
    """The panel's columns of everything found."""
    n, levels, _ = found.tokens.shape
    return Materials(
        found=found,
        edited=edited,
        clean=study.panel_columns(study.tokens),
        calibration=study.panel_columns(torch.tensor(study.calibration.tokens)),
        attacked=study.panel_columns(found.tokens.flatten(0, 1)).reshape(n, levels, -1),
        control=study.panel_columns(edited.flatten(0, 1)).reshape(n, levels, -1),
    )


def epistemic(study: Study, has: Materials, flagged: float, advance: Advance) -> tuple[dict[str, Any], Tensor]:
    """How far an adversary can raise what members disagree about, and (n, B, columns) of what it found.

    Of the sequences found for that and those found to be wrong, whichever is the better counts: an adversary has both.
    """
    panel = study.panel

    def score(columns: Tensor) -> NDArray[np.float64]:
        flat = values_of(lambda one: disagreement_score(panel.each(one), panel.task), columns.flatten(0, -2))
        return flat.reshape(columns.shape[:-1])

    cut = threshold(score(has.calibration), flagged)
    found = find(study, study.columns, Disagreement(panel=panel, threshold=cut), advance)
    n, levels, _ = found.tokens.shape
    columns = study.panel_columns(found.tokens.flatten(0, 1)).reshape(n, levels, -1)
    control = study.panel_columns(random_edits(study, found.tokens).flatten(0, 1)).reshape(n, levels, -1)
    better = torch.tensor(score(has.attacked) > score(columns), device=columns.device)
    columns = torch.where(better[:, :, None], has.attacked, columns)
    raised, random, clean = np.exp(score(columns)), np.exp(score(control)), np.exp(score(has.clean))
    right, rows = study.right(has.clean), []
    for level, budget in enumerate(study.budgets):
        hits, still = int((raised[:, level] > np.exp(cut)).sum()), study.right(columns[:, level])
        rows.append(
            {
                "budget": _budget(budget),
                "mean": float(raised[:, level].mean()),
                "mean_ci": bootstrap_mean(raised[:, level], seed=study.seed, least=2),
                "random_edits_mean": float(random[:, level].mean()),
                "raised_above_threshold": proportion(hits, n),
                "raised_above_threshold_ci": wilson(hits, n),
                "random_above_threshold": proportion(int((random[:, level] > np.exp(cut)).sum()), n),
                "still_right": proportion(int((right & still).sum()), int(right.sum())),
            }
        )
    quantity = "variance" if study.task == "regression" else "mutual_information"
    entry = {"quantity": quantity, "clean_mean": float(clean.mean()), "threshold": float(np.exp(cut)), "budgets": rows}
    return entry, columns


def detection(study: Study, has: Materials, flagged: float, advance: Advance) -> dict[str, Any]:
    """What each detector makes of attacked sequences, and of attacks that know it.

    Every sequence found counts against every detector: an adversary who knows one may try what was meant for another.
    """
    known = detectors(study.panel)
    size = study.size_of_goal(has.calibration)
    alarms, tried = {}, [_Tried.of(study, np.arange(len(study.sequences)), has.found.tokens, has.attacked)]
    for number, (name, score) in enumerate(known.items()):
        natural = values_of(score, has.calibration)
        cut, spread = threshold(natural, flagged), float(natural.std())
        alarms[name] = _Alarm(score=score, cut=cut, unit=size / spread if spread > _NO_SPREAD else size)
        for step, weight in enumerate(_WEIGHTS):
            evaded = _evaded(tried, alarms[name], has.found.reached.shape)
            still = (has.found.reached & ~evaded).any(1) if step else np.ones(len(evaded), bool)
            if not still.any():
                break
            goal = alarms[name].goal(study, weight)
            done = number + step / len(_WEIGHTS)
            tried.append(_tried(study, goal, np.flatnonzero(still), partial(_share, advance, done, len(known))))
    entry: dict[str, Any] = {"flagged_natural": flagged, "detectors": {}}
    for name, alarm in alarms.items():
        evaded = _evaded(tried, alarm, has.found.reached.shape)
        entry["detectors"][name] = _detector(study, has, name, alarm, evaded, flagged)
    return entry


@dataclass(frozen=True, kw_only=True, eq=False)
class _Alarm:
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


def _tried(study: Study, goal: Unnoticed, rows: NDArray[np.int64], advance: Advance) -> _Tried:
    return _Tried.of(study, rows, find(study.take(rows), study.columns, goal, advance).tokens)


def _evaded(tried: Sequence[_Tried], alarm: _Alarm, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(n, B) whether something that was tried reaches the goal unnoticed, at that budget or a smaller one."""
    evaded = np.zeros(shape, bool)
    for one in tried:
        quiet = values_of(alarm.score, one.columns.flatten(0, 1)).reshape(one.reached.shape) <= alarm.cut
        evaded[one.rows] |= one.reached & quiet
    return np.logical_or.accumulate(evaded, axis=1)


def _share(advance: Advance, done: float, of: int, share: float) -> None:
    advance((done + share) / of)


def _detector(
    study: Study,
    has: Materials,
    name: str,
    alarm: _Alarm,
    evaded: NDArray[np.bool_],
    flagged: float,
) -> dict[str, Any]:
    score, cut, rows = alarm.score, alarm.cut, []
    natural = values_of(score, has.clean)
    for level, budget in enumerate(study.budgets):
        fooled = has.found.reached[:, level]
        attacked, edited = (values_of(score, columns[:, level]) for columns in (has.attacked, has.control))
        seen = Seen(natural=natural[fooled], edited=edited[fooled], attacked=attacked[fooled])
        rows.append(
            {
                "budget": _budget(budget),
                **seen.metrics(cut, seed=study.seed),
                "adaptive": adaptive_metrics(fooled, fooled & (attacked <= cut), evaded[:, level]),
            }
        )
    last = rows[-1]["adaptive"]
    found = standing(last, flagged)
    said = detection_sentence(name, str(study.budgets[-1]), last, found)
    return {"threshold": cut, "standing": found, "verdict": said, "budgets": rows}


def selective(study: Study, has: Materials, risk: float | None) -> tuple[dict[str, Any], dict[str, RiskCoverage]]:
    """Risk against coverage of natural, randomly edited and attacked records, the least doubtful answered first."""
    panel = study.panel

    def curve(columns: Tensor) -> RiskCoverage:
        doubt = disagreement_score if study.task == "regression" else doubt_score
        return risk_coverage(values_of(lambda one: doubt(panel.each(one), panel.task), columns), study.loss(columns))

    curves = {"clean": curve(has.clean)}
    for level, budget in enumerate(study.budgets):
        curves[f"random edits, {budget}"] = curve(has.control[:, level])
        curves[f"attacked, {budget}"] = curve(has.attacked[:, level])
    entry = {
        name: {
            "area": one.area,
            "risk": float(one.risk[-1]),
            "coverage_at_risk": None if risk is None else one.coverage_at(risk),
        }
        for name, one in curves.items()
    }
    return {"stated_risk": risk, "curves": entry}, curves


@dataclass(frozen=True, kw_only=True, eq=False)
class Defence:
    """A purification to be tried.

    Attributes:
        name: in tables.
        predictor: of the defended model, checked.
        draws: that its answers are means of.
        step: what it does, in words.
    """

    name: str
    predictor: Predictor
    draws: int
    step: str


def purification(study: Study, has: Materials, defence: Defence, advance: Callable[[float], None]) -> dict[str, Any]:
    """What a defence is worth: on clean records, against sequences found on the undefended model, and attacked itself.

    The adversary that knows the defence may use either kind of sequence, so that its figure is never the better one.
    """
    found = find(study, defence.predictor, study.goal, advance)
    before = has.found
    carried = _carried(study, defence.predictor, before.tokens)
    rows = []
    for level, budget in enumerate(study.budgets):
        plain = before.attackable & ~before.reached[:, level]
        ignorant = found.attackable & ~carried[:, level]
        alone = found.attackable & ~found.reached[:, level]
        aware = ignorant & alone
        gain = aware.astype(np.float64) - plain
        rows.append(
            {
                "budget": _budget(budget),
                **_shares("undefended", plain),
                **_shares("non_adaptive", ignorant),
                **_shares("adaptive_alone", alone),
                **_shares("adaptive", aware),
                "gain": float(gain.mean()),
                "gain_ci": bootstrap_mean(gain, seed=study.seed, least=2),
                "apparent_gain": float(ignorant.mean() - plain.mean()),
            }
        )
    n, right = len(found.attackable), int(found.attackable.sum())
    entry: dict[str, Any] = {"step": defence.step, "draws": defence.draws, "budgets": rows}
    if study.task != "regression":
        entry |= {"clean_accuracy": proportion(right, n), "clean_accuracy_ci": wilson(right, n)}
        entry["clean_accuracy_undefended"] = proportion(int(before.attackable.sum()), n)
    best = max(rows, key=lambda row: abs(row["apparent_gain"]))
    return entry | {"verdict": _sentence(defence.name, best), "standing": _gain_standing(best)}


def _carried(study: Study, defended: Predictor, tokens: Tensor) -> NDArray[np.bool_]:
    """(n, B) whether sequences found elsewhere reach the goal on a defended model, on draws of their own."""
    n, levels, _ = tokens.shape
    with defended.attached(), defended.fresh_draws():
        clean = defended.logits(study.tokens.to(defended.device))
        logits = defended.logits(tokens.flatten(0, 1).to(defended.device)).reshape(n, levels, -1)
    bound = study.goal.bind(study.task, clean, study.truth)
    rows = torch.arange(n, device=clean.device)
    reached = torch.stack([bound.achieved(logits[:, level], rows) for level in range(levels)], dim=1)
    carried: NDArray[np.bool_] = reached.cpu().numpy()
    return carried


def _shares(name: str, robust: NDArray[np.bool_]) -> dict[str, Any]:
    hits, n = int(robust.sum()), len(robust)
    return {f"robust_{name}": proportion(hits, n), f"robust_{name}_ci": wilson(hits, n)}


def _gain_standing(row: dict[str, Any]) -> str:
    ends = row["gain_ci"]
    return "gains" if ends is not None and ends[0] > 0 else "loses" if ends is not None and ends[1] < 0 else "no gain"


def _sentence(name: str, row: dict[str, Any]) -> str:
    plain, seen, aware = (100 * row[f"robust_{key}"] for key in ("undefended", "non_adaptive", "adaptive"))
    said = (
        f"{name}: robust at budget {row['budget']} are {plain:.0f} % without it, {seen:.0f} % by sequences found "
        f"without it, {aware:.0f} % once the attack knows it"
    )
    return (
        said
        + {
            "gains": ": a gain that this adaptive attack does not take away",
            "loses": ": it makes the model less robust",
            "no gain": ": no gain survives it",
        }[_gain_standing(row)]
    )


def _budget(budget: object) -> int | str:
    text = str(budget)
    return int(text) if text.isdigit() else text
