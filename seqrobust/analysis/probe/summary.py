"""What a probe amounts to: the keys of ``metrics.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqrobust.analysis.clusters import units_in
from seqrobust.analysis.confinement import by_class as counts_by_class
from seqrobust.analysis.probe.arms import Measured, arm_problem
from seqrobust.analysis.probe.chosen import chosen_edits
from seqrobust.analysis.probe.effects import Effects
from seqrobust.analysis.probe.flips import arm_metrics, by_class
from seqrobust.analysis.probe.kmers import enriched_kmers, functional_share
from seqrobust.analysis.probe.motifs import motif_changes
from seqrobust.analysis.probe.places import NONFUNCTIONAL
from seqrobust.analysis.probe.positions import around_regions, edited_positions, switched_letters
from seqrobust.analysis.probe.reading import Moved, compact_place, effective_positions, paired_flips, reading_word
from seqrobust.analysis.probe.reliance import Reliance, reliance_shares
from seqrobust.analysis.probe.writing import writing_metrics
from seqrobust.attacks import Problem, predictions
from seqrobust.sequences import Task
from seqrobust.statistics import holm, proportion, share_interval
from seqrobust.tasks import task_of

if TYPE_CHECKING:
    from seqrobust.analysis.probe.study import ProbeReady

_SHOWN_MOTIFS = 20


def probe_metrics(ready: ProbeReady, measured: Measured) -> dict[str, Any]:
    """What ``metrics.json`` holds, all but the verdict."""
    problem, places, results = ready.problem, ready.places, measured.results
    task = problem.predictor.task
    reachable: dict[str, NDArray[np.bool_]] = {
        "functional": np.asarray(places.functional.any(1)),
        # A record without a functional region has no outside: what is edited there tells nothing.
        "nonfunctional": np.asarray(places.background.any(1) & places.covered.any(1)),
    }
    reachable["matched"] = reachable["functional"] & reachable["nonfunctional"]
    budgets = {arm: arm_metrics(table, task, reachable[arm]) for arm, table in results.items()}
    paired = {arm: arm_metrics(table, task, reachable["matched"])[-1] for arm, table in results.items()}
    classes = _classes(problem)
    reliance = _reliance(ready, measured.effects, classes)
    flips = paired_flips(_last(results["functional"]), _last(results["matched"]), reachable["matched"])
    return {
        **_head(ready, results["nonfunctional"], measured.effects),
        "reliance": reliance,
        "exchange": measured.exchange.described(),
        "flip_rates": _flip_rates(budgets, paired) | {"inside_less_outside": flips},
        "reading": _reading(ready, measured.effects, reliance, _moved(budgets, task)),
        "budgets": budgets,
        "classes": {arm: by_class(table, reachable[arm]) for arm, table in results.items()} if classes else {},
        "scan": _scan(ready, results["nonfunctional"]),
        "writing": [
            writing_metrics(found, problem, writing)
            for found, writing in zip(measured.written, ready.writings, strict=True)
        ],
    }


def _last(results: pd.DataFrame) -> pd.DataFrame:
    rows: pd.DataFrame = results[results["budget"] == results["budget"].max()]
    return rows


def _moved(budgets: dict[str, list[dict[str, Any]]], task: Task) -> Moved:
    """Where attacks at the largest budget flipped a call, or moved a value."""
    key = "mean_shift" if task_of(task).measured else "flip_rate"
    inside, outside = (bool(budgets[arm][-1].get(key)) for arm in ("functional", "nonfunctional"))
    return Moved(inside=inside, outside=outside)


def _reading(ready: ProbeReady, effects: Effects, reliance: dict[str, Any], moved: Moved) -> dict[str, Any]:
    """What the model reads: the word, at how many positions, and whether one compact place outside stands out."""
    places, lengths = ready.places, ready.problem.sequences.lengths
    both = places.functional.any(1) & places.background.any(1) & effects.usable
    inside, outside, effect = places.functional[both], places.background[both], effects.effect[both]
    aligned = len(lengths) > 0 and int(lengths.min()) == int(lengths.max())
    return {
        "word": reading_word(reliance, moved, measured=bool(both.any())),
        "effective_positions": effective_positions(np.where(inside | outside, effect, np.nan)),
        "compact": compact_place(effect, inside, outside) if aligned else None,
    }


def _head(ready: ProbeReady, results: pd.DataFrame, effects: Effects) -> dict[str, Any]:
    """What was probed."""
    problem, places = ready.problem, ready.places
    first = results[results["budget"] == results["budget"].min()]
    labelled = problem.targets is not None and not task_of(problem.predictor.task).measured
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
        **_without_function(first, places.covered, classes=not task_of(problem.predictor.task).measured),
        "with_both": int((both & effects.usable).sum()),
        "clean_accuracy": proportion(right, len(first)) if labelled else None,
        "clean_accuracy_ci": share_interval(first["clean_prediction"] == first["target"], units_in(first))
        if labelled
        else None,
        "positions_per_record": {
            name: float(mask[both].sum(1).mean()) if both.any() else None for name, mask in kinds.items()
        },
        "effect_per_position": {
            name: _mean_effect(effects, mask & (both & effects.usable)[:, None]) for name, mask in kinds.items()
        },
    }


def _without_function(first: pd.DataFrame, covered: NDArray[np.bool_], *, classes: bool) -> dict[str, Any]:
    """Attacked records without any functional position, by class: on them every edit lies outside. Nothing of none."""
    bare = first[first["success"].notna().to_numpy() & ~covered.any(1)]
    if not len(bare):
        return {}
    return {"without_functional": {"n": len(bare), "by_class": counts_by_class(bare) if classes else {}}}


def _mean_effect(effects: Effects, mask: NDArray[np.bool_]) -> float | None:
    return float(effects.effect[mask].mean()) if mask.any() else None


def _classes(problem: Problem) -> dict[str, NDArray[np.bool_]]:
    """(N,) records of each class; none for a task without."""
    if not task_of(problem.predictor.task).exclusive:
        return {}
    if problem.targets is not None:
        codes = np.asarray(problem.targets.values)
    else:
        with problem.predictor.attached():
            logits = problem.predictor.logits(torch.tensor(problem.sequences.tokens))
        codes = predictions(problem.predictor.task, logits).cpu().numpy()
    return {name: codes == code for code, name in enumerate(problem.predictor.labels or ())}


def _reliance(ready: ProbeReady, effects: Effects, classes: dict[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """The score over all, by class, and by region taken for the only functional one."""
    sequences, places = ready.problem.sequences, ready.places
    edits = ready.settings.most_edits
    seed = ready.problem.seed
    everyone = np.ones(len(sequences), bool)
    shares = reliance_shares(effects, places, sequences, edits)
    regions: dict[str, Reliance] = {}
    if len(places.names) > 1:
        for name in places.names[:20]:
            regions[name] = reliance_shares(effects, places, sequences, edits, region=[name]).of(everyone, seed=seed)
    by_class_ = {name: shares.of(rows, seed=seed) for name, rows in classes.items()}
    kinds = [{name: one.described() for name, one in kind.items() if one.n} for kind in (by_class_, regions)]
    rows = [one for kind in kinds for one in kind.values()]
    for one, adjusted in zip(rows, holm(np.array([one["p_two_sided"] for one in rows], np.float64)), strict=True):
        one["p_adjusted"] = float(adjusted)
    return {
        **shares.of(everyone, seed=seed).described(),
        "edits": edits,
        "null": shares.null[1:].tolist(),
        "classes": kinds[0],
        "regions": kinds[1],
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


def _scan(ready: ProbeReady, results: pd.DataFrame) -> dict[str, Any]:
    """What the edits outside functional regions have in common."""
    problem = arm_problem(ready.problem, ready.places, NONFUNCTIONAL)
    chosen = chosen_edits(problem, results)
    edited = ready.problem.sequences.take(chosen.rows)
    alphabet = edited.alphabet
    matched = motif_changes(chosen, ready.motifs, alphabet) if ready.motifs else []
    return {
        "edited": len(chosen),
        "words": [
            kmer.described()
            | {"functional_share": functional_share(kmer.kmer, ready.problem.sequences, ready.places.covered)}
            for kmer in enriched_kmers(chosen, alphabet)
        ],
        "motifs": [one.described() for one in matched if one.q_value <= 0.05][:_SHOWN_MOTIFS],
        "motifs_tested": len(ready.motifs),
        "positions": edited_positions(chosen, edited),
        "around": around_regions(chosen, edited, ready.places.names[:6]) if len(chosen) else {},
        "letters": switched_letters(chosen, alphabet) if len(chosen) else {},
    }
