"""Which choices make a splice network stand: exact robust accuracy of training recipes, by enumeration.

    python benchmarks/robust_recipe.py runs                                   # everything; resumes
    python benchmarks/robust_recipe.py runs --ways "recipe;ordinary" --seeds 1,2,3
    python benchmarks/robust_recipe.py runs --table                           # only print what is there

Each row is ``seqrobust train`` of a shipped config with some settings changed, in ``runs/WAY/seed-N``; one that is
finished is kept, and so is what was found of it (``exact.json``, beside its seconds an epoch). The threat is every
substitution anywhere, unless the row says what is protected, in training and in the attack. *clean*, *k = 1*, *k = 2*:
accuracy on the test split in per cent, at k under the worst of all sequences at most k substitutions away: the preset
``standard`` first, which breaks most of what can be broken, then every single edit and every pair. Mean over seeds, and
the standard deviation between them; a seed decides the weights, the order of records and which of them are set aside
for validation. *s/epoch* as the runs were timed, on whatever the machine did beside them. The last table kept is in
``benchmarks/robust_recipe.md``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from attack_measure import header, one_thread, pieces, table

from seqrobust.allocation import keep_freed_memory
from seqrobust.attacks import Problem, Untargeted, attacks_named, run_shard
from seqrobust.attacks.goals import is_right
from seqrobust.models.opening import open_predictor
from seqrobust.models.source import ModelSource
from seqrobust.neighbours import NeighbourScores
from seqrobust.run.config import RunConfig
from seqrobust.sequences.data_config import load_data
from seqrobust.threats import Budget, SubstitutionThreat

KS = (1, 2)
PROTECTED = ("donor_GT", "acceptor_AG")
PROTECT = f"[{', '.join(PROTECTED)}]"
_ADVERSARY = "training.adversarial"
_THREE_STEPS = {f"{_ADVERSARY}": "{objective: adversarial, budget: 2, steps: 3, clean_share: 0}"}
_GRU = {"model": "{architecture: gru, head: flatten, hidden: 32, readout_hidden: 0, dropout: 0.5}"}
_CONTINUED = {
    f"{_ADVERSARY}": "{objective: continued, budget: 2, least_share: 0.5, clean_share: 0}",
    "training.epochs": "30",
}

Way = tuple[str, Mapping[str, str]]
WAYS: dict[str, Way] = {
    "ordinary": ("splice", {}),
    "ordinary, 25 epochs": ("splice_exact", {_ADVERSARY: "null"}),
    "splice_robust": ("splice_robust", {f"{_ADVERSARY}.protect": "[]"}),
    "three steps, deep": ("splice", {"training.epochs": "40", **_THREE_STEPS}),
    "three steps": ("splice_exact", _THREE_STEPS),
    "hinge, deep": ("splice_exact", {"model": "{architecture: cnn, head: flatten, first_kernel: 11}"}),
    "hinge 1": ("splice_exact", {f"{_ADVERSARY}.budget": "1", f"{_ADVERSARY}.least_share": "1"}),
    "hinge 2": ("splice_exact", {f"{_ADVERSARY}.least_share": "1"}),
    "hinge 0..2": ("splice_exact", {f"{_ADVERSARY}.least_share": "0"}),
    "recipe": ("splice_exact", {}),
    "recipe, 2 % set aside": ("splice_exact", {"data.valid_fraction": "0.02"}),
    "recipe, GRU": ("splice_exact", {**_GRU, **_CONTINUED}),
    "hinge, GRU": ("splice_exact", _GRU),
    "continued": ("splice_exact", _CONTINUED),
    "ordinary, GRU": ("splice_gru", {}),
    "ordinary, protected": ("splice", {"attack.protect": PROTECT}),
    "recipe, protected": ("splice_exact", {f"{_ADVERSARY}.protect": PROTECT, "attack.protect": PROTECT}),
}
"""A shipped config and what is changed of it."""

Options = argparse.Namespace


def trained(way: str, seed: int, folder: Path) -> bool:
    """Train where that is not done yet; whether it went well."""
    if (folder / "model.ckpt").exists():
        return True
    config, changes = WAYS[way]
    command = [sys.executable, "-m", "seqrobust_cli.main", "train", config, "--out", str(folder)]
    for key, value in {"seed": str(seed), **changes}.items():
        command += ["--set", f"{key}={value}"]
    if folder.exists():
        command.append("--resume")
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        print(f"failed: {' '.join(command)}", file=sys.stderr)
    return not done.returncode


def measured(way: str, folder: Path) -> dict[str, float]:
    """Accuracy in per cent, clean and exact at every k, and seconds an epoch."""
    manifest = json.loads((folder / "manifest.json").read_text())["config"]
    # A run's config in its manifest says more than a config may.
    manifest.pop("teacher_sha256", None)
    config = RunConfig.model_validate(manifest)
    sequences, targets = load_data(config.data, config.task, config.seed).in_split("test")
    source = ModelSource(model=str(folder / "model.ckpt"))
    predictor, _ = open_predictor(source, alphabet=None, device="cpu", batch_size=None)
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=SubstitutionThreat(budget=Budget(max(KS)), protect=PROTECTED if "protected" in way else ()),
        budgets=tuple(Budget(k) for k in KS),
        goal=Untargeted(),
        seed=0,
        control_draws=1,
    )
    search, scores = attacks_named(["standard", "exhaustive"]), NeighbourScores(predictor)
    standing = np.zeros(1 + len(KS))
    with predictor.attached():
        clean = predictor.logits(torch.tensor(sequences.tokens))
        standing[0] = int(is_right(config.task, clean, torch.tensor(targets.values)).sum())
        for piece in pieces(range(len(sequences))):
            run = run_shard(problem, search, np.asarray(piece), scores=scores)
            for number in range(len(KS)):
                right = is_right(config.task, run.logits[:, number], torch.as_tensor(run.targets))
                standing[1 + number] += int(right.sum())
    names = ["clean", *(f"k = {k}" for k in KS)]
    found = {name: 100 * float(count) / len(sequences) for name, count in zip(names, standing, strict=True)}
    metrics = json.loads((folder / "metrics.json").read_text())
    return found | {"s/epoch": float(metrics["seconds_per_epoch"])}


def figures(way: str, seed: int, options: Options) -> dict[str, float] | None:
    """What is known of a run, which is made if need be; None where there is nothing."""
    folder: Path = options.folder / way.replace(", ", "_").replace(" ", "_") / f"seed-{seed}"
    kept = folder / "exact.json"
    if not kept.exists():
        if options.table or not trained(way, seed, folder):
            return None
        found = measured(way, folder)
        kept.write_text(json.dumps(found))
        print(f"{way}, seed {seed}: {found}", file=sys.stderr, flush=True)
    known: dict[str, float] = json.loads(kept.read_text())
    return known


def cell(values: list[float], digits: int = 1) -> str:
    """Mean, and the standard deviation where there are several."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="of training runs")
    parser.add_argument("--ways", type=lambda text: text.split(";"), default=list(WAYS), help="separated by ;")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3])
    parser.add_argument("--table", action="store_true", help="only print what is there")
    options = parser.parse_args()
    one_thread()
    keep_freed_memory()
    lines = []
    for way in options.ways:
        known = [found for seed in options.seeds if (found := figures(way, seed, options)) is not None]
        if known:
            columns = ["clean", *(f"k = {k}" for k in KS)]
            cells = [cell([one[name] for one in known]) for name in columns]
            lines.append([way, str(len(known)), *cells, cell([one["s/epoch"] for one in known], 2)])
    print(header() + "\n")
    table(["way", ":seeds", ":clean", *(f":k = {k}" for k in KS), ":s/epoch"], lines)


if __name__ == "__main__":
    main()
