"""The probe as a stage: two attacks, a saturation scan, an exchange of backgrounds, and what edits have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqrobust.analysis import proportion, wilson
from seqrobust.analysis.probe import (
    FUNCTIONAL,
    MATCHED,
    NONFUNCTIONAL,
    Effects,
    Places,
    Reliance,
    Writing,
    Written,
    arm_metrics,
    around_regions,
    by_class,
    chosen_edits,
    edited_positions,
    enriched_words,
    exchanged,
    functional_share,
    marked,
    motif_changes,
    position_effects,
    reliance_shares,
    switched_letters,
    write_word,
    writing_metrics,
)
from seqrobust.attacks import Problem, attacks_named, predictions, scores_for
from seqrobust.files import replacing
from seqrobust.neighbours import NeighbourScores
from seqrobust.pipeline.attack_stage import AttackSettings, run_shards
from seqrobust.pipeline.probe_sentences import verdict
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder
from seqrobust.sequences import SequenceSet
from seqrobust.threats.constraints.matrices import WeightMatrix

ARMS = {"functional": FUNCTIONAL, "nonfunctional": NONFUNCTIONAL, "matched": MATCHED}
PARTS = (*(f"parts/{arm}-{5 * '[0-9]'}.parquet" for arm in ARMS), "parts/effects.npz")
"""Finished pieces of a probe."""
_SHOWN_MOTIFS = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """What is to be probed, checked.

    Attributes:
        problem: the attack without a word about functional regions.
        settings: of that attack.
        places: functional positions and others.
        motifs: weight matrices that edits are matched with.
        writings: words to be written.
    """

    problem: Problem
    settings: AttackSettings
    places: Places
    motifs: tuple[WeightMatrix, ...] = ()
    writings: tuple[Writing, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeParts:
    """What pictures and pages are made of, beside the metrics.

    Attributes:
        sequences: the probed records.
        results: table of each arm's attack.
        written: each word's sequences.
    """

    sequences: SequenceSet
    results: dict[str, pd.DataFrame]
    written: tuple[Written, ...]


def measured(
    stage: Stage, folder: RunFolder, progress: Progress, *, memory: int | None = None
) -> tuple[dict[str, Any], ProbeParts]:
    """Metrics of the probe. Shards and the scan that a killed run left in the folder are not run again."""
    problem, places = stage.problem, stage.places
    folder.parts.mkdir(parents=True, exist_ok=True)
    results = _attacked(stage, folder, progress, memory)
    with problem.predictor.attached():
        effects = _effects(problem, folder, progress, memory)
        progress.start("exchange", 1)
        exchange = exchanged(problem, places, effects.usable, progress.advance)
        written = _written(stage, progress)
    task = problem.predictor.task
    reachable: dict[str, NDArray[np.bool_]] = {
        "functional": np.asarray(places.functional.any(1)),
        "nonfunctional": np.asarray(places.background.any(1)),
    }
    reachable["matched"] = reachable["functional"] & reachable["nonfunctional"]
    budgets = {arm: arm_metrics(table, task, reachable[arm]) for arm, table in results.items()}
    paired = {arm: arm_metrics(table, task, reachable["matched"])[-1] for arm, table in results.items()}
    classes = _classes(problem)
    metrics = {
        **_head(stage, results["nonfunctional"], effects),
        "reliance": _reliance(stage, effects, classes),
        "exchange": exchange.described(),
        "flip_rates": _flip_rates(budgets, paired),
        "budgets": budgets,
        "classes": {arm: by_class(table, reachable[arm]) for arm, table in results.items()} if classes else {},
        "scan": _scan(stage, results["nonfunctional"]),
        "writing": [
            writing_metrics(found, problem, writing) for found, writing in zip(written, stage.writings, strict=True)
        ],
    }
    metrics["verdict"] = [sentence for _, sentence in verdict(metrics)]
    return metrics, ProbeParts(sequences=problem.sequences, results=results, written=written)


def _arm(stage: Stage, region: str) -> Problem:
    """The same attack, confined to one kind of positions."""
    threat = replace(stage.problem.threat, protect=(), only=(region,))
    return replace(
        stage.problem, sequences=marked(stage.problem.sequences, stage.places, stage.problem.seed), threat=threat
    )


def _attacked(stage: Stage, folder: RunFolder, progress: Progress, memory: int | None) -> dict[str, pd.DataFrame]:
    predictor = stage.problem.predictor
    attacks = attacks_named(stage.settings.attacks)
    count = len(stage.problem.sequences)
    progress.start("attack", len(ARMS) * count)
    results = {}
    for number, (arm, region) in enumerate(ARMS.items()):
        scores = scores_for(predictor, memory=memory)
        part_of = partial(_part, folder, arm)
        results[arm] = run_shards(_arm(stage, region), attacks, part_of, progress, scores, before=number * count)
        for notice in scores.notices:
            if notice not in predictor.notices:
                progress.say(notice)
                predictor.notices.append(notice)
    return results


def _part(folder: RunFolder, arm: str, shard: int) -> Any:
    return folder.parts / f"{arm}-{shard:05d}.parquet"


def _effects(problem: Problem, folder: RunFolder, progress: Progress, memory: int | None) -> Effects:
    """The scan, from this run or an earlier one."""
    file = folder.parts / "effects.npz"
    if file.exists():
        with np.load(file) as archive:
            return Effects(effect=archive["effect"], usable=archive["usable"])
    progress.start("single edits", 1)
    effects = position_effects(problem, NeighbourScores(problem.predictor, memory=memory), progress.advance)
    with replacing(file) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, effect=effects.effect, usable=effects.usable)
    return effects


def _written(stage: Stage, progress: Progress) -> tuple[Written, ...]:
    found = []
    for writing in stage.writings:
        progress.start(f"write {writing.name}", 1)
        sequences, places = stage.problem.sequences, stage.places.background
        if writing.region is not None:
            places = stage.places.editable & sequences.regions.cover([writing.region], places.shape)
        found.append(write_word(stage.problem, writing, places, progress.advance))
    return tuple(found)


def _head(stage: Stage, results: pd.DataFrame, effects: Effects) -> dict[str, Any]:
    """What was probed."""
    problem, places = stage.problem, stage.places
    first = results[results["budget"] == results["budget"].min()]
    labelled = problem.targets is not None and problem.predictor.task != "regression"
    right = int((first["clean_prediction"] == first["target"]).sum())
    both = places.functional.any(1) & places.background.any(1)
    kinds = {"functional": places.functional, "nonfunctional": places.background}
    return {
        "task": problem.predictor.task,
        "goal": problem.goal.describe(problem.predictor.labels or ()),
        "threat": problem.threat.describe(),
        "functional": list(places.names),
        "n": len(first),
        "attacked": int(first["success"].notna().sum()),
        "with_both": int((both & effects.usable).sum()),
        "clean_accuracy": proportion(right, len(first)) if labelled else None,
        "clean_accuracy_ci": wilson(right, len(first)) if labelled else None,
        "positions_per_record": {
            name: float(mask[both].sum(1).mean()) if both.any() else None for name, mask in kinds.items()
        },
        "effect_per_position": {
            name: _mean_effect(effects, mask & (both & effects.usable)[:, None]) for name, mask in kinds.items()
        },
    }


def _mean_effect(effects: Effects, mask: NDArray[np.bool_]) -> float | None:
    return float(effects.effect[mask].mean()) if mask.any() else None


def _classes(problem: Problem) -> dict[str, NDArray[np.bool_]]:
    """(N,) records of each class; none for a task without."""
    if problem.predictor.task not in ("binary", "classification"):
        return {}
    if problem.targets is not None:
        codes = np.asarray(problem.targets.values)
    else:
        with problem.predictor.attached():
            logits = problem.predictor.logits(torch.tensor(problem.sequences.tokens))
        codes = predictions(problem.predictor.task, logits).cpu().numpy()
    return {name: codes == code for code, name in enumerate(problem.predictor.labels or ())}


def _reliance(stage: Stage, effects: Effects, classes: dict[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """The score over all, by class, and by region taken for the only functional one."""
    sequences, places = stage.problem.sequences, stage.places
    edits = int(stage.settings.budgets[-1].amount)
    seed = stage.problem.seed
    everyone = np.ones(len(sequences), bool)
    shares = reliance_shares(effects, places, sequences, edits)
    regions: dict[str, Reliance] = {}
    if len(places.names) > 1:
        for name in places.names[:20]:
            regions[name] = reliance_shares(effects, places, sequences, edits, region=[name]).of(everyone, seed=seed)
    by_class_ = {name: shares.of(rows, seed=seed) for name, rows in classes.items()}
    return {
        **shares.of(everyone, seed=seed).described(),
        "edits": edits,
        "null": shares.null[1:].tolist(),
        "classes": {name: one.described() for name, one in by_class_.items() if one.n},
        "regions": {name: one.described() for name, one in regions.items() if one.n},
    }


def _flip_rates(budgets: dict[str, list[dict[str, Any]]], paired: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """At the largest budget: ``random`` edits are those outside functional regions; ``paired`` on the records that have
    both kinds of positions.
    """
    last = {arm: rows[-1] for arm, rows in budgets.items()}
    found: dict[str, Any] = {"budget": last["nonfunctional"]["budget"]}
    for arm, row in last.items():
        found |= {arm: row["flip_rate"], f"{arm}_ci": row["flip_rate_ci"], f"{arm}_n": row["n"]}
    for key, arm in (("random", "nonfunctional"), ("random_functional", "functional")):
        found |= {key: last[arm]["random_flip_rate"], f"{key}_ci": last[arm]["random_flip_rate_ci"]}
    found["paired"] = {
        "n": paired["functional"]["n"],
        **{arm: row["flip_rate"] for arm, row in paired.items()},
        **{f"{arm}_ci": row["flip_rate_ci"] for arm, row in paired.items()},
    }
    return found


def _scan(stage: Stage, results: pd.DataFrame) -> dict[str, Any]:
    """What the edits outside functional regions have in common."""
    problem = _arm(stage, NONFUNCTIONAL)
    chosen = chosen_edits(problem, results)
    edited = stage.problem.sequences.take(chosen.rows)
    alphabet = edited.alphabet
    matched = motif_changes(chosen, stage.motifs, alphabet) if stage.motifs else []
    return {
        "edited": len(chosen),
        "words": [
            word.described()
            | {"functional_share": functional_share(word.word, stage.problem.sequences, stage.places.covered)}
            for word in enriched_words(chosen, alphabet)
        ],
        "motifs": [one.described() for one in matched if one.q_value <= 0.05][:_SHOWN_MOTIFS],
        "motifs_tested": len(stage.motifs),
        "positions": edited_positions(chosen, edited),
        "around": around_regions(chosen, edited, stage.places.names[:6]) if len(chosen) else {},
        "letters": switched_letters(chosen, alphabet) if len(chosen) else {},
    }
