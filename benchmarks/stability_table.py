r"""How far explanations can be moved: five attribution methods, three ways of training, three data sets.

    python benchmarks/robust_objectives.py runs --data splice,promoter,enzymes --seeds 1 \
        --ways "ordinary;adversarial;lipschitz-4"
    python benchmarks/stability_table.py runs            # resumes
    python benchmarks/stability_table.py runs --table    # only print what is there

Reads the networks of ``robust_objectives.py`` in ``runs/DATA/WAY/seed-1`` and asks ``seqrobust stability`` of each,
about test records it reads correctly, the regions of the config's attack protected. *ordinary*, *adversarial* (one-
step training at k = 3 on half of each batch) and *lipschitz-4*, a network of 1-Lipschitz layers whose bound certifies
every record's margin (certificates of substitutions follow from it; see docs/method.md).

*truth*: AUROC of the clean explanation against the annotated regions, 0.5 by chance. *random*: share of random
sequences of k edits, the prediction kept, whose explanation correlates below 0.5 with the clean one. *change*, *keep*:
share of records whose explanation is moved so far while the prediction stays, and whose prediction is flipped while
the explanation correlates at 0.8 or more, by the attack. *weights*: rank correlation with the explanation of a network
with random weights, 0 if the explanation depends on them. All in per cent but for *truth* and *weights*. DeepLIFT and
ISM are not attacked themselves: what stands there are the edits found against the corrected input times gradient, a
lower bound.
The last table kept is in ``benchmarks/stability_table.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from attack_measure import header, table

from seqrobust.run.config import RunConfig
from seqrobust.sequences.data_config import load_data
from seqrobust.sequences.writing import write_sequences

DATA = {
    "splice": ["donor_consensus", "acceptor_consensus"],
    "promoter": ["minus35", "minus10"],
    "enzymes": ["ACT_SITE", "zinc_motif"],
}
"""And the regions that explanations are compared with."""
WAYS = ("ordinary", "adversarial", "lipschitz-4")
METHODS = ("saliency_corrected", "input_x_gradient_corrected", "integrated_gradients", "deeplift", "ism")
BUDGET = 3

Options = argparse.Namespace


def asked(data: str, way: str, options: Options) -> Path | None:
    """The folder of ``stability`` and that of ``attribute`` within it; None where there is no such network."""
    run: Path = options.folder / data / way / "seed-1"
    if not (run / "metrics.json").exists():
        return None
    place: Path = options.folder / "stability" / data / way
    records = place / "records.tsv.gz"
    told = json.loads((run / "manifest.json").read_text())["config"]
    # Runs of an early version say more than a config may.
    told.pop("teacher_sha256", None)
    config = RunConfig.model_validate(told)
    assert config.attack is not None
    if not records.exists():
        place.mkdir(parents=True, exist_ok=True)
        write_sequences(load_data(config.data, config.task, config.seed).in_split(config.attack.split)[0], records)
    column = str(config.data.target) if config.data.target else "label"
    common = ["--model", str(run / "train" / "model.ckpt"), "--data", str(records), "--target-column", column]
    common += ["--max-records", str(options.records), "--methods", ",".join(METHODS), "--no-picture"]
    protect = [part for name in config.attack.protect for part in ("--protect", name)]
    regions = ",".join(DATA[data])
    _call("attribute", [*common, "--regions", regions], place / "attribute", options)
    study = [*common, *protect, "--functional", regions, "--budget", str(BUDGET)]
    _call("stability", study, place / "stability", options)
    return place


def _call(name: str, arguments: list[str], out: Path, options: Options) -> None:
    manifest = out / "manifest.json"
    if manifest.exists() and json.loads(manifest.read_text())["status"] == "finished":
        return
    if options.table:
        return
    command = [sys.executable, "-m", "seqrobust_cli.main", name, *arguments, "--out", str(out)]
    command += ["--resume"] if manifest.exists() else []
    print(" ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        print("failed", file=sys.stderr)


def row(place: Path, method: str) -> list[str] | None:
    """Cells of one method; None where it was not asked."""
    try:
        truth, study = (json.loads((place / name / "metrics.json").read_text()) for name in ("attribute", "stability"))
    except FileNotFoundError:
        return None
    found = study["methods"].get(method)
    if found is None:
        return None
    sanity = study["sanity"].get(method) or {}
    goals = [found.get(goal) or {} for goal in ("random", "change", "keep")]
    return [
        _cell(truth["methods"].get(method, {}).get("region_auroc"), 2),
        *(_cell(goal.get("success_rate"), 0, 100) for goal in goals),
        str(goals[1].get("n", "")),
        _cell(_last(sanity.get("all_at_once")), 2),
    ]


def _last(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("spearman", value.get("mean"))
    return value[-1] if isinstance(value, list) and value else value


def _cell(value: Any, digits: int, times: float = 1.0) -> str:
    return "" if value is None else f"{times * float(value):.{digits}f}"


def main() -> None:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="of the runs of robust_objectives.py")
    parser.add_argument("--records", type=int, default=40, help="test records asked about")
    parser.add_argument("--data", type=lambda text: text.split(","), default=list(DATA))
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    lines = []
    for data in options.data:
        for way in WAYS:
            place = asked(data, way, options)
            for method in METHODS:
                cells = None if place is None else row(place, method)
                if cells is not None:
                    lines.append([data, way, method, *cells])
    print(f"{header()}\n\nk = {BUDGET}, {options.records} test records\n")
    table(["data", "training", "method", ":truth", ":random", ":change", ":keep", ":records", ":weights"], lines)


if __name__ == "__main__":
    main()
