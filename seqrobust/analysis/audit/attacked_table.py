"""The table of an attack as its invariants see it: problem, rows, and what was made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.audit.recount import Recount, recounted
from seqrobust.attacks import Problem
from seqrobust.attacks.goals import Goal
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.threats.coding import CodedSet


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackTable:
    """What an attack left: a row per record and budget, in the order of records, then budgets.

    Attributes:
        problem: as it was searched: over columns, where an edit is no switch of a letter.
        results: see :func:`seqrobust.analysis.results.results_table`.
        metrics: what was made of the table; None where the analysis quotes no shares of it by itself.
        moves: what one edit is, as the settings name it.
        joined: whether a row is the worst of several attacks, chosen for fewest edits rather than for the objective.
        recorded: by split, what a checkpoint's own training found of it; see
            :func:`seqrobust.sequences.marks.content_mark`.
        read: records that the data came with, of whatever split; None where that is not known.
    """

    problem: Problem
    results: pd.DataFrame
    metrics: Mapping[str, Any] | None = None
    moves: str = "substitutions"
    joined: bool = False
    recorded: Mapping[str, Any] | None = None
    read: int | None = None

    @property
    def predictor(self) -> Predictor:
        """The model, asked about sequences."""
        return self.problem.plain.predictor

    @property
    def sequences(self) -> SequenceSet:
        """The records, as sequences."""
        found = self.problem.sequences
        return found.plain if isinstance(found, CodedSet) else found

    @property
    def targets(self) -> Targets | None:
        """What is true of them."""
        return self.problem.targets

    @property
    def goal(self) -> Goal:
        """What the adversary wants."""
        return self.problem.goal

    @property
    def levels(self) -> int:
        """Budgets."""
        return len(self.problem.budgets)

    @cached_property
    def record(self) -> NDArray[np.int64]:
        """(rows,) the record of each row, by its id; -1 for one that there is not."""
        number = {name: row for row, name in enumerate(self.sequences.ids)}
        return np.array([number.get(str(name), -1) for name in self.results["id"]], np.int64)

    @cached_property
    def success(self) -> NDArray[np.bool_]:
        """(rows,) whether the goal is said to be reached."""
        found: NDArray[np.bool_] = self.results["success"].fillna(value=False).to_numpy(bool)
        return found

    @cached_property
    def attacked(self) -> NDArray[np.bool_]:
        """(rows,) whether the record was attacked."""
        found: NDArray[np.bool_] = self.results["success"].notna().to_numpy(bool)
        return found

    @cached_property
    def recount(self) -> list[Recount]:
        """Each row's edits, counted anew from what was written."""
        threat = self.problem.threat
        return recounted(
            self.results,
            self.record,
            self.sequences,
            moves=self.moves,
            protect=threat.protect,
            only=threat.only,
            rule=threat.letters,
        )

    def called(self, row: int) -> str:
        """A row in words."""
        return f"record {self.results['id'].iloc[row]!r} at budget {self.results['budget'].iloc[row]}"
