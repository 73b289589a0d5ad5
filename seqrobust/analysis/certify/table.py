"""The table of certificates: a row per record, readable by anyone without this package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqrobust.analysis.clusters import CLUSTER
from seqrobust.analysis.results import clean_answers, cluster_names, protection, written_edits
from seqrobust.attacks import Problem
from seqrobust.certification import METHODS, Standing
from seqrobust.certification.shard import Certified


def results_table(problem: Problem, records: NDArray[np.int64], found: Certified, time_limit: float) -> pd.DataFrame:
    """Rows of one shard, in the order of records.

    ``certified_budget``: no member of the threat that costs so much or less reaches the goal (0: nothing is proved
    beyond the record itself); ``attacked_budget``: what the cheapest adversarial sequence known costs, empty where none
    is known; both empty for records whose clean prediction is wrong. ``exact`` where nothing lies between the two, or
    between the certificate and the largest budget. ``method`` proved the certificate, or found the sequence where there
    is nothing to prove below it; ``open_because`` says why a record is not exact. ``certified_units`` and
    ``attacked_units`` are the two budgets in the whole units that unequal costs are multiples of. ``editable`` and,
    where regions are protected, ``protected`` and ``lacks`` are those of an attack's table, at the largest budget;
    ``time_limit`` is what proofs of the record might take in seconds, and ``seconds`` what they took.
    ``editable_budgets`` counts the budgets (of ascending ones the last) at which the record has another sequence.
    """
    sequences = problem.sequences.take(records)
    standings = found.standings
    tokens = torch.stack([standing.tokens for standing in standings]).cpu().numpy()
    written = written_edits(sequences, tokens)
    target, prediction, score = clean_answers(problem, found.run)
    unit = threat_unit(problem)
    clusters = {} if problem.sequences.units is None else {CLUSTER: cluster_names(sequences)}
    columns: dict[str, Any] = {
        "id": np.array(sequences.ids, dtype=object),
        **clusters,
        "target": target,
        "clean_prediction": prediction,
        "clean_score": score,
        "certified_budget": [_certified(one, unit) for one in standings],
        "attacked_budget": [None if one.broken is None else one.broken * unit for one in standings],
        "exact": pd.array([None if not one.attackable else not one.open for one in standings], dtype="boolean"),
        "method": [_method(one) for one in standings],
        "attack": [one.broken_by or None for one in standings],
        "edits": [one.edits if standing.broken else None for one, standing in zip(written, standings, strict=True)],
        "adversarial_sequence": [
            one.text if standing.broken else None for one, standing in zip(written, standings, strict=True)
        ],
        "open_because": [one.reason or None for one in standings],
        "scored": np.array([one.scored for one in standings], np.int64),
        "seconds": [round(one.seconds, 4) for one in standings],
        "time_limit": time_limit,
        "attackable": [one.attackable for one in standings],
        "certified_units": np.array([one.certified for one in standings], np.int64),
        "attacked_units": pd.array([one.broken for one in standings], dtype="Int64"),
        "editable": found.run.editable[:, -1].cpu().numpy(),
        "editable_budgets": found.run.editable.sum(1).cpu().numpy(),
        **(protection(problem, records) if problem.threat.protect else {}),
    }
    table: pd.DataFrame = pd.DataFrame(columns)
    for name in ("certified_budget", "attacked_budget"):
        table[name] = table[name].astype("Float64" if unit != 1 else "Int64")
    return table


def threat_unit(problem: Problem) -> float:
    """What one unit of cost stands for, in the user's costs."""
    return problem.threat.bind(problem.sequences.take(np.arange(1))).unit


def _certified(standing: Standing, unit: float) -> float | None:
    return standing.certified * unit if standing.attackable else None


def _method(standing: Standing) -> str | None:
    if not standing.attackable:
        return None
    if standing.proved_by or standing.broken is None:
        return standing.proved_by or None
    return standing.broken_by if standing.broken_by in METHODS else "attack"
