"""What the tables of attacks share: trained models, searches, one way of measuring, cells of a table.

A model is a folder as ``seqrobust train`` leaves it; its manifest says which records it was trained on, and under which
threat its config attacks. Costs are forward-equivalents a record, FE = forwards + r * gradients, without the forward of
the clean record; r is what one gradient costs in forwards of that model, timed here.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqrobust.alphabet import DNA
from seqrobust.attacks import (
    ATTACKS,
    PRESETS,
    Attack,
    Beam,
    DiscretePGD,
    Exchange,
    Greedy,
    Problem,
    Untargeted,
    run_shard,
    true_margin,
)
from seqrobust.attacks.goals import is_right
from seqrobust.models import Predictor
from seqrobust.models.opening import open_predictor
from seqrobust.models.source import ModelSource
from seqrobust.neighbours import NeighbourScores
from seqrobust.run.config import RunConfig
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.sequences.data_config import load_data
from seqrobust.sequences.simulation import grammar_named, simulate, varied
from seqrobust.sequences.writing import write_sequences
from seqrobust.threats import Budget, SubstitutionThreat

GRADIENT = 3.0
"""Forward passes that a gradient is counted as. Between 2.0 and 4.5 were measured, by network and by what else the
machine did at the time; one figure for all makes tables of different days comparable."""
SHARD = 64
"""Records that are attacked together."""
SIMULATED, LENGTH = 24_000, 200
"""Records of the grammar ``promoter``, in three classes, and their length."""

_CNN: dict[str, Any] = {"architecture": "cnn", "channels": 64, "first_kernel": 19, "kernel": 11}
_ROBUST = {"adversarial": {"budget": 1, "clean_share": 0.5, "steps": 1}}
_TWO = {"where": {"label": ["promoter", "background"]}}
# Model, training, and data beside the defaults. A recurrent network tells promoters from background only: shuffled
# promoters were beyond it in reasonable time.
RECIPES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "basset": (_CNN | {"pool": 4, "head": "flatten"}, {"epochs": 10, "learning_rate": 0.004}, {}),
    "basset_adv": (_CNN | {"pool": 4, "head": "flatten"}, {"epochs": 10, "learning_rate": 0.004} | _ROBUST, {}),
    "cnn": (_CNN | {"pool": 3}, {"epochs": 6, "learning_rate": 0.004}, {}),
    "cnn_adv": (_CNN | {"pool": 3}, {"epochs": 7, "learning_rate": 0.004} | _ROBUST, {}),
    "gru": ({"architecture": "gru"}, {"epochs": 6, "learning_rate": 0.003}, _TWO),
    "gru_adv": ({"architecture": "gru"}, {"epochs": 8, "learning_rate": 0.003} | _ROBUST, _TWO),
}
"""Networks trained on the simulated grammar."""
SHIPPED = {
    "enzymes": ("enzymes", 1),
    "splice_cnn_1": ("splice", 1),
    "splice_cnn_2": ("splice", 2),
    "splice_gru_1": ("splice_gru", 1),
    "splice_gru_2": ("splice_gru", 2),
}
"""Networks of the shipped configs: config and seed."""


# Models


def train(name: str, folder: Path) -> None:
    """Train a network by its name here into ``folder/name``, with ``seqrobust train``; one that is there is kept."""
    if (folder / name / "model.ckpt").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if name in SHIPPED:
        config, seed = SHIPPED[name]
    else:
        model, training, extra = RECIPES[name]
        table, seed = folder / "promoter.tsv", 1
        if not table.exists():
            drawn = simulate(
                varied(grammar_named("promoter"), length=(LENGTH, LENGTH)),
                SIMULATED,
                seed=0,
                fractions={"train": 0.7, "valid": 0.1, "test": 0.2},
            )
            write_sequences(drawn, table)
        data = {"path": str(table), "alphabet": DNA.name, "target": "label", "split": "split"} | extra
        config = str(folder / f"{name}.yaml")
        # YAML reads JSON.
        Path(config).write_text(
            json.dumps({"name": name, "task": "classification", "data": data, "model": model, "training": training})
        )
    command = [sys.executable, "-m", "seqrobust_cli.main", "train", config, "--set", f"seed={seed}"]
    subprocess.run([*command, "--out", str(folder / name)], check=True)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model and records that it is right on.

    Attributes:
        plain: seconds of a plain forward pass a record.
        gradient: what a gradient costs in such passes.
        clean: (n,) by how much the truth falls behind on the records; negative.
        total: records of the split that were looked at.
    """

    name: str
    predictor: Predictor
    sequences: SequenceSet
    targets: Targets
    threat: SubstitutionThreat
    scores: NeighbourScores
    clean: Tensor
    plain: float
    gradient: float
    total: int

    @property
    def has_rivals(self) -> bool:
        """Whether there is more than one wrong class."""
        return self.predictor.outputs > 2

    def without(self, first: int) -> Subject:
        """Less its first records."""
        rest = np.arange(first, len(self.sequences))
        return replace(
            self, sequences=self.sequences.take(rest), targets=self.targets.take(rest), clean=self.clean[first:]
        )

    def value(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """(n,) by how much the truth falls behind, by a plain forward pass within ``predictor.attached()``."""
        return -true_margin(self.predictor.task, self.predictor.logits(tokens), targets)

    def describe(self) -> str:
        """A line above its tables."""
        region = f", protected: {', '.join(self.threat.protect)}" if self.threat.protect else ""
        rule = "" if self.threat.letters == "any" else f", letters {self.threat.letters}"
        return (
            f"{len(self.sequences)} records of the test split that it is right on, L = {self.sequences.width}{region}"
            f"{rule}; a plain forward {self.plain * 1e3:.3f} ms, a gradient {self.gradient:.1f} forwards, "
            f"counted as {GRADIENT:g}."
        )


def opened(
    name: str, folder: Path, *, records: int | None = None, free: bool = False, looked: int | None = None
) -> Subject:
    """A trained network of ``folder``.

    Args:
        records: at most so many records that it is right on, drawn at random.
        free: without the protection that its config asks for.
        looked: only so many records of the split, drawn at random, are looked at.
    """
    manifest = json.loads((folder / "manifest.json").read_text())
    config = RunConfig.model_validate(manifest["config"])
    predictor, _ = open_predictor(
        ModelSource(model=str(folder / "model.ckpt")), alphabet=None, device="cpu", batch_size=None
    )
    sequences, targets = load_data(config.data, config.task, config.seed).in_split("test")
    # Files are often sorted by class.
    drawn = np.random.default_rng(0).permutation(len(sequences))[:looked]
    sequences, targets = sequences.take(drawn), targets.take(drawn)
    predictor.check(torch.tensor(sequences.tokens[:SHARD]))
    threat = SubstitutionThreat(budget=Budget(1))
    if config.attack is not None and not free:
        threat = replace(config.attack.threat(sequences.alphabet), budget=Budget(1))
    with predictor.attached():
        tokens = torch.tensor(sequences.tokens)
        logits = predictor.logits(tokens)
        right = is_right(config.task, logits, torch.tensor(targets.values)).numpy().nonzero()[0][:records]
        plain, gradient = _costs(predictor, tokens[: 4 * SHARD])
    return Subject(
        name=name,
        predictor=predictor,
        sequences=sequences.take(right),
        targets=targets.take(right),
        threat=threat,
        scores=NeighbourScores(predictor),
        clean=-true_margin(config.task, logits[right], torch.tensor(targets.values[right])),
        plain=plain,
        gradient=gradient,
        total=len(sequences),
    )


def _costs(predictor: Predictor, tokens: Tensor) -> tuple[float, float]:
    """Seconds of a forward pass a record, and how many such a gradient costs; medians, the two in turn."""
    points, lengths = predictor.encode(tokens), predictor.lengths(tokens)
    plain, ratio = [], []
    for _ in range(7):
        marks = [time.perf_counter()]
        predictor.logits(tokens)
        marks.append(time.perf_counter())
        predictor.gradient(points, lengths, lambda logits, rows: logits[:, 0])
        marks.append(time.perf_counter())
        plain.append(marks[1] - marks[0])
        ratio.append((marks[2] - marks[1]) / plain[-1])
    return statistics.median(plain) / len(tokens), statistics.median(ratio)


# Searches

Search = Sequence[Attack]


def searches(*, presets: Sequence[str] = ("quick", "standard", "thorough")) -> dict[str, Search]:
    """Every search by name: the registry's, some at other settings, presets.

    ``nearest rival only`` climbs towards the class that comes second at first, others towards every rival by itself.
    """
    found: dict[str, Search] = {f"preset {name}": PRESETS[name] for name in presets}
    for name, attack in ATTACKS.items():
        if name != "exhaustive":
            found[name] = (attack,)
    found |= {f"greedy, top {top}": (Greedy(top=top),) for top in (4, 64)}
    nearest = ", nearest rival only"
    found |= {f"discrete_pgd, {steps} steps{nearest}": (DiscretePGD(steps=steps, ways=1),) for steps in (5, 10)}
    found[f"beam 4, top 16{nearest}"] = (Beam(ways=1),)
    found["beam 8, top 16"] = (Beam(width=8),)
    found[f"beam 8, top 16{nearest}"] = (Beam(width=8, ways=1),)
    found[f"exchange{nearest}"] = (Exchange(ways=1),)
    return found


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a search found on the first n records: by how much the truth falls behind, (n,), FE (n,), and seconds."""

    value: Tensor
    cost: Tensor
    seconds: float


def attacked(subject: Subject, search: Search, budget: int, rows: range, *, search_on: bool, seed: int = 0) -> Outcome:
    """Run a search on some of the subject's records."""
    problem = Problem(
        predictor=subject.predictor,
        sequences=subject.sequences,
        targets=subject.targets,
        threat=subject.threat,
        budgets=(Budget(budget),),
        goal=Untargeted(),
        seed=seed,
        control_draws=1,
        search_on=search_on,
    )
    values, costs = [], []
    began = time.perf_counter()
    with subject.predictor.attached():
        for piece in pieces(rows):
            run = run_shard(problem, search, np.asarray(piece), scores=subject.scores)
            values.append(-true_margin(subject.predictor.task, run.logits[:, 0], run.targets))
            costs.append(run.forwards[:, 0] - 1 + GRADIENT * run.gradients[:, 0])
    return Outcome(value=torch.cat(values), cost=torch.cat(costs), seconds=time.perf_counter() - began)


def pieces(rows: range) -> Iterator[range]:
    """Shards of consecutive records."""
    for start in range(rows.start, rows.stop, SHARD):
        yield range(start, min(start + SHARD, rows.stop))


def joined(first: Outcome, second: Outcome) -> Outcome:
    """Of the records of both."""
    return Outcome(
        value=torch.cat([first.value, second.value]),
        cost=torch.cat([first.cost, second.cost]),
        seconds=first.seconds + second.seconds,
    )


def within(run: Callable[[range], Outcome], count: int, seconds: float, trial: int) -> Outcome:
    """Run on as many of ``count`` records as should take so many seconds, judged by the first few."""
    first = run(range(min(trial, count)))
    affordable = int(seconds / first.seconds * len(first.value))
    last = min(count, affordable // trial * trial)
    return joined(first, run(range(len(first.value), last))) if last > len(first.value) else first


# Tables


def header(packages: Sequence[str] = ()) -> str:
    """When, where and with what."""
    known = []
    for package in packages:
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    where = f"{platform.machine()}, 1 thread of {os.cpu_count()} cores"
    return ", ".join(
        [f"{date.today()}, {where}, Python {platform.python_version()}, torch {torch.__version__}", *known]
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print it in Markdown; names of figures, as opposed to words, begin with a colon."""
    lines = [[name.lstrip(":") for name in head], ["---:" if name.startswith(":") else "---" for name in head], *rows]
    for line in lines:
        print("| " + " | ".join(str(cell) for cell in line) + " |")
    print(flush=True)


def one_thread() -> None:
    """Start over with one thread: libraries read the variable when they are loaded."""
    if os.environ.get("OMP_NUM_THREADS") != "1":
        os.environ["OMP_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    torch.set_num_threads(1)
