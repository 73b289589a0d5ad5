"""What a comparison of groups found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.files import replacing
from seqrobust.sequences import Task

_QUANTITIES = ("clean_accuracy", "clean_error", "robust_accuracy", "mean_abs_shift", "attack_success_rate")


@dataclass(frozen=True, kw_only=True, eq=False)
class SubgroupsFindings:
    """What a comparison of groups found.

    Attributes:
        name: of the first attack.
        task: of the attacked model.
        n: records.
        attacks: whose outcomes were averaged.
        everyone: all records together; see :func:`~seqrobust.analysis.subgroups.description.describe_group`.
        by: groups and tests of each grouping; see :func:`~seqrobust.analysis.subgroups.differences.differences`.
        statements: what may be said of each grouping.
    """

    name: str
    task: Task
    n: int
    attacks: int
    everyone: dict[str, Any]
    by: dict[str, dict[str, Any]]
    statements: dict[str, str]

    @property
    def verdicts(self) -> dict[str, str]:
        """The statements, each after the name of its column."""
        return {by: f"{by}: {text}" for by, text in self.statements.items()}

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        verdicts = self.verdicts
        return {
            "task": self.task,
            "n": self.n,
            "attacks": self.attacks,
            "all": self.everyone,
            "by": {by: {**found, "verdict": verdicts[by]} for by, found in self.by.items()},
            "verdict": "; ".join(verdicts.values()),
        }

    def write(self, folder: Path) -> None:
        """Leave ``subgroups.parquet`` and ``subgroups.png``."""
        from seqrobust.analysis.subgroups.picture import draw_subgroups

        with replacing(folder / "subgroups.parquet") as temporary:
            self.table.to_parquet(temporary, index=False)
        draw_subgroups(folder / "subgroups.png", self.plain(), self.statements)

    @property
    def table(self) -> pd.DataFrame:
        """A row per grouping, group, quantity and budget, with its interval."""
        rows = [row for by, found in self.by.items() for entry in found["groups"] for row in _rows(by, entry)]
        names = ["by", "group", "quantity", "budget", "value", "low", "high", "n"]
        numbers = dict.fromkeys(("value", "low", "high"), "float64")
        table: pd.DataFrame = pd.DataFrame(rows, columns=names).astype(numbers)
        return table


def _rows(by: str, entry: dict[str, Any]) -> list[tuple[Any, ...]]:
    edits, group = entry["minimal_edits"], entry["group"]
    rows = [(by, group, "median_minimal_edits", None, edits["median"], *edits["median_ci"], edits["n"])]
    for budget, part in [(None, entry), *((budget["budget"], budget) for budget in entry["budgets"])]:
        for key in _QUANTITIES:
            if key in part:
                low, high = part[f"{key}_ci"] or (None, None)
                n = entry["n_attacked"] if key == "attack_success_rate" else entry["n"]
                rows.append((by, group, key, None if budget is None else str(budget), part[key], low, high, n))
    return rows
