"""What every training objective and model option gives, on every data set: clean, robust, and at what cost.

    python benchmarks/robust_objectives.py runs                                  # everything, for hours; resumes
    python benchmarks/robust_objectives.py runs --data splice --ways "ordinary;replay" --seeds 1,2,3
    python benchmarks/robust_objectives.py runs --table                          # only print what is there

Each cell is a ``seqrobust run`` of a shipped config with other training, in ``runs/DATA/WAY/seed-N``; one that is
finished is kept. Robust accuracy is that under the default attack, protecting what the config protects, after training
against k = 3 under the same protection; for the regression the mean rise of the prediction at k, in the target's unit,
where less is more robust. Mean over seeds, and half the width of the 95 % interval of the mean (Student's t) where
there are several. *s/epoch* is as the runs were timed, one after another on whatever machine it was: for ratios of cost
side by side see ``training_cost.py``. The last table kept is in ``benchmarks/robust_objectives.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch
from attack_measure import table
from scipy.stats import t as student

WAYS: dict[str, dict[str, Any]] = {
    "ordinary": {},
    "random": {"objective": "random"},
    "replay": {"objective": "replay"},
    "continued": {"objective": "continued", "clean_share": 0},
    "continued, half clean": {"objective": "continued"},
    "adversarial": {},
    "adversarial-all": {"clean_share": 0},
    "adversarial-3": {"steps": 3, "clean_share": 0},
    "adversarial-10": {"steps": 10, "clean_share": 0},
    "growing budget": {"ramp_epochs": 8},
    "l2 first": {"first_norm": "l2", "first_epochs": 5},
    "linf first": {"first_norm": "linf", "first_epochs": 5},
    "adversarial-10, half clean": {"steps": 10},
    "trades": {"objective": "trades"},
    "penalty": {"objective": "penalty"},
    "hinge": {"objective": "hinge", "ramp_epochs": 6},
    "invariance": {"objective": "invariance", "budget": "100%", "allow": "any"},
    "invariance, converse": {"objective": "invariance", "budget": "100%", "allow": "any", "converse_weight": 1.0},
}
"""Settings of ``training.adversarial``, beside its threat."""

MODELS: dict[str, list[str]] = {
    "exponential": ["model.first_activation=exponential"],
    "residual": ["model.residual=true"],
    "lipschitz-10": ["model.lipschitz=true", "model.lipschitz_scale=10.0"],
    "lipschitz-4": ["model.lipschitz=true", "model.lipschitz_scale=4.0"],
    "lipschitz-2": ["model.lipschitz=true", "model.lipschitz_scale=2.0"],
    "spectral-2": ["model.spectral_norm=2.0"],
    "implicit": ["model.implicit=true"],
}
"""Options of the model, under ordinary training."""

DATA: dict[str, tuple[str, list[str]]] = {
    "splice": ("splice", []),
    "sigma70": ("sigma70", []),
    "sigma70-binary": ("sigma70", ["task=binary", "data.target=label_active", "attack.goal=untargeted"]),
    "enzymes": ("enzymes", []),
    "enzymes-folds": ("enzymes", ["data.folds={{test: ['{fold}']}}"]),
    "promoter": ("quickstart", []),
    "promoter-600": ("quickstart", ["data.simulate.n=600"]),
    "shortcut": ("quickstart", ["data.simulate.shortcut=0.9"]),
}
"""A shipped config and what is changed of it; of five folds a seed tests the one of its number."""

KS = (1, 3, 5)

Options = argparse.Namespace


def ran(data: str, way: str, seed: int, options: Options) -> Path:
    """The folder of a finished run, which is made if need be."""
    config, changes = DATA[data]
    folder: Path = options.folder / data / _folder(way) / f"seed-{seed}"
    if (folder / "metrics.json").exists() or options.table:
        return folder
    told = [
        *(change.format(fold=seed % 5) for change in changes),
        f"seed={seed}",
        f"attack.max_records={options.attacked}",
        f"attack.budget=1..{max(KS)}",
    ]
    if way == "ordinary" or way in MODELS:
        told += ["training.adversarial=null", *MODELS.get(way, [])]
    else:
        shown = subprocess.run(
            [sys.executable, "-c", _THREAT, config], check=True, capture_output=True, text=True, env=os.environ
        )
        told.append("training.adversarial=" + json.dumps(json.loads(shown.stdout) | {"budget": 3} | WAYS[way]))
    print(f"{data}, {way}, seed {seed}", file=sys.stderr, flush=True)
    run_config(config, folder, told)
    return folder


def run_config(config: str, folder: Path, changes: Sequence[str]) -> None:
    """``seqrobust run`` with changes of its config, or the rest of a run that was stopped."""
    command = [sys.executable, "-m", "seqrobust_cli.main", "run", config, "--out", str(folder)]
    for change in changes:
        command += ["--set", change]
    if folder.exists():
        command.append("--resume")
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        print(f"failed: {' '.join(command)}", file=sys.stderr)


_THREAT = """
import json, sys
from seqrobust.run.config import read_config, find_config
attack = read_config(find_config(sys.argv[1]), []).attack
print(json.dumps({"protect": attack.protect, "only": attack.only, "allow": attack.allow}))
"""
"""Prints the regions and letters of a config's attack: training is against the same."""


def _folder(way: str) -> str:
    return way.replace(", ", "-").replace(" ", "-")


def figures(folder: Path) -> dict[str, float] | None:
    """What a run measured; None where it is not finished."""
    if not (folder / "metrics.json").exists():
        return None
    metrics = json.loads((folder / "metrics.json").read_text())
    attack, train = metrics["attack"], metrics["train"]
    regression = attack["task"] == "regression"
    found = {"s/epoch": float(train["seconds_per_epoch"])}
    found["clean"] = float(train["test"]["r2"]) if regression else 100 * float(train["test"]["accuracy"])
    for row in attack["budgets"]:
        if row["budget"] in KS:
            key = f"k = {row['budget']}"
            found[key] = float(row["mean_shift"]) if regression else 100 * float(row["robust_accuracy"])
    return found


def cell(values: list[float], digits: int) -> str:
    """Mean, and half of its interval."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return f"{mean:.{digits}f}"
    half = student.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def print_table(data: str, options: Options) -> None:
    """One data set's."""
    names = ["clean", *(f"k = {k}" for k in KS), "s/epoch"]
    lines = []
    for way in options.ways:
        found = [figures(options.folder / data / _folder(way) / f"seed-{seed}") for seed in options.seeds]
        done = [one for one in found if one is not None]
        if done:
            digits = 2 if data == "sigma70" else 1
            cells = [cell([one[name] for one in done], 2 if name == "s/epoch" else digits) for name in names]
            lines.append([way, str(len(done)), *cells])
    if lines:
        print(f"## {data}\n")
        table(["objective", ":seeds", *(f":{name}" for name in names)], lines)


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=lambda text: text.split(","), default=list(DATA))
    parser.add_argument("--ways", type=lambda text: text.split(";"), default=[*WAYS, *MODELS], help="separated by ;")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--attacked", type=int, default=300, help="test records that are attacked")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    # Every run is a process of its own, with one thread.
    os.environ["OMP_NUM_THREADS"] = "1"
    for seed in options.seeds:
        for data in options.data:
            for way in options.ways:
                ran(data, way, seed, options)
    where = f"{platform.machine()}, 1 thread of {os.cpu_count()} cores"
    print(f"{date.today()}, {where}, Python {platform.python_version()}, torch {torch.__version__}\n")
    for data in options.data:
        print_table(data, options)


if __name__ == "__main__":
    main()
