"""The models and attacks that ``measured_effects.py`` is about: trained, attacked and looked up once, then kept."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from measured_landscape import (
    COLUMNS,
    GOALS,
    SITES,
    HeldOut,
    Landscape,
    Pairs,
    Values,
    letters,
    sets,
)

from seqrobust.analysis.shards import run_shards
from seqrobust.attacks import attacks_named, scores_for
from seqrobust.attacks.settings import AttackSettings
from seqrobust.attacks.stating import attack_problem
from seqrobust.models import Predictor
from seqrobust.models.opening import open_predictor
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.sequences import SequenceSet

WAYS: dict[str, tuple[str, ...]] = {
    "ordinary": (),
    "adversarial": (f"training.adversarial={json.dumps({'budget': 1, 'only': SITES})}",),
    "without doubles": ("data.where={n_mut: [0, 1, 3, 4]}",),
    "up to doubles": ("data.split=two_vs_rest",),
    "low to high": ("data.split=low_vs_high",),
}
"""Changes of the config."""
SPLITS = {"up to doubles": "two_vs_rest", "low to high": "low_vs_high"}
UNSEEN = {"without doubles": 2}
"""Numbers of mutations that a way of training leaves out."""
ADVERSARIES = ("free", "held-out only")
Options = argparse.Namespace


def trained(way: str, seed: int, options: Options) -> Path | None:
    """The folder of a model, which is trained if need be; None where only the table is wanted."""
    folder: Path = options.folder / way.replace(" ", "-") / f"seed-{seed}"
    if not (folder / "model.ckpt").exists():
        if options.table:
            return None
        command = [sys.executable, "-m", "seqrobust_cli.main", "train", "gb1", "--out", str(folder)]
        for change in (f"seed={seed}", *WAYS[way]):
            command += ["--set", change]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def opened(folder: Path, sequences: SequenceSet) -> Predictor:
    """A trained model."""
    source = ModelSource(model=str(folder / "model.ckpt"))
    predictor, _ = open_predictor(source, alphabet=None, device="cpu", batch_size=None)
    predictor.check(torch.tensor(sequences.tokens[:64]))
    return predictor


def predicted(folder: Path, landscape: Landscape) -> Values:
    """(160000,) predicted fitness of every variant."""
    kept = folder / "landscape.npy"
    if not kept.exists():
        predictor = opened(folder, landscape.data.sequences)
        tokens = np.repeat(landscape.data.sequences.tokens[:1], 4000, axis=0)
        found = []
        with predictor.attached():
            for first in range(0, 160_000, len(tokens)):
                tokens[:, COLUMNS] = letters(np.arange(first, first + len(tokens)))
                found.append(predictor.logits(torch.tensor(tokens))[:, 0].numpy())
        np.save(kept, np.concatenate(found).astype(np.float64))
    return np.asarray(np.load(kept))


def attacked(folder: Path, goal: str, adversary: str, landscape: Landscape, options: Options) -> pd.DataFrame | None:
    """An attack's table; None where it has yet to be run and only tables are wanted."""
    name = f"{goal}-{adversary.replace(' ', '-')}-{options.records}"
    kept = folder / f"{name}.parquet"
    if not kept.exists():
        if options.table:
            return None
        print(folder, name, file=sys.stderr, flush=True)
        sequences, targets = landscape.data.in_split("test")
        predictor = opened(folder, sequences)
        settings = AttackSettings(
            budget="1,2",
            only=SITES,
            attacks=("auto",) if adversary == "free" else ("auto", "exhaustive"),
            goal="up" if goal == "up" else "down",
            delta=landscape.spread,
            max_records=options.records,
            random_draws=1,
        )
        problem = attack_problem(predictor, sequences, targets, settings, seed=0)
        if adversary != "free":
            allowed = HeldOut(allowed=torch.from_numpy(landscape.held_out))
            problem = replace(problem, threat=replace(problem.threat, constraints=(allowed,)))
        parts = folder / f"{name}-parts"
        parts.mkdir(exist_ok=True)
        run_shards(
            problem,
            attacks_named(settings.attacks),
            lambda shard: parts / f"{shard}.parquet",
            Silent(),
            scores_for(predictor),
        ).to_parquet(kept, index=False)
    return pd.read_parquet(kept)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model with what was found against it: by goal and budget, sets of pairs by name."""

    predicted: Values
    landscape: Landscape
    found: dict[tuple[str, int], dict[str, Pairs]]


def models(way: str, options: Options) -> Iterator[Model]:
    """Those of a way that are there, or are made."""
    landscape = Landscape.read(SPLITS.get(way, "sampled"), UNSEEN.get(way))
    for seed in options.seeds:
        if (folder := trained(way, seed, options)) is None:
            continue
        known = predicted(folder, landscape)
        results = {
            goal: {name: attacked(folder, goal, name, landscape, options) for name in ADVERSARIES} for goal in GOALS
        }
        done = {
            goal: {name: one for name, one in tables.items() if one is not None} for goal, tables in results.items()
        }
        if all(len(tables) == len(ADVERSARIES) for tables in done.values()):
            found = {(g, k): sets(done[g], g, k, known, landscape) for g in GOALS for k in (1, 2)}
            yield Model(predicted=known, landscape=landscape, found=found)
