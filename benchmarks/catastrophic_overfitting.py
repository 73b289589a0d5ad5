"""Catastrophic overfitting, provoked: one-step training at a budget far too large, and what the guard does about it.

    python benchmarks/catastrophic_overfitting.py runs            # needs the splice data; resumes
    python benchmarks/catastrophic_overfitting.py runs --seeds 1

The config ``splice`` is trained on one-step adversaries alone, at a constant learning rate, and validated under one
step and under five. *one step* and *five* are validation accuracies in per cent by epoch (the largest class has 47 per
cent of the records): catastrophic overfitting is the first staying up while the second falls. *spoke* is the epoch in
which the guard found it; from the next one on it trains with three steps. The last table kept is in
``benchmarks/catastrophic_overfitting.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
from attack_measure import header, table

BUDGETS = (3, 8, 20, 30)
EPOCHS = 12
SHOWN = (1, 2, 3, 4, 6, 8, 10, 12)


def trained(folder: Path, budget: int, guard: bool, seed: int) -> tuple[pd.DataFrame, str]:
    """A run's history, and what the guard said."""
    if not (folder / "manifest.json").exists() or "finished" not in json.loads((folder / "manifest.json").read_text()):
        adversary = {"budget": budget, "clean_share": 0, "guard": guard, "protect": ["donor_GT", "acceptor_AG"]}
        told = [f"seed={seed}", f"training.adversarial={json.dumps(adversary)}", "training.schedule=constant"]
        told += [f"training.epochs={EPOCHS}", "training.select=last"]
        command = [sys.executable, "-m", "seqrobust_cli.main", "train", "splice", "--out", str(folder)]
        for change in told:
            command += ["--set", change]
        command += ["--resume"] if folder.exists() else []
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        (folder / "said.txt").write_text(done.stdout + done.stderr)
    said = re.search(r"epoch (\d+): training overfitted", " ".join((folder / "said.txt").read_text().split()))
    return pd.read_csv(folder / "history.csv"), said[1] if said else "no"


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3])
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    lines = []
    for budget in BUDGETS:
        for guard in (False, True):
            for seed in options.seeds:
                name = f"budget-{budget}{'-guarded' if guard else ''}"
                history, spoke = trained(options.folder / name / f"seed-{seed}", budget, guard, seed)
                # Validation compares the two only where training takes one step: after the guard has spoken it still
                # measures both, of the model that three steps train.
                for measure, column in (("one step", "valid_one_step_accuracy"), ("five", "valid_robust_accuracy")):
                    values = history.set_index("epoch")[column]
                    cells = [f"{100 * values[epoch]:.0f}" for epoch in SHOWN]
                    lines.append([str(budget), "yes" if guard else "no", str(seed), measure, *cells, spoke])
    print(header() + "\n")
    table([":budget", "guard", ":seed", "accuracy", *(f":{epoch}" for epoch in SHOWN), ":spoke"], lines)


if __name__ == "__main__":
    main()
