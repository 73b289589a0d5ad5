"""What a sweep found: which trials no other beats, the best of them as configs, and a page about all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from seqrobust.analysis.outcomes import ReportInput
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Picture, Section, Table
from seqrobust.report.words import figure, one_line, plural
from seqrobust.run.sweep.front_picture import Dot, front_picture
from seqrobust.run.sweep.space import Space, as_overrides
from seqrobust.run.sweep.study import Trial
from seqrobust.sequences import Task
from seqrobust.yaml_file import override

TEST_UNTOUCHED = "No record of the test split was trained on, attacked or scored: scores are of validation records."
_BIAS = (
    "The best of many trials looks better on the records it was chosen by than it is: run a best config with "
    "seqrobust run, and report what that finds on the test split."
)


def non_dominated(scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) which of (N, M) scores, larger being better, no other beats: at least as good in all, better in one."""
    better = (scores[:, None] >= scores[None]).all(2) & (scores[:, None] > scores[None]).any(2)
    return ~np.asarray(better.any(0), np.bool_)


def front_of(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The finished trials that no other beats (Pareto), best clean score first."""
    ended = [trial for trial in trials if trial.state == "finished"]
    if not ended:
        return ()
    kept = non_dominated(np.array([list(trial.scores.values()) for trial in ended], np.float64))
    front = [trial for trial, keep in zip(ended, kept, strict=True) if keep]
    return tuple(sorted(front, key=lambda trial: (-trial.scores["clean"], trial.number)))


def best_of(trials: Sequence[Trial]) -> dict[str, Trial]:
    """The best trial ``clean`` and, where there is a robust score, ``both`` (largest mean of the two) and ``robust``.

    Ties go to the other score, then to the earlier trial.
    """
    ended = [trial for trial in trials if trial.state == "finished"]
    if not ended:
        return {}

    def best(*keys: str) -> Trial:
        return max(ended, key=lambda trial: (*(_score(trial, key) for key in keys), -trial.number))

    if "robust" not in ended[0].scores:
        return {"clean": best("clean")}
    return {"clean": best("clean", "robust"), "both": best("both", "robust"), "robust": best("robust", "clean")}


def _score(trial: Trial, key: str) -> float:
    return sum(trial.scores.values()) / len(trial.scores) if key == "both" else trial.scores[key]


def trials_table(trials: Sequence[Trial], space: Space, objectives: Sequence[str]) -> pd.DataFrame:
    """What ``trials.csv`` holds: a row per trial, a column per objective and per key that varies."""
    front = {trial.number for trial in front_of(trials)}
    rows = [
        {
            "trial": trial.number,
            "state": trial.state,
            **{name: trial.scores.get(name) for name in objectives},
            "front": trial.number in front,
            "seconds": trial.seconds,
            "folder": trial.folder,
            "reason": trial.reason,
            **{path: trial.values.get(path) for path in space},
        }
        for trial in trials
    ]
    table: pd.DataFrame = pd.DataFrame(rows)
    return table


def best_config(content: Mapping[str, Any], which: str, trial: Trial) -> str:
    """A config to run, as YAML.

    Args:
        content: the sweep's own config, as it was read.
        which: ``clean``, ``both`` or ``robust``.
        trial: whose values it gets.
    """
    config = deepcopy({key: value for key, value in content.items() if key != "sweep"})
    for item in as_overrides(trial.values):
        override(config, item)
    config["name"] = f"{config['name']}-best-{which}"
    scores = ", ".join(f"{name} {value:.4f}" for name, value in trial.scores.items())
    head = f"# The best {which} of a sweep: its trial {trial.number}, validation scores {scores}.\n"
    return head + yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def sweep_page(
    name: str, task: Task, manifest: Mapping[str, Any], trials: Sequence[Trial], space: Space, *, measured: str
) -> ReportInput:
    """The page about a sweep; ``measured`` says what the scores are."""
    front, best = front_of(trials), best_of(trials)
    failed = [trial for trial in trials if trial.state == "failed"]
    lead = f"{plural(sum(trial.state != 'interrupted' for trial in trials), 'trial')}, {len(failed)} failed. {measured}"
    pictures: tuple[Picture, ...] = ()
    if front and "robust" in front[0].scores:
        pictures = (_picture(trials, front, best),)
    items = [(f"Best {which}", f"{trial.folder}: {_scores(trial)}, {_values(trial)}") for which, trial in best.items()]
    found = Section(
        title="What the sweep found",
        lead=f"{lead} {TEST_UNTOUCHED}",
        items=(*items, ("What they are worth", _BIAS)),
        pictures=pictures,
        tables=tuple(filter(None, (_table("Not beaten by any other", front, space), _table("All", trials, space)))),
    )
    varied = Section(title="What varied", items=tuple((path, spec.describe()) for path, spec in space.items()))
    sections = [found, varied]
    if failed:
        why = tuple((trial.folder, one_line(trial.reason, 300)) for trial in failed)
        sections.append(Section(title="Trials that failed", items=why))
    return ReportInput(title=f"Sweep of {name}", task=task, manifest=manifest, sections=tuple(sections))


def _picture(trials: Sequence[Trial], front: Sequence[Trial], best: Mapping[str, Trial]) -> Picture:
    names: dict[int, list[str]] = {}
    for which, trial in best.items():
        names.setdefault(trial.number, []).append(which)
    on_front = {trial.number for trial in front}
    dots = [
        Dot(
            clean=trial.scores["clean"],
            robust=trial.scores["robust"],
            on_front=trial.number in on_front,
            name=f"trial {trial.number}, best {' and '.join(names[trial.number])}" if trial.number in names else "",
        )
        for trial in trials
        if trial.state == "finished"
    ]
    svg = svg_markup(front_picture(dots), "front", "Robust against clean validation score, a dot per trial")
    return Picture(svg=svg, caption="A dot per trial; orange: trials that no other beats in both scores.")


def _table(caption: str, trials: Sequence[Trial], space: Space) -> Table | None:
    if not trials:
        return None
    objectives = list(dict.fromkeys(name for trial in trials for name in trial.scores))
    rows = tuple(
        (
            trial.folder,
            *(figure(trial.scores.get(name)) for name in objectives),
            *(one_line(trial.values.get(path, "")) for path in space),
            figure(trial.seconds),
            trial.state,
        )
        for trial in trials
    )
    columns = ("trial", *objectives, *(one_line(path) for path in space), "seconds", "state")
    return Table(caption=caption, columns=columns, rows=rows)


def _scores(trial: Trial) -> str:
    return ", ".join(f"{name} {figure(value)}" for name, value in trial.scores.items())


def _values(trial: Trial) -> str:
    return ", ".join(f"{path} {one_line(value)}" for path, value in trial.values.items())
