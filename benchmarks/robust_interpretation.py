"""Do robust models attribute better, and do they use a planted shortcut less? Over training objectives and seeds.

    python benchmarks/robust_objectives.py runs --data promoter,promoter-600,shortcut --seeds 1,2,3,4,5
    python benchmarks/robust_interpretation.py runs

Reads the networks that ``robust_objectives.py`` trained on the simulated grammar, in ``runs/DATA/WAY/seed-N``: with
3,000 records (``promoter``), with 600 (``promoter-600``), and with a planted shortcut (``shortcut``). What is measured
of one is kept beside it.

*Attribution* (claim: Koo et al. 2019, robust models attribute better): absolute importance of positions against the
planted boxes, which are exactly what a label depends on, within each test record that has boxes; AUROC (chance: .5)
and average precision (chance: the share of positions in boxes, 12 %), mean over records. *difference*: to ordinary
training, seed by seed (same records, same initial weights).

*Shortcut*: training at strength .9 (the word stands in 95 % of the positive records and 5 % of the others), tested on
2,000 fresh records where the word says nothing. *agreeing*, *misleading*: accuracy in per cent on the records where the
word is as in training, and where it is the other way round; *use* is their difference: 0 for a model that does not read
the word, 100 for one that reads nothing else.

Cells: mean over seeds, and half the 95 % interval of that mean (Student's t). The last table kept is in
``benchmarks/robust_interpretation.md``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from attack_measure import header, one_thread, table
from robust_objectives import MODELS, WAYS, cell

from seqrobust.analysis.attribution import AttributionSettings, AttributionSummary, Truth, attribute, explain
from seqrobust.analysis.attribution.methods import methods_named
from seqrobust.attacks.goals import is_right
from seqrobust.models import Predictor
from seqrobust.models.opening import open_predictor
from seqrobust.models.source import ModelSource
from seqrobust.neighbours import NeighbourScores
from seqrobust.run.config import RunConfig
from seqrobust.sequences import encode_targets
from seqrobust.sequences.data_config import load_data
from seqrobust.sequences.simulation import grammar_named, simulate, varied, with_shortcut

METHODS = ("saliency_corrected", "input_x_gradient_corrected", "integrated_gradients", "deeplift", "ism")
BOXES = ("minus35", "minus10")
FRESH, FRESH_SEED = 2000, 4711
Figures = dict[str, float]


def opened(folder: Path) -> tuple[RunConfig, Predictor]:
    """A run's config and its network."""
    config = RunConfig.model_validate(json.loads((folder / "manifest.json").read_text())["config"])
    predictor, _ = open_predictor(
        ModelSource(model=str(folder / "train" / "model.ckpt")), alphabet=None, device="cpu", batch_size=None
    )
    return config, predictor


def attributed(folder: Path) -> Figures:
    """AUROC and average precision of every method, over the test records with boxes."""
    config, predictor = opened(folder)
    sequences, _ = load_data(config.data, config.task, config.seed).in_split("test")
    truth = Truth.of(sequences, BOXES)
    with_boxes = np.flatnonzero(truth.functional.any(1))
    sequences = sequences.take(with_boxes)
    methods, settings = methods_named(METHODS), AttributionSettings()
    summary = AttributionSummary(sequences, methods, Truth.of(sequences, BOXES), None)
    predictor.check(torch.tensor(sequences.tokens[:64]))
    with predictor.attached():
        explained = explain(predictor, predictor.logits(torch.tensor(sequences.tokens)), settings.output)
        service = NeighbourScores(predictor)
        found = {m.name: attribute(predictor, sequences, explained, m, settings, service) for m in methods}
    summary.add(slice(0, len(sequences)), found)
    figures: Figures = {}
    for method in methods:
        metrics = summary.of_method(method)
        figures[f"{method.name} AUROC"] = metrics["region_auroc"]
        figures[f"{method.name} AP"] = metrics["region_aupr"]
    return figures


def led_astray(folder: Path) -> Figures:
    """Accuracy where the planted word is as in training, and where it is not."""
    config, predictor = opened(folder)
    made = config.data.simulate
    assert made is not None
    assert made.length is not None
    grammar = with_shortcut(varied(grammar_named(made.grammar), length=(made.length, made.length)), 0.0)
    sequences = simulate(grammar, FRESH, seed=FRESH_SEED)
    assert sequences.targets is not None
    columns = sequences.targets.columns[:1]
    targets = encode_targets(sequences.targets[columns], config.task, predictor.labels)
    word = sequences.regions.cover(["shortcut"], sequences.tokens.shape).any(1)
    agreeing = word == (sequences.targets["positive"].to_numpy() == 1)
    predictor.check(torch.tensor(sequences.tokens[:64]))
    with predictor.attached():
        right = is_right(config.task, predictor.logits(torch.tensor(sequences.tokens)), torch.tensor(targets.values))
    shares = [100 * float(right.numpy()[chosen].mean()) for chosen in (agreeing, ~agreeing)]
    return {"agreeing": shares[0], "misleading": shares[1], "use": shares[0] - shares[1]}


def known(folder: Path, name: str, measure: Callable[[Path], Figures]) -> Figures | None:
    """What was measured of a run, or is now; None where there is no such run."""
    kept = folder / f"{name}.json"
    if not (folder / "metrics.json").exists():
        return None
    if not kept.exists():
        print(folder, file=sys.stderr, flush=True)
        kept.write_text(json.dumps(measure(folder)))
    figures: Figures = json.loads(kept.read_text())
    return figures


def of_ways(
    folder: Path, name: str, measure: Callable[[Path], Figures], seeds: list[int]
) -> dict[str, dict[int, Figures]]:
    """By way and seed."""
    ways = {way: folder / way.replace(", ", "-").replace(" ", "-") for way in (*WAYS, *MODELS)}
    found = {
        way: {seed: one for seed in seeds if (one := known(path / f"seed-{seed}", name, measure)) is not None}
        for way, path in ways.items()
    }
    return {way: by_seed for way, by_seed in found.items() if by_seed}


def print_attributions(found: dict[str, dict[int, Figures]]) -> None:
    """A row for each way and method."""
    lines = []
    for way, by_seed in found.items():
        common = sorted(set(by_seed) & set(found.get("ordinary", {})))
        for method in METHODS:
            cells = []
            for score in ("AUROC", "AP"):
                key = f"{method} {score}"
                cells.append(cell([one[key] for one in by_seed.values()], 3))
                differences = [by_seed[seed][key] - found["ordinary"][seed][key] for seed in common]
                cells.append("" if way == "ordinary" or not common else cell(differences, 3))
            lines.append([way, method, str(len(by_seed)), *cells])
    table(["objective", "method", ":seeds", ":AUROC", ":difference", ":AP", ":difference"], lines)


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="of the runs of robust_objectives.py")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 3, 4, 5])
    options = parser.parse_args()
    one_thread()
    print(header())
    for data in ("promoter", "promoter-600", "shortcut"):
        if found := of_ways(options.folder / data, "attributed", attributed, options.seeds):
            print(f"\n## Attribution, {data}\n")
            print_attributions(found)
    print("\n## Shortcut\n")
    lines = []
    for way, by_seed in of_ways(options.folder / "shortcut", "astray", led_astray, options.seeds).items():
        cells = [cell([one[key] for one in by_seed.values()], 1) for key in ("agreeing", "misleading", "use")]
        lines.append([way, str(len(by_seed)), *cells, f"{statistics.median(o['use'] for o in by_seed.values()):.1f}"])
    table(["objective", ":seeds", ":agreeing", ":misleading", ":use", ":median use"], lines)


if __name__ == "__main__":
    main()
