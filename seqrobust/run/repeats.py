"""One config, several seeds: the whole pipeline once for each, and every figure as a mean with its interval.

A single run says what one draw of weights, of the order of records and, where the data fix none, of splits came to;
robust accuracy in particular varies between seeds by more than the intervals of a single run show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from seqrobust.analysis.outcomes import ReportInput, write_report
from seqrobust.errors import ConfigError
from seqrobust.files import replacing
from seqrobust.progress import Progress, Silent
from seqrobust.run.attacking import check_attack
from seqrobust.run.config import RunConfig
from seqrobust.run.folder import Claim, RunFolder, held
from seqrobust.run.manifest import decisive_marks, described
from seqrobust.run.over_seeds import CONFIDENCE, Figure, figures
from seqrobust.run.pipeline import RunCommand, decisive, inputs_of, prepared_data, run_pipeline
from seqrobust.run.questions import check_questions
from seqrobust.run.seeds_sections import seeds_sections
from seqrobust.run.train import training_settings


@dataclass(frozen=True, kw_only=True, eq=False)
class Repeats:
    """What came of several seeds.

    Attributes:
        seeds: in the order of the config.
        figures: each with a value per seed.
        attacks: ``metrics.json`` of each seed's attack; empty where there was none.
    """

    seeds: tuple[int, ...]
    figures: tuple[Figure, ...]
    attacks: tuple[Mapping[str, Any], ...]

    @property
    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` holds."""
        return {
            "seeds": list(self.seeds),
            "confidence": CONFIDENCE,
            "interval": "Student's t over seeds",
            "figures": [
                {**asdict(figure), **asdict(figure.estimate), "values": list(figure.values)} for figure in self.figures
            ],
        }

    @property
    def table(self) -> pd.DataFrame:
        """What ``summary.csv`` holds: a row per figure."""
        rows = [
            {
                "stage": figure.stage,
                "figure": figure.name,
                "budget": figure.budget,
                **asdict(figure.estimate),
                **{f"seed_{seed}": value for seed, value in zip(self.seeds, figure.values, strict=True)},
            }
            for figure in self.figures
        ]
        table: pd.DataFrame = pd.DataFrame(rows)
        return table


class OneOf:
    """Progress of one seed (or trial) among several: every stage is said with its name."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name

    def start(self, stage: str, total: float) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.start(f"{self._name}: {stage}", total)

    def advance(self, done: float, text: str = "") -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.advance(done, text)

    def say(self, text: str) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.say(f"{self._name}: {text}")


def run_repeats(config: RunConfig, call: RunCommand, progress: Progress) -> Repeats:
    """Run the pipeline once for each of the config's seeds, in ``seed-1``, ``seed-2`` ... of the folder.

    Each of these is a folder of :func:`~seqrobust.run.pipeline.run_pipeline`; beside them stand ``summary.json``,
    ``summary.csv``, ``manifest.json`` and ``report.html``. On resume finished seeds are read back, an interrupted one
    goes on, and seeds that the config names in addition are run.

    Raises InputError as a single run does, and ConfigError where training asks for several processes.
    """
    assert config.seeds
    seeds = config.seeds
    places = {seed: call.out / f"seed-{seed}" for seed in seeds}
    finished = {seed: finished_metrics(config.with_seed(seed), places[seed]) if call.resume else None for seed in seeds}
    waiting = [seed for seed in seeds if finished[seed] is None]
    if waiting:
        _check(config.with_seed(waiting[0]))
    with held(call.out, _claim(config, call, progress)) as folder:
        return _one_after_another(config, call, finished, folder, progress)


def _one_after_another(
    config: RunConfig,
    call: RunCommand,
    finished: Mapping[int, dict[str, Any] | None],
    folder: RunFolder,
    progress: Progress,
) -> Repeats:
    places = {seed: call.out / f"seed-{seed}" for seed in finished}
    seeds = tuple(finished)
    for number, seed in enumerate(seeds, 1):
        called = f"seed {seed} ({number} of {len(seeds)})"
        if finished[seed] is not None:
            progress.say(f"{called} is finished already")
            continue
        run_pipeline(config.with_seed(seed), replace(call, out=places[seed]), OneOf(progress, called))
    repeats = _gathered(seeds, [places[seed] for seed in seeds])
    _write(config, repeats, folder)
    return repeats


def finished_metrics(config: RunConfig, place: Path) -> dict[str, Any] | None:
    """``metrics.json`` of a finished run of just this config and these files; None where there is none."""
    try:
        manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
        metrics: dict[str, Any] = json.loads((place / "metrics.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    marks = decisive_marks(decisive(config, stage="run"), described(inputs_of(config)))
    whole = manifest.get("status") == "finished" and (place / "report.html").exists()
    # One that the config has since come to ask leaves the run unfinished.
    whole = whole and all(name in metrics for name in config.questions)
    return metrics if whole and manifest.get("fingerprint") == marks else None


def _check(config: RunConfig) -> None:
    """Raise what the first run would raise, before anything is written."""
    check_one_process(config, "repeats over seeds")
    data = prepared_data(config, Silent())
    if config.attack is not None:
        check_attack(config, config.attack, data)
    check_questions(config.questions, data)


def check_one_process(config: RunConfig, what: str) -> None:
    """Raise ConfigError where training would start other processes: Lightning has them call the same command from its
    beginning, once for every training, and they would meet the first one again when this process is at the second.
    """
    settings, _ = training_settings(config)
    devices = str(settings.devices)
    alone = devices == "1" or (devices.endswith(",") and devices.count(",") == 1)
    if devices in ("auto", "-1"):
        alone = settings.accelerator == "cpu" or torch.cuda.device_count() < 2
    if not alone or settings.num_nodes > 1:
        raise ConfigError(
            f"{what} train one model after another in one process",
            expected="devices: 1, num_nodes: 1",
            found=f"devices: {settings.devices}, num_nodes: {settings.num_nodes}",
            where="training.devices",
            fix="train on one device, or run every seed by itself with --set seeds=null --set seed=1 --out OUT/seed-1, "
            "and then all of them with --resume, which takes finished seeds as they are",
        )


def _claim(config: RunConfig, call: RunCommand, progress: Progress) -> Claim:
    decides = decisive(config, stage="run")
    # Which seeds there are decides no run's results; more of them may be asked for later.
    for name in ("seed", "seeds"):
        decides.pop(name)
    return Claim(
        kind="seeds",
        command=call.command,
        config=config.model_dump(mode="json"),
        inputs=inputs_of(config),
        fingerprint={**decides, "over": "seeds"},
        outputs=("seed-*", "summary.json", "summary.csv", "report.html"),
        resume=call.resume,
        overwrite=call.overwrite,
        say=progress.say,
    )


def _gathered(seeds: tuple[int, ...], places: Sequence[Path]) -> Repeats:
    runs = [json.loads((place / "metrics.json").read_text(encoding="utf-8")) for place in places]
    for run, place in zip(runs, places, strict=True):
        history = pd.read_csv(place / "train" / "history.csv")
        run["train"]["training_seconds"] = float(history["seconds"].sum())
    attacks = tuple(run["attack"] for run in runs if "attack" in run)
    return Repeats(seeds=seeds, figures=figures(runs), attacks=attacks)


def _write(config: RunConfig, repeats: Repeats, folder: RunFolder) -> None:
    folder.write_json("summary.json", repeats.summary)
    with replacing(folder.path / "summary.csv") as temporary:
        repeats.table.to_csv(temporary, index=False)
    folder.finish()
    page = ReportInput(
        title=f"{config.name}, {len(repeats.seeds)} seeds" if len(repeats.seeds) > 1 else config.name,
        task=config.task,
        manifest=folder.manifest,
        sections=seeds_sections(repeats.seeds, repeats.figures, repeats.attacks),
    )
    write_report(page, folder.path / "report.html")
