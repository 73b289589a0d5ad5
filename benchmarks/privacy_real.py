"""How much networks betray of real and simulated training records, and which training betrays less.

    python benchmarks/privacy_real.py runs                                             # everything, for hours; resumes
    python benchmarks/privacy_real.py runs --data splice --ways "ordinary;early stop" --seeds 1,2
    python benchmarks/privacy_real.py runs --table                                     # only print what is there

Each cell is a ``seqrobust run`` of a shipped config without its attack and with a section ``privacy``, in
``runs/DATA/WAY/seed-N``; one that is finished is kept. Members are the records that were trained on, non-members those
of the test split (of the enzymes two of five folds, for one has too few); relatives are on one side in all of them.
Shadow models are trained as the audited one: by its settings, against its adversary, for as many epochs.

*members*, *others*: share given a probability above 1/2 of the true answer, in per cent: what memorising is, before
anybody attacks. Of each attack the AUC and the true-positive rate in per cent at a false-positive rate of 1 %; *no
model*: AUC by which k-mers tell members from non-members, which should be 0.5. Mean over seeds, with half the 95 %
interval of the mean (Student's t) where there are several; with one seed the attack's own interval of the AUC. The last
table kept is in ``benchmarks/privacy_real.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from attack_measure import header, table
from robust_objectives import cell, run_config

DATA: dict[str, tuple[str, list[str], list[str]]] = {
    "splice": ("splice", [], []),
    "splice-gru": ("splice_gru", [], []),
    "enzymes": ("enzymes", ["data.folds={test: ['3', '4']}"], ["ACT_SITE", "zinc_motif"]),
    "promoter": ("quickstart", ["data.simulate.n=2000"], ["minus35", "minus10"]),
    "gb1": ("gb1", [], []),
    "sigma70": ("sigma70", [], []),
}
"""A shipped config, what is changed of it, and what adversaries of its training leave alone."""

WAYS: dict[str, list[str]] = {
    "ordinary": [],
    "four times as long": ["training.epochs=60", "training.select=last"],
    "early stop": ["training.epochs=60", "training.patience=4", "training.select=loss"],
    "weight decay 0.3": ["training.weight_decay=0.3"],
    "label smoothing 0.2": ["training.label_smoothing=0.2"],
    "dropout 0.7": ["model.dropout=0.7"],
    "adversarial, k = 1": ["training.adversarial={{budget: 1, protect: {protected}}}"],
    "adversarial, k = 3": ["training.adversarial={{budget: 3, protect: {protected}}}"],
    "replay, k = 3": ["training.adversarial={{objective: replay, budget: 3, protect: {protected}}}"],
    "continued, k = 3": [
        "training.adversarial={{objective: continued, budget: 3, clean_share: 0, protect: {protected}}}"
    ],
}
"""What is changed of the training. Defences, and adversaries, which are none (Song, Shokri & Mittal 2019)."""

ATTACKS = ("loss", "shadow_gaussian", "lira_online", "rmia", "label_only_edits")
SHOWN = {
    "loss": "loss",
    "shadow_gaussian": "shadow",
    "lira_online": "LiRA",
    "rmia": "RMIA",
    "label_only_edits": "edits",
}

Options = argparse.Namespace


def ran(data: str, way: str, seed: int, options: Options) -> Path:
    """The folder of a finished run, which is made if need be."""
    config, changes, protected = DATA[data]
    folder: Path = options.folder / data / way.replace(", ", "-").replace(" ", "-").replace("=", "") / f"seed-{seed}"
    if (folder / "metrics.json").exists() or options.table:
        return folder
    audit = f"{{shadows: {options.shadows}, label_only: {str(not options.no_label_only).lower()}}}"
    kept = f"[{', '.join(protected)}]"
    told = [
        *changes,
        *(change.format(protected=kept) for change in WAYS[way]),
        f"seed={seed}",
        "attack=null",
        f"privacy={audit}",
    ]
    print(f"{data}, {way}, seed {seed}", file=sys.stderr, flush=True)
    run_config(config, folder, told)
    return folder


def figures(folder: Path) -> dict[str, Any] | None:
    """What a run found; None where it is not finished."""
    if not (folder / "metrics.json").exists():
        return None
    found = json.loads((folder / "metrics.json").read_text())["privacy"]
    records = pd.read_parquet(folder / "privacy" / "results.parquet")
    right = records["margin"] > 0
    regression = found["task"] == "regression"
    numbers: dict[str, Any] = {
        "members": None if regression else 100 * float(right[records["member"]].mean()),
        "others": None if regression else 100 * float(right[~records["member"]].mean()),
        "no model": found["shift"]["auc"] if found["shift"] else None,
    }
    for name in ATTACKS:
        one = found["attacks"].get(name)
        numbers[f"{name} auc"] = one["auc"] if one else None
        numbers[f"{name} auc_ci"] = one["auc_ci"] if one else None
        rate = one["tpr_at_fpr"]["0.01"] if one else None
        numbers[f"{name} tpr"] = None if rate is None else 100 * rate
    return numbers


def _mean(done: list[dict[str, Any]], name: str, digits: int) -> str:
    values = [one[name] for one in done if one[name] is not None]
    if not values:
        return "–"
    if len(values) == 1 and (ends := done[0].get(f"{name}_ci")):
        return f"{values[0]:.{digits}f} [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"
    return cell(values, digits)


def print_table(data: str, options: Options) -> None:
    """One data set's."""
    lines = []
    for way in options.ways:
        found = [figures(ran(data, way, seed, options)) for seed in options.seeds]
        done = [one for one in found if one is not None]
        if done:
            row = [way, str(len(done)), *(_mean(done, name, 1) for name in ("members", "others"))]
            for name in ATTACKS:
                row += [_mean(done, f"{name} auc", 3), _mean(done, f"{name} tpr", 1)]
            lines.append([*row, _mean(done, "no model", 2)])
    if lines:
        print(f"## {data}\n")
        heads = [part for name in ATTACKS for part in (f":{SHOWN[name]} AUC", ":at 1 %")]
        table(["training", ":seeds", ":members", ":others", *heads, ":no model"], lines)


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=lambda text: text.split(","), default=list(DATA))
    parser.add_argument("--ways", type=lambda text: text.split(";"), default=list(WAYS), help="separated by ;")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--shadows", type=int, default=16)
    parser.add_argument("--no-label-only", action="store_true", help="without attacks by answers alone")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    # Every run is a process of its own, with one thread.
    os.environ["OMP_NUM_THREADS"] = "1"
    for seed in options.seeds:
        for data in options.data:
            for way in options.ways:
                ran(data, way, seed, options)
    print(f"{header()}; {options.shadows} shadow models\n")
    for data in options.data:
        print_table(data, options)


if __name__ == "__main__":
    main()
