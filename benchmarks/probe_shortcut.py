"""Whether a probe finds a shortcut that was planted, the more of it the stronger it is, and none where there is none.

    python benchmarks/probe_shortcut.py runs                                 # trains 20 small models; resumes
    python benchmarks/probe_shortcut.py runs --strengths 0,0.9 --seeds 1,2
    python benchmarks/probe_shortcut.py runs --table                         # only print what is there

A word without function tells the class of simulated promoters with strength s (present in a share (1 + s) / 2 of the
promoters and (1 - s) / 2 of all others). Each model is trained on 3,000 records by the quickstart config and probed on
200 new ones with a word of the same strength; functional are the boxes. *reliance* is the mean over seeds, *p* of its
placement null the smallest of all seeds; *told* is what exchanged backgrounds say: by how many logits the margin is
higher on a background of the same class, and in how many seeds that is significant at 5 %. At s = 0 nothing is to be
found. *as many*: flips at as many positions outside as are functional. *word*: in how many seeds the surest word,
written or destroyed, of those that do not belong to the boxes, is a stretch of the planted one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import torch
from attack_measure import table

from seqrobust.analysis.asked import ModelOnData
from seqrobust.analysis.probe import PROBE, ProbeSettings, is_functional
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.run.answer import answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_source import DataSource
from seqrobust.sequences.simulation import INNOCUOUS

EPOCHS, RECORDS, BUDGET = 12, 200, 3

Options = argparse.Namespace


def called(*arguments: object) -> None:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "seqrobust_cli.main", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def probed(strength: float, seed: int, options: Options) -> dict[str, Any] | None:
    """Metrics of one model's probe, which is trained and probed if need be; None where only the table is wanted."""
    folder: Path = options.folder / f"{strength:.1f}" / f"seed-{seed}"
    out = folder / "probe"
    if not (out / "metrics.json").exists():
        if options.table:
            return None
        records = options.folder / f"records-{strength:.1f}.tsv"
        if not records.exists():
            simulated = ("promoter", "--n", RECORDS, "--length", 100, "--shortcut", strength, "--seed", 1000)
            called("data", "simulate", *simulated, "--fractions", "0,0,1", "--out", records)
        if not (folder / "model.ckpt").exists():
            changes = (f"data.simulate.shortcut={strength}", f"seed={seed}", f"training.epochs={EPOCHS}")
            called("train", "quickstart", *(part for one in changes for part in ("--set", one)), "--out", folder)
        print(f"strength {strength}, seed {seed}", file=sys.stderr, flush=True)
        asked = ModelOnData(model=ModelSource(model=str(folder / "model.ckpt")), data=DataSource(path=records))
        settings = ProbeSettings(budget=f"1..{BUDGET}", attacks=("quick",), functional=("minus35", "minus10"))
        where = RunSettings(out=out, seed=seed, device="cpu", resume=out.exists(), report=False)
        answer(PROBE, asked, settings, where, Silent())
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


def line(strength: float, found: list[dict[str, Any]]) -> list[str]:
    """One strength's row."""
    mean = statistics.mean
    rates = [one["flip_rates"] for one in found]
    scores = [one["reliance"]["score"] for one in found]
    words = [next((kmer["word"] for kmer in one["scan"]["words"] if not is_functional(kmer)), "") for one in found]
    hits = sum(bool(word) and word in INNOCUOUS["DNA"] for word in words)
    significant = sum(one["exchange"]["p_value"] <= 0.05 for one in found)
    return [
        f"{strength:.1f}",
        f"{100 * mean(one['clean_accuracy'] for one in found):.0f}",
        *(f"{100 * mean(rate[name] for rate in rates):.0f}" for name in ("nonfunctional", "random")),
        *(f"{100 * mean(rate['paired'][name] for rate in rates):.0f}" for name in ("matched", "functional")),
        f"{mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})",
        f"{mean(one['reliance']['relative'] for one in found):.2f}",
        f"{min(one['reliance']['p_value'] for one in found):.2f}",
        f"{mean(one['exchange']['gap'] for one in found):+.2f}",
        f"{significant} of {len(found)}",
        f"{hits} of {len(found)}",
        max(set(words), key=words.count) or "none",
    ]


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--strengths", type=lambda text: [float(part) for part in text.split(",")], default=[0, 0.3, 0.6, 0.9]
    )
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3, 4, 5])
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for strength in options.strengths:
        found = [one for seed in options.seeds if (one := probed(strength, seed, options)) is not None]
        if found:
            rows.append(line(strength, found))
    where = f"{platform.machine()}, 1 thread of {os.cpu_count()} cores"
    print(f"{date.today()}, {where}, Python {platform.python_version()}, torch {torch.__version__}\n")
    columns = [
        "clean %",
        "outside %",
        "random %",
        "as many %",
        "inside %",
        "reliance",
        "relative",
        "least p",
        "told",
        "p < .05",
    ]
    table(["strength", *(f":{name}" for name in columns), ":word", "surest word"], rows)


if __name__ == "__main__":
    main()
