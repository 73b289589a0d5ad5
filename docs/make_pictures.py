"""Make the README's picture from a finished run: python docs/make_pictures.py runs/quickstart docs/overview.png"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from seqrobust.analysis.outcomes import answer, example_edits, overview_picture, save_picture
from seqrobust.run.config import RunConfig
from seqrobust.sequences.data_config import load_data


def main(run: Path, out: Path) -> None:
    """Draw budget curve and one example of the attack in a run folder."""
    manifest = json.loads((run / "manifest.json").read_text())
    config = RunConfig.model_validate(manifest["config"])
    if config.attack is None:
        raise SystemExit("the run has no attack")
    data = load_data(config.data, config.task, config.seed)
    sequences, _ = data.in_split(config.attack.split)
    results = pd.read_parquet(run / "results.parquet")
    metrics = json.loads((run / "attack" / "metrics.json").read_text())
    protect = config.attack.protect
    examples = example_edits(results, sequences, protect=protect)
    chosen = next((example for example in examples if "promoter" in str(example)), examples[0])
    save_picture(overview_picture(metrics, chosen, answer(metrics, protect=protect)[0]), out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
