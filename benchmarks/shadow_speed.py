"""Shadow models trained together against one after another: 64 small CNNs, 32 small GRUs, batches of 8 to 256.

    python benchmarks/shadow_speed.py                      # one thread, then two, each in a process of its own
    python benchmarks/shadow_speed.py --device cuda
    python benchmarks/shadow_speed.py --quick              # a few models and one step: does it run

The networks of the configs ``splice`` and ``splice_gru``, on splice junctions, or on random sequence where these are
not to be had. Every repeat trains all models *serial*, *stacked* and *auto*, in an order that turns round each time, so
that a busy machine slows them alike; the first epoch of every model or stack warms up and is not counted, nor is what
surrounds the epochs. Epochs are cut to ``--steps`` steps, half as many above 32 records: what a step costs does not
depend on how many there are.

*serial ms* is wall time for a step of one model, the median over repeats; *stacked* and *auto* are ratios to it within
a repeat, their median with the smallest and the largest. *cpu* is the same ratio in processor time, which hardly
changes when other work keeps the machine busy, and tells nothing of a GPU. *chose* is the way that auto took, and
*start* the seconds it took in all beside its epochs. *MB* is the most memory that was in use, serial and stacked: of
the whole process on a CPU (where the system tells), of tensors on a GPU. *logits* is the largest difference between the
answers of three models trained in either way from one seed, for 16 steps or an epoch, whichever is longer, without
dropout, whose draws differ; *of* is the largest logit. The last table kept is in ``benchmarks/shadow_speed.md``.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from attack_measure import table

from seqrobust.alphabet import DNA
from seqrobust.analysis.membership import ShadowModels, assign_records, shadow_logits, train_shadows
from seqrobust.models import SequenceModel, build_model
from seqrobust.resources import data_root
from seqrobust.run.config import find_config, read_config
from seqrobust.sequences import SequenceSet, encode_targets
from seqrobust.sequences.readers import read_sequences
from seqrobust.training import Labelled, TrainingSettings

NETWORKS = {"cnn": ("splice", 64), "gru": ("splice_gru", 32)}
"""Config, and how many models."""
BATCHES = (8, 16, 32, 64, 128, 256)
WAYS = ("serial", "stacked", "auto")
EPOCHS = 2
"""Of a measurement; the first is not counted."""
GROUP = 16
"""Models that are stacked to warm up; so many are stacked at once."""
SMALL = 32
"""Records of a batch above which half the steps are taken."""
ALIKE, ASKED, TAKEN = 3, 512, 16
"""Models whose answers are compared, records that they are trained on and asked, and steps, at least, before."""

Options = argparse.Namespace


@dataclass(frozen=True, kw_only=True)
class Network:
    """What models are made by."""

    architecture: str
    hyperparameters: dict[str, Any]
    settings: TrainingSettings
    pool: Labelled

    def build(self) -> SequenceModel:
        """One with weights from torch's current generator."""
        sizes = {"outputs": self.pool.targets.outputs, "input_length": self.pool.sequences.width}
        return build_model(self.architecture, alphabet_size=DNA.size, **sizes, **self.hyperparameters)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one call: seconds of wall and of processor time of the counted epochs, seconds beside all epochs, megabytes,
    and the way that was taken.
    """

    wall: float
    cpu: float
    start: float
    memory: float
    way: str


def network(config: str, records: Labelled, size: int, batch: int) -> Network:
    """A shipped config's, with a pool of that size."""
    told = read_config(find_config(config))
    names = TrainingSettings.__dataclass_fields__
    settings = TrainingSettings(**{name: getattr(told.training, name) for name in names})
    rows = np.arange(size) % len(records.sequences)
    return Network(
        architecture=told.model.architecture,
        hyperparameters=told.model.hyperparameters,
        settings=replace(settings, batch_size=batch, epochs=EPOCHS, select="last"),
        pool=Labelled(sequences=records.sequences.take(rows), targets=records.targets.take(rows)),
    )


def splice() -> Labelled | None:
    """Windows of 60 letters around splice junctions, in random order, where the real data are to be had."""
    root = data_root()
    path = None if root is None else root / "uci_splice" / "splice.tsv.gz"
    if path is None or not path.exists():
        return None
    sequences = read_sequences(path, alphabet=DNA).sequences
    sequences = sequences.take(np.random.default_rng(0).permutation(len(sequences)))
    assert sequences.targets is not None
    return Labelled(sequences=sequences, targets=encode_targets(sequences.targets[["label"]], "classification"))


def simulated() -> Labelled:
    """Uniform random DNA with random labels: what is learnt does not change what it costs."""
    generator = np.random.default_rng(0)
    texts = ["".join(row) for row in generator.choice(list("ACGT"), (3000, 60))]
    targets = pd.DataFrame({"label": generator.choice(["EI", "IE", "N"], len(texts))})
    return Labelled(sequences=SequenceSet.from_texts(texts, DNA), targets=encode_targets(targets, "classification"))


# Measuring


def trained(one: Network, models: int, way: Any, device: str, tell: Callable[[int, int], None]) -> ShadowModels:
    """Models on halves of the pool."""
    inside = assign_records(len(one.pool.sequences), models, seed=0)
    return train_shadows(
        one.build, one.pool, inside, settings=one.settings, seed=0, way=way, device=device, progress=tell
    )


def measured(one: Network, models: int, way: str, device: str) -> Cost:
    """What one call costs."""
    marks: list[tuple[float, float]] = []

    def mark(*_: int) -> None:
        if device != "cpu":
            torch.cuda.synchronize()
        marks.append((time.perf_counter(), time.process_time()))

    _forget_memory(device)
    mark()
    made = trained(one, models, way, device, mark)
    mark()
    # One mark before and one behind; between them one for each epoch of each model or stack.
    epochs = np.array(marks[1:-1]).reshape(-1, EPOCHS, 2)
    wall, cpu = (epochs[:, -1] - epochs[:, 0]).sum(0)
    whole = marks[-1][0] - marks[0][0]
    counted = float(wall) / (EPOCHS - 1)
    return Cost(
        wall=counted,
        cpu=float(cpu) / (EPOCHS - 1),
        start=whole - EPOCHS * counted,
        memory=_memory(device),
        way=made.way,
    )


def difference(one: Network, device: str) -> tuple[float, float]:
    """Largest difference of logits between models trained in either way, and the largest logit."""
    epochs = math.ceil(TAKEN * one.settings.batch_size / (ASKED // 2))
    still = replace(
        one, hyperparameters={**one.hyperparameters, "dropout": 0.0}, settings=replace(one.settings, epochs=epochs)
    )
    asked = still.pool.sequences
    found = [
        shadow_logits(trained(still, ALIKE, way, device, _quiet).models, asked, [asked.tokens])
        for way in ("serial", "stacked")
    ]
    return float(np.abs(found[0] - found[1]).max()), float(np.abs(found[0]).max())


def _quiet(*_: int) -> None:
    return None


def _forget_memory(device: str) -> None:
    """Let the peak start anew, as far as the system can."""
    if device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        # Linux: 5 resets the peak of a process to what it holds now.
        Path("/proc/self/clear_refs").write_text("5")
    except (AttributeError, OSError):
        return


def _memory(device: str) -> float:
    """Megabytes at the peak."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return (kilobytes[0] if kilobytes else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1e3


def cells(options: Options) -> Iterator[dict[str, Any]]:
    """Everything that was measured of one kind of model at one batch size after another."""
    records = splice() or simulated()
    for name in options.models:
        config, models = NETWORKS[name]
        models = min(models, options.count or models)
        for batch in options.batches:
            steps = options.steps if batch <= SMALL else max(options.steps // 2, 1)
            one = network(config, records, 2 * steps * batch, batch)
            costs: dict[str, list[Cost]] = {way: [] for way in WAYS}
            # What is made when shapes are first met is no part of a step.
            measured(one, 1, "serial", options.device)
            measured(one, min(models, GROUP), "stacked", options.device)
            for repeat in range(options.repeats):
                for way in WAYS if repeat % 2 == 0 else reversed(WAYS):
                    costs[way].append(measured(one, models, way, options.device))
            compared = network(config, records, ASKED, batch)
            yield {
                "name": f"{models} {name.upper()}s",
                "batch": batch,
                "per_step": 1e3 / (models * steps),
                "costs": {way: [vars(cost) for cost in listed] for way, listed in costs.items()},
                "apart": difference(compared, options.device) if options.compare else None,
            }


# Tables


def row(cell: dict[str, Any]) -> list[str]:
    """Cells of a table."""
    costs: dict[str, list[dict[str, Any]]] = cell["costs"]
    shown = [cell["name"], str(cell["batch"])]
    shown.append(f"{cell['per_step'] * statistics.median(one['wall'] for one in costs['serial']):.2f}")
    for way in ("stacked", "auto"):
        walls, cpus = ([a[kind] / b[kind] for a, b in zip(costs[way], costs["serial"], strict=True)] for kind in _KINDS)
        shown.append(f"{statistics.median(walls):.2f} ({min(walls):.2f}-{max(walls):.2f})")
        shown.append(f"{statistics.median(cpus):.2f}")
    shown.append(costs["auto"][0]["way"])
    shown.append(f"{statistics.median(one['start'] for one in costs['auto']):.1f}")
    shown += [f"{max(one['memory'] for one in costs[way]):.0f}" for way in ("serial", "stacked")]
    apart = cell["apart"]
    return shown + ([f"{apart[0]:.1e}", f"{apart[1]:.1f}"] if apart else ["", ""])


_KINDS = ("wall", "cpu")
HEAD = ["models", ":batch", ":serial ms", ":stacked", ":cpu", ":auto", ":cpu", "chose", ":start", ":serial MB"]
HEAD += [":stacked MB", ":logits", ":of"]


def with_threads(threads: int, options: Options) -> list[list[str]]:
    """Rows of a process that has so many threads."""
    told = {name: value for name, value in vars(options).items() if name not in ("threads", "quick")}
    told["compare"] = threads == options.threads[0]
    # Libraries read the variable when they are loaded.
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--worker", json.dumps(told)]
    rows = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            rows.append(row(json.loads(line)))
            print(f"{threads} threads: {' | '.join(rows[-1])}", file=sys.stderr, flush=True)
    if running.returncode:
        raise SystemExit(f"a process with {threads} threads failed")
    return rows


def work(told: dict[str, Any]) -> None:
    """What such a process does."""
    threads = int(os.environ["OMP_NUM_THREADS"])
    torch.set_num_threads(threads)
    for cell in cells(Options(**told)):
        print(json.dumps(cell), flush=True)


def numbers(text: str) -> list[int]:
    """Of a list parted by commas."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=numbers, help="1,2; of a GPU's host 1")
    parser.add_argument("--models", type=lambda text: text.split(","), default=list(NETWORKS))
    parser.add_argument("--count", type=int, help="at most so many models of a kind")
    parser.add_argument("--batches", type=numbers, default=list(BATCHES))
    parser.add_argument("--steps", type=int, default=2, help="of an epoch, for each model, up to batches of 32")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="8 models, batches of 8 and 64, a step, a repeat")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(json.loads(options.worker))
        return
    del options.worker
    if options.quick:
        options.count, options.batches, options.steps, options.repeats = 8, [8, 64], 1, 1
    options.threads = options.threads or ([1, 2] if options.device == "cpu" else [1])
    began = time.perf_counter()
    made = {threads: with_threads(threads, options) for threads in options.threads}
    place = platform.machine() if options.device == "cpu" else torch.cuda.get_device_name()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    data = "splice junctions" if splice() else "random sequence"
    print(f"{date.today()}, {place}, {os.cpu_count()} cores, {versions}; {data}; {options.steps} steps an epoch,")
    print(f"median of {options.repeats}; {(time.perf_counter() - began) / 60:.0f} minutes\n")
    for threads, rows in made.items():
        print(f"{threads} thread{'s' if threads > 1 else ''}\n")
        table(HEAD, rows)


if __name__ == "__main__":
    main()
