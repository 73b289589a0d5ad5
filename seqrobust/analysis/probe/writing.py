"""The constructive experiment: write a motif where it means nothing, and see what the model makes of it.

A pattern is written at a start by changing the letters it does not accept, and no others. Beside it the same positions
get random letters that do not make the pattern: what so many changes at that place do whatever they spell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.attacks import Problem, predictions
from seqrobust.attacks.streams import RecordStreams
from seqrobust.errors import ConfigError
from seqrobust.sequences.simulation import parse_pattern
from seqrobust.statistics import paired, proportion, share_interval, units_of
from seqrobust.tasks import task_of

MOST_PLACES = 100
"""Starts tried on a record, drawn at random where there are more."""


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What is written.

    Attributes:
        name: of the motif.
        pattern: IUPAC codes or PROSITE syntax.
        region: where the whole motif must lie; None for any place outside functional regions.
        budget: letters changed at most.
    """

    name: str
    pattern: str
    region: str | None = None
    budget: int = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """M sequences with the motif, and as many controls.

    Attributes:
        record: (M,) number of the record.
        start: (M,) where the motif begins.
        changed: (M,) letters changed, 1 or more.
        motif, control: (M,) predicted classes, as indices.
        tokens: (M, L) uint8 with the motif.
        clean: (N,) predicted classes before.
    """

    record: NDArray[np.int64]
    start: NDArray[np.int64]
    changed: NDArray[np.int64]
    motif: NDArray[np.int64]
    control: NDArray[np.int64]
    tokens: NDArray[np.uint8]
    clean: NDArray[np.int64]


def parse_writing(text: str, budget: int) -> Writing:
    """From ``NAME=MOTIF``, ``NAME=MOTIF@REGION``. Raises ConfigError for anything else.

    >>> parse_writing("zinc=H-E-x-x-H@loop", 4)
    Writing(name='zinc', pattern='H-E-x-x-H', region='loop', budget=4)
    """
    name, equals, rest = text.partition("=")
    pattern, at, region = rest.partition("@")
    if not (equals and name.strip() and pattern.strip()) or (at and not region.strip()):
        raise ConfigError("a motif cannot be read", expected="NAME=MOTIF or NAME=MOTIF@REGION", found=repr(text))
    return Writing(name=name.strip(), pattern=pattern.strip(), region=region.strip() or None, budget=budget)


def write_motif(
    problem: Problem,
    writing: Writing,
    places: NDArray[np.bool_],
    progress: Callable[[float], None] = lambda _: None,
) -> Written:
    """Write the motif at every place it fits. The predictor must be attached.

    Args:
        problem: the records and the rule for letters.
        writing: what is written.
        places: (N, L) where a letter may lie that belongs to the motif.
        progress: called with the finished share.

    Raises ConfigError for an unreadable pattern, or a task without exclusive classes.
    """
    predictor, sequences = problem.predictor, problem.sequences
    accepted = accepted_letters(writing, problem)
    clean = predictions(predictor.task, predictor.logits(torch.tensor(sequences.tokens))).cpu().numpy()
    switches = problem.threat.switches(sequences.alphabet)
    parts = []
    for row in range(len(sequences)):
        streams = RecordStreams(problem.seed, [sequences.ids[row]], f"probe write {writing.name}")
        parts.append(_on_record(sequences.tokens[row], places[row], accepted, switches, writing.budget, streams))
        progress((row + 1) / (2 * len(sequences)))
    record = np.repeat(np.arange(len(sequences)), [len(part.start) for part in parts])
    tokens, control = (np.concatenate([getattr(part, name) for part in parts]) for name in ("motif", "control"))
    answers = []
    for number, some in enumerate((tokens, control)):
        answers.append(predictions(predictor.task, predictor.logits(torch.from_numpy(some))).cpu().numpy())
        progress(0.5 + (number + 1) / 4)
    return Written(
        record=record,
        start=np.concatenate([part.start for part in parts]),
        changed=np.concatenate([part.changed for part in parts]),
        motif=answers[0].astype(np.int64),
        control=answers[1].astype(np.int64),
        tokens=tokens,
        clean=clean.astype(np.int64),
    )


def accepted_letters(writing: Writing, problem: Problem) -> NDArray[np.bool_]:
    """(w, K) letters that each column accepts.

    Raises ConfigError for an unreadable pattern or a task without exclusive classes, ThreatError for an unknown region.
    """
    task, alphabet = problem.predictor.task, problem.sequences.alphabet
    if not task_of(task).exclusive:
        raise ConfigError("a motif is written to change a class", expected="binary or classification", found=task)
    if writing.region is not None:
        problem.sequences.regions.named(writing.region)
    columns = parse_pattern(writing.pattern, alphabet)
    return np.array([[letter in column for letter in alphabet.letters] for column in columns])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Versions:
    start: NDArray[np.int64]
    changed: NDArray[np.int64]
    motif: NDArray[np.uint8]
    control: NDArray[np.uint8]


def _on_record(
    tokens: NDArray[np.uint8],
    places: NDArray[np.bool_],
    accepted: NDArray[np.bool_],
    switches: NDArray[np.bool_],
    budget: int,
    streams: RecordStreams,
) -> _Versions:
    """The motif at some places of one record, and controls."""
    letters, width = len(switches), len(accepted)
    starts = fitting_starts(tokens, places, accepted, switches, budget)
    order = streams.uniforms(max(len(starts), 1)).numpy()[0].argsort()[:MOST_PLACES]
    starts = np.sort(starts[order]) if len(starts) else starts
    motif, control = (np.repeat(tokens[None], len(starts), axis=0) for _ in range(2))
    changed = np.zeros(len(starts), np.int64)
    draws = streams.uniforms(len(starts) * width * 2).numpy().reshape(len(starts), width, 2) if len(starts) else None
    for number, start in enumerate(starts.tolist()):
        assert draws is not None
        own = tokens[start : start + width]
        wrong = np.flatnonzero(~accepted[np.arange(width), own.clip(max=letters - 1)] | (own >= letters))
        changed[number] = len(wrong)
        for column in wrong.tolist():
            may = switches[own[column]]
            motif[number, start + column] = _pick(np.flatnonzero(accepted[column] & may), draws[number, column, 0])
            others = may & ~accepted[column]
            others[own[column]] = False
            # Where every other letter belongs to the motif, the control keeps the record's own.
            if others.any():
                control[number, start + column] = _pick(np.flatnonzero(others), draws[number, column, 1])
    return _Versions(start=starts, changed=changed, motif=motif, control=control)


def _pick(choices: NDArray[np.int64], uniform: float) -> int:
    return int(choices[int(uniform * len(choices))])


def fitting_starts(
    tokens: NDArray[np.uint8],
    places: NDArray[np.bool_],
    accepted: NDArray[np.bool_],
    switches: NDArray[np.bool_],
    budget: int,
) -> NDArray[np.int64]:
    """Starts at which the motif can be written with 1 to ``budget`` permitted changes, all of its letters at places.

    Args:
        tokens: (L,) of a record.
        places: (L,) where its letters may lie.
        accepted: (w, K) by the pattern.
        switches: (K, K) from the row's letter to the column's.
        budget: of changes.
    """
    letters, width = len(switches), len(accepted)
    count = len(tokens) - width + 1
    if count < 1:
        return np.zeros(0, np.int64)
    known = places & (tokens < letters)
    own = tokens.clip(max=letters - 1)
    need = np.zeros(count, np.int64)
    fits = np.ones(count, bool)
    for column, good in enumerate(accepted):
        here = slice(column, column + count)
        right = good[own[here]]
        # A letter can be put right where a switch leads to an accepted one.
        reach = (switches & good[None]).any(1)[own[here]]
        fits &= known[here] & (right | reach)
        need += ~right
    return np.flatnonzero(fits & (need >= 1) & (need <= budget))


def writing_metrics(found: Written, problem: Problem, writing: Writing) -> dict[str, object]:
    """How often the prediction becomes each class, at a random place and at the best.

    Per class: ``n`` records predicted otherwise before, on which the motif can be written somewhere; ``random_place``
    and ``best_place`` shares for the motif, ``control_*`` for random letters at the same positions; ``p_value`` of the
    exact test between best places of the two (McNemar 1947); ``fewest`` changed letters among those that do it.
    """
    labels = problem.predictor.labels or ()
    classes = {}
    for code, label in enumerate(labels):
        others = np.unique(found.record[found.clean[found.record] != code])
        if not len(others):
            continue
        mine = np.isin(found.record, others)
        hit, control = (mine & (part == code) for part in (found.motif, found.control))
        count = np.maximum(np.bincount(found.record[mine], minlength=len(found.clean)), 1)
        mean, mean_control = (
            (np.bincount(found.record[part], minlength=len(found.clean)) / count)[others] for part in (hit, control)
        )
        best, best_control = mean > 0, mean_control > 0
        n, units = len(others), units_of(problem.sequences.units, others)
        classes[label] = {
            "n": n,
            "random_place": float(mean.mean()),
            "control_random_place": float(mean_control.mean()),
            "best_place": proportion(int(best.sum()), n),
            "best_place_ci": share_interval(best, units),
            "control_best_place": proportion(int(best_control.sum()), n),
            "control_best_place_ci": share_interval(best_control, units),
            "p_value": paired(best, best_control, units).test.p_value,
            "fewest": int(found.changed[hit].min()) if hit.any() else None,
        }
    return {
        "name": writing.name,
        "pattern": writing.pattern,
        "region": writing.region,
        "budget": writing.budget,
        "records": len(np.unique(found.record)),
        "places": len(found.record),
        "labels": list(labels),
        "mean_changed": float(found.changed.mean()) if len(found.changed) else None,
        "classes": classes,
    }
