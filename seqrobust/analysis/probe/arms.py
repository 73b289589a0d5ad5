"""What a probe computes: an attack in each of three kinds of positions, the effects of single edits, exchanged
backgrounds, and motifs written. Attacks and effects are kept as they are finished.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from seqrobust.analysis.pieces import keeping, whole
from seqrobust.analysis.probe.effects import Effects, position_effects
from seqrobust.analysis.probe.exchange import Exchange, exchanged
from seqrobust.analysis.probe.places import FUNCTIONAL, MATCHED, NONFUNCTIONAL, Places, marked
from seqrobust.analysis.probe.writing import Written, write_motif
from seqrobust.analysis.room import Work
from seqrobust.analysis.shards import run_shards
from seqrobust.attacks import Problem, attacks_for, scores_for
from seqrobust.neighbours import NeighbourScores

if TYPE_CHECKING:
    from seqrobust.analysis.probe.study import ProbeReady

ARMS = {"functional": FUNCTIONAL, "nonfunctional": NONFUNCTIONAL, "matched": MATCHED}
PARTS = (*(f"parts/{arm}-{5 * '[0-9]'}.parquet" for arm in ARMS), "parts/effects.npz")
"""Finished pieces of a probe."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What was computed.

    Attributes:
        results: table of each arm's attack.
        effects: of single edits.
        exchange: what exchanged backgrounds do.
        written: the sequences of each motif written.
    """

    results: dict[str, pd.DataFrame]
    effects: Effects
    exchange: Exchange
    written: tuple[Written, ...]


def measure(ready: ProbeReady, work: Work) -> Measured:
    """Compute it all; what an interrupted run left in the folder of parts is read instead."""
    problem = ready.problem
    results = _attacked(ready, work)
    with problem.predictor.attached():
        effects = _effects(problem, work)
        work.progress.start("exchange", 1)
        exchange = exchanged(problem, ready.places, effects.usable, work.progress.advance)
        written = _written(ready, work)
    return Measured(results=results, effects=effects, exchange=exchange, written=written)


def arm_problem(problem: Problem, places: Places, region: str) -> Problem:
    """The same attack, confined to one kind of positions."""
    threat = replace(problem.threat, protect=(), only=(region,))
    return replace(problem, sequences=marked(problem.sequences, places, problem.seed), threat=threat)


def _attacked(ready: ProbeReady, work: Work) -> dict[str, pd.DataFrame]:
    problem = ready.problem
    attacks, count = attacks_for(problem.predictor, ready.settings.attacks), len(problem.sequences)
    work.progress.start("attack", len(ARMS) * count)
    results = {}
    for number, (arm, region) in enumerate(ARMS.items()):
        scores = scores_for(problem.predictor, memory=work.memory)
        confined = arm_problem(problem, ready.places, region)
        part_of = partial(_part, work.parts, arm)
        results[arm] = run_shards(confined, attacks, part_of, work.progress, scores, before=number * count)
        for notice in scores.notices:
            work.notice(notice)
    return results


def _part(parts: Path, arm: str, shard: int) -> Path:
    return parts / f"{arm}-{shard:05d}.parquet"


def _effects(problem: Problem, work: Work) -> Effects:
    """The effects of single edits, from this run or an earlier one."""
    file = work.parts / "effects.npz"
    if whole(file, work.progress.say):
        with np.load(file) as archive:
            return Effects(effect=archive["effect"], usable=archive["usable"])
    work.progress.start("single edits", 1)
    effects = position_effects(problem, NeighbourScores(problem.predictor, memory=work.memory), work.progress.advance)
    with keeping(file) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, effect=effects.effect, usable=effects.usable)
    return effects


def _written(ready: ProbeReady, work: Work) -> tuple[Written, ...]:
    found = []
    for writing in ready.writings:
        work.progress.start(f"write {writing.name}", 1)
        sequences, places = ready.problem.sequences, ready.places.background
        if writing.region is not None:
            places = ready.places.editable & sequences.regions.cover([writing.region], places.shape)
        found.append(write_motif(ready.problem, writing, places, work.progress.advance))
    return tuple(found)
