"""The leak that a split by sequence hides: proteins in families, audited with relatives on both sides, and without.

    python benchmarks/privacy_families.py runs                        # some minutes a seed on one core; resumes
    python benchmarks/privacy_families.py runs --seeds 1 --table      # only print what is there

Families are simulated: a random ancestor each, whose members differ from it at 5 to 10 % of their letters, and beside
them *singles*, families of one. Half of the ancestors carry a motif, which stays as it is. The label says whether there
is one, but is flipped for whole families at random: a network that is to be right about those must know them by heart.
The same records are split twice: *sequence* deals the sequences of every family out to members and non-members,
*family* whole families; singles are dealt out alike. A network is trained on the members of either split by ``seqrobust
train``, and audited by ``seqrobust privacy`` with shadow models, at two identities above which records count as near
copies (two sequences of one family share 81 to 90 % of their letters).

*right* is the accuracy in per cent; *near* how many non-members the audit calls near copies of members; *shift* the
area of telling the sides apart without the network; *without* the area with near copies left out of the non-members;
*families* and *singles* that among these records alone. Areas and shares in per cent, mean and range of the seeds. The
last tables kept are in ``benchmarks/privacy_families.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attack_measure import header, one_thread, table
from numpy.typing import NDArray

from seqrobust.alphabet import PROTEIN
from seqrobust.analysis.membership import auc
from seqrobust.analysis.privacy.settings import THRESHOLDS, WITH_SHADOWS

Options = argparse.Namespace

MOTIF = "HEWGHKC"
CHANGED = (0.05, 0.10)
"""Share of letters in which a sequence differs from its ancestor, at least and at most."""
SPLITS = ("sequence", "family")
IDENTITIES = (0.9, 0.8)
_RATE = "0.01"


# Records


def families(options: Options, seed: int) -> pd.DataFrame:
    """A row per sequence: id, sequence, label, family, whether it is a single, and a split of either kind.

    Every family has one sequence more, for validation.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(options.families + options.singles):
        size = options.size if number < options.families else 1
        # In turn, so that families with and without the motif are as many, and of either as many on either side.
        carries, outside = number % 2 == 0, number // 2 % 2 == 0
        label = "yes" if carries != bool(rng.random() < options.noise) else "no"
        dealt = rng.permutation(size) % 2 == 0 if size > 1 else [outside]
        texts = _relatives(rng, options.length, size + (size > 1), carries)
        for place, text in enumerate(texts):
            valid = place == size
            told = {"id": f"f{number}_{place}", "sequence": text, "label": label, "family": f"f{number}"}
            by_sequence = "valid" if valid else "train" if dealt[place] else "test"
            by_family = "valid" if valid else "train" if outside else "test"
            rows.append(told | {"single": size == 1, "sequence_split": by_sequence, "family_split": by_family})
    made: pd.DataFrame = pd.DataFrame(rows)
    return made


def _relatives(rng: np.random.Generator, length: int, count: int, carries: bool) -> list[str]:
    """Sequences of one ancestor."""
    letters = np.array(list(PROTEIN.letters))
    ancestor = rng.integers(0, len(letters), length)
    fixed = np.zeros(length, bool)
    if carries:
        start = int(rng.integers(0, length - len(MOTIF)))
        ancestor[start : start + len(MOTIF)] = [PROTEIN.letters.index(letter) for letter in MOTIF]
        fixed[start : start + len(MOTIF)] = True
    made = []
    for _ in range(count):
        changed = (rng.random(length) < rng.uniform(*CHANGED)) & ~fixed
        others = (ancestor + rng.integers(1, len(letters), length)) % len(letters)
        made.append("".join(letters[np.where(changed, others, ancestor)]))
    return made


# Runs


def ran(options: Options, seed: int, split: str) -> dict[float, Path]:
    """Folders of the audits by identity, which are made if need be."""
    place = options.folder / f"seed-{seed}"
    model = place / split / "model"
    audits = {identity: place / split / f"privacy-{identity:g}" for identity in IDENTITIES}
    if options.table:
        return audits
    data = place / "families.tsv"
    if not data.exists():
        place.mkdir(parents=True, exist_ok=True)
        families(options, seed).to_csv(data, sep="\t", index=False)
    if not (model / "model.ckpt").exists():
        config = place / f"{split}.yaml"
        # YAML reads JSON.
        config.write_text(json.dumps(_config(options, data, split)))
        _command("train", str(config), "--set", f"seed={seed}", "--out", str(model), "--overwrite")
    for identity, folder in audits.items():
        if not (folder / "metrics.json").exists():
            told = ["--model", str(model / "model.ckpt"), "--data", str(data), "--split-column", f"{split}_split"]
            told += ["--shadows", str(options.shadows), "--identity", f"{identity:g}", "--no-picture"]
            told += ["--attacks", ",".join((*THRESHOLDS, *WITH_SHADOWS, "label_only"))]
            _command("privacy", *told, "--seed", str(seed), "--out", str(folder), "--overwrite")
    return audits


def _config(options: Options, data: Path, split: str) -> dict[str, Any]:
    return {
        "name": f"families-{split}",
        "task": "binary",
        "data": {
            "path": str(data.resolve()),
            "alphabet": PROTEIN.name,
            "target": "label",
            "labels": ["no", "yes"],
            "split": f"{split}_split",
        },
        "model": {"architecture": "cnn", "channels": 32, "blocks": 2, "first_kernel": 9, "kernel": 5, "pool": 4},
        "training": {"epochs": options.epochs, "batch_size": 32, "learning_rate": 0.003, "select": "last"},
    }


def _command(*told: str) -> None:
    command = [sys.executable, "-m", "seqrobust_cli.main", *told]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


# Numbers


def figures(folder: Path, data: Path) -> tuple[dict[str, float], dict[str, dict[str, float]]] | None:
    """What an audit found, of the whole and of every attack; None where it is not there."""
    if not (folder / "metrics.json").exists():
        return None
    metrics = json.loads((folder / "metrics.json").read_text())
    records = pd.read_parquet(folder / "results.parquet")
    single = records["id"].map(pd.read_csv(data, sep="\t").set_index("id")["single"]).to_numpy(bool)
    members = records["member"].to_numpy(bool)
    right = records["margin"].to_numpy() > 0
    copies = metrics["copies"]
    whole = {
        "right, members": 100 * right[members].mean(),
        "right, non-members": 100 * right[~members].mean(),
        "near": sum(copies[kind] for kind in ("exact", "other_strand", "near")),
        "non-members": metrics["n_nonmembers"],
        "shift": 100 * metrics["shift"]["auc"],
    }
    attacks = {}
    for name, one in metrics["attacks"].items():
        scores = records[name].to_numpy(np.float64)
        attacks[name] = {
            "AUC": 100 * one["auc"],
            "without": 100 * one["without_copies"]["auc"] if one["without_copies"] else float("nan"),
            "families": _area(scores, members, ~single),
            "singles": _area(scores, members, single),
            "found at 1 %": 100 * one["tpr_at_fpr"][_RATE],
        }
    return whole, attacks


def _area(scores: NDArray[np.float64], members: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> float:
    held, others = scores[members & chosen], scores[~members & chosen]
    return 100 * auc(held, others).auc if len(held) and len(others) else float("nan")


def print_tables(options: Options) -> None:
    """Of what is there."""
    whole: dict[tuple[str, float], list[dict[str, float]]] = {}
    attacks: dict[tuple[str, float], list[dict[str, dict[str, float]]]] = {}
    for split in SPLITS:
        for seed in options.seeds:
            for identity, folder in ran(options, seed, split).items():
                found = figures(folder, options.folder / f"seed-{seed}" / "families.tsv")
                if found is not None:
                    whole.setdefault((split, identity), []).append(found[0])
                    attacks.setdefault((split, identity), []).append(found[1])
    heads = list(next(iter(whole.values()))[0])
    lines = [
        [split, f"{identity:g}", str(len(rows)), *(_cell([row[name] for row in rows]) for name in heads)]
        for (split, identity), rows in whole.items()
    ]
    table(["split", ":identity", ":seeds", *(f":{name}" for name in heads)], lines)
    for (split, identity), seeds in attacks.items():
        print(f"## Split by {split}, near copies from {100 * identity:g} % identity on\n")
        names = list(next(iter(seeds[0].values())))
        lines = [[attack, *(_cell([one[attack][name] for one in seeds]) for name in names)] for attack in seeds[0]]
        table(["attack", *(f":{name}" for name in names)], lines)


def _cell(values: Sequence[float]) -> str:
    kept = [value for value in values if not np.isnan(value)]
    if not kept:
        return "-"
    low, high = min(kept), max(kept)
    return f"{np.mean(kept):.1f}" + (f" ({low:.1f} to {high:.1f})" if high > low else "")


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--families", type=int, default=60)
    parser.add_argument("--size", type=int, default=20, help="sequences of a family")
    parser.add_argument("--singles", type=int, default=240, help="families of one sequence")
    parser.add_argument("--length", type=int, default=80, help="residues")
    parser.add_argument("--noise", type=float, default=0.25, help="share of families whose label is flipped")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--shadows", type=int, default=8)
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    one_thread()
    os.environ["OMP_NUM_THREADS"] = "1"
    print(header() + "\n", flush=True)
    print(
        f"{options.families} families of {options.size}, {options.singles} singles; {options.length} residues, ", end=""
    )
    print(
        f"labels of {100 * options.noise:g} % of the families flipped, {options.shadows} shadow models.\n", flush=True
    )
    print_tables(options)


if __name__ == "__main__":
    main()
