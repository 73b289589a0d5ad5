"""``seqrobust subgroups`` without its command line: tables of attacks in, a comparison of groups of records out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.subgroup_differences import TestSettings, corrected, differences, verdict
from seqrobust.analysis.subgroups import CLASS, Grouping, Outcomes, describe_group, grouping, read_outcomes
from seqrobust.errors import ConfigError, DataError
from seqrobust.files import replacing
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.subgroups_picture import draw_subgroups
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder, plain
from seqrobust.sequences import Task
from seqrobust.sequences.readers import read_sequences

GROUP = "group"
"""The grouping by the data file's own group column."""


@dataclass(frozen=True, kw_only=True)
class SubgroupsCommand:
    """Everything a call of ``seqrobust subgroups`` says.

    Attributes:
        results: folders of attacks, or their ``results.parquet``.
        data: the file that holds the columns; None to compare classes alone.
        by: columns whose values are groups; the file's group column where there are none.
        cut: those of the columns whose whole numbers are measurements, to be cut into groups of one size.
        out: folder to write to.
        smallest: records below which a group is small.
        pool: whether small groups become one, or are left out.
        tests: how groups are compared.
        seed: of bootstraps.
        resume, overwrite, command: as for an attack.
    """

    results: tuple[Path, ...]
    out: Path
    data: DataSource | None = None
    by: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()
    smallest: int = 10
    pool: bool = True
    tests: TestSettings = field(default_factory=TestSettings)
    seed: int = 0
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        if not self.results:
            raise ConfigError("subgroups are read off attacks", expected="a folder of an attack", found="none")
        if self.smallest < 2:
            raise ConfigError(
                "a group has records", expected="2 or more", found=str(self.smallest), where="--min-records"
            )
        if self.by and self.data is None:
            raise ConfigError("a column is in a file", found=f"--by {self.by[0]}", fix="name the file with --data")

        if other := [name for name in self.cut if name not in self.by]:
            raise ConfigError(
                "a column is cut that is not compared", found=other[0], where="--cut", fix="name it in --by"
            )

    @property
    def files(self) -> list[Path]:
        """Tables that are read."""
        return [path / "results.parquet" if path.is_dir() else path for path in self.results]


def subgroups_command(call: SubgroupsCommand, progress: Progress) -> dict[str, Any]:
    """Compare, and leave ``metrics.json``, ``subgroups.parquet``, ``subgroups.png`` and ``manifest.json``.

    Raises InputError for tables, columns or groups that cannot be used, before anything is written.
    """
    outcomes = _outcomes(call.files)
    groupings = _groupings(call, outcomes, progress)
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(call),
        inputs=[*call.files, *(call.data.files if call.data else ())],
        fingerprint=asdict(replace(call, out=Path(), resume=False, overwrite=False, command="")),
        resume=call.resume,
        overwrite=call.overwrite,
        leftovers=(),
    )
    metrics = _metrics(call, outcomes, groupings, progress)
    with replacing(folder.path / "subgroups.parquet") as temporary:
        subgroup_table(metrics).to_parquet(temporary, index=False)
    draw_subgroups(folder.path / "subgroups.png", metrics)
    folder.write_json("metrics.json", metrics)
    folder.finish(notices=[text for one in groupings for text in one.notices])
    return metrics


def _metrics(
    call: SubgroupsCommand, outcomes: Outcomes, groupings: Sequence[Grouping], progress: Progress
) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    progress.start("subgroups", len(groupings))
    for done, one in enumerate(groupings, start=1):
        found[one.by] = {
            "groups": [
                describe_group(outcomes, name, one.member == number, seed=call.seed)
                for number, name in enumerate(one.names)
            ],
            "left_out": int((one.member < 0).sum()),
            "notices": list(one.notices),
            **differences(outcomes, one, call.tests),
        }
        progress.advance(done)
    corrected(found)
    for by, entry in found.items():
        entry["verdict"] = verdict(by, entry, regression=outcomes.task == "regression")
    everyone = describe_group(outcomes, "all records", np.ones(len(outcomes.ids), bool), seed=call.seed)
    said: dict[str, Any] = plain(
        {
            "task": outcomes.task,
            "n": len(outcomes.ids),
            "attacks": len(outcomes.right),
            "all": everyone,
            "by": found,
            "verdict": "; ".join(entry["verdict"] for entry in found.values()),
        }
    )
    return said


def _outcomes(files: Sequence[Path]) -> Outcomes:
    tables, tasks, labelled = [], set[Task](), True
    for path in files:
        if not path.is_file():
            raise DataError("there is no table of results", where=str(path), fix="name the folder of an attack")
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise DataError("the table of results cannot be read", found=str(error), where=str(path)) from None
        needed = {"id", "target", "budget", "clean_prediction", "adversarial_prediction", "success", "n_edits"}
        if missing := sorted(needed - set(table.columns)):
            raise DataError(
                "this is no attack's table",
                expected=", ".join(sorted(needed)),
                found=f"no {missing[0]}",
                where=str(path),
            )
        task, known = _said_beside(path, table)
        tables.append(table)
        tasks.add(task)
        labelled = labelled and known
    if len(tasks) > 1:
        raise DataError("the attacks are on different tasks", found=", ".join(sorted(tasks)))
    return read_outcomes(tables, tasks.pop(), labelled=labelled)


def _said_beside(path: Path, table: pd.DataFrame) -> tuple[Task, bool]:
    """The task, and whether targets are known, by ``metrics.json`` or else by the table itself."""
    try:
        metrics = json.loads((path.parent / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        metrics = {}
    metrics = metrics.get("attack", metrics)
    regression = metrics.get("task", "regression" if "random_score" in table else "") == "regression"
    if regression:
        return "regression", bool(table["target"].notna().all())
    task: Task = metrics.get("task", "classification")
    return task, "clean_accuracy" not in metrics or metrics["clean_accuracy"] is not None


def _groupings(call: SubgroupsCommand, outcomes: Outcomes, progress: Progress) -> list[Grouping]:
    columns = {} if outcomes.classes is None else {CLASS: outcomes.classes.tolist()}
    if call.data is not None:
        columns |= _columns(call.data, call.by, outcomes, progress)
    if not columns:
        raise ConfigError(
            "there is nothing to group the records by",
            expected="a class, or a column of the data file",
            fix="name the file with --data and a column with --by",
        )
    made = []
    for by, values in columns.items():
        try:
            made.append(grouping(by, values, smallest=call.smallest, pool=call.pool, cut=by in call.cut))
        except DataError as error:
            # The classes are looked at unasked: where there are too few of them, the other columns still count.
            if by != CLASS or len(columns) == 1:
                raise
            progress.say(f"classes are not compared: {error.problem}")
    for one in made:
        for notice in one.notices:
            progress.say(notice)
    return made


def _columns(data: DataSource, by: tuple[str, ...], outcomes: Outcomes, progress: Progress) -> dict[str, list[str]]:
    """Values of the attacked records in columns of the file, as text."""
    loaded = read_sequences(
        data.path,
        format=data.format,
        columns=replace(data.columns, targets=by) if by else data.columns,
        genome=data.genome,
        annotation=data.annotation,
        where=data.where,
        max_length=data.max_length,
    ).sequences
    row = {name: index for index, name in enumerate(loaded.ids)}
    if missing := [name for name in outcomes.ids if name not in row]:
        raise DataError(
            "attacked records are not in the data file",
            expected="the file the attack was made on, read alike (--id-column, --where)",
            found=f"{missing[0]!r} ({len(missing)} of {len(outcomes.ids)} are missing)",
            where=str(data.path),
        )
    rows = [row[name] for name in outcomes.ids]
    if by and loaded.targets is not None:
        return {name: [_text(value) for value in loaded.targets[name].iloc[rows]] for name in by}
    if loaded.groups is None:
        progress.say("the data file has no group column; name one with --by")
        return {}
    return {GROUP: [str(value) for value in loaded.groups[rows]]}


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def subgroup_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """A row per grouping, group, quantity and budget, with its interval."""
    rows = []
    for by, found in metrics["by"].items():
        for entry in found["groups"]:
            edits = entry["minimal_edits"]
            rows.append(
                (by, entry["group"], "median_minimal_edits", None, edits["median"], *edits["median_ci"], edits["n"])
            )
            parts = [(None, entry), *((budget["budget"], budget) for budget in entry["budgets"])]
            for budget, part in parts:
                at = None if budget is None else str(budget)
                for key in (
                    "clean_accuracy",
                    "clean_error",
                    "robust_accuracy",
                    "mean_abs_shift",
                    "attack_success_rate",
                ):
                    if key in part:
                        low, high = part[f"{key}_ci"] or (None, None)
                        n = entry["n_attacked"] if key == "attack_success_rate" else entry["n"]
                        rows.append((by, entry["group"], key, at, part[key], low, high, n))
    names = ["by", "group", "quantity", "budget", "value", "low", "high", "n"]
    table: pd.DataFrame = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(("value", "low", "high"), "float64"))
    return table
