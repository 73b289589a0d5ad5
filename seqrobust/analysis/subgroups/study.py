"""The comparison: records grouped by each column, every group described, and differences tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.pieces import kept
from seqrobust.analysis.room import Work
from seqrobust.analysis.subgroups.asked import Attacked
from seqrobust.analysis.subgroups.description import describe_group
from seqrobust.analysis.subgroups.differences import TestSettings, corrected, differences, statement
from seqrobust.analysis.subgroups.findings import SubgroupsFindings
from seqrobust.analysis.subgroups.grouping import CLASS, Grouping, grouping
from seqrobust.analysis.subgroups.outcomes import Outcomes
from seqrobust.analysis.subgroups.settings import SubgroupsSettings
from seqrobust.errors import ConfigError, DataError
from seqrobust.tasks import task_of


@dataclass(frozen=True, kw_only=True, eq=False)
class SubgroupsReady:
    """What is compared.

    Attributes:
        name: of the first attack.
        outcomes: of the attacks.
        groupings: of the records, one per column.
        settings: how they are compared.
        notices: of what was pooled, cut or left out.
    """

    name: str
    outcomes: Outcomes
    groupings: tuple[Grouping, ...]
    settings: SubgroupsSettings
    notices: tuple[str, ...]
    predictor: None = None


def prepare(attacked: Attacked, settings: SubgroupsSettings, opening: Opening) -> SubgroupsReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for columns or groups that cannot be used."""
    if settings.by and attacked.columns is None:
        raise ConfigError("a column is in a file", found=f"--by {settings.by[0]}", fix="name the file with --data")
    outcomes, notices = attacked.outcomes, []
    columns = {} if outcomes.classes is None else {CLASS: outcomes.classes.tolist()}
    if attacked.columns is not None:
        more = attacked.columns(settings.by)
        columns |= {name: list(values) for name, values in more.items()}
        if not more:
            notices.append("the data file has no group column; name one with --by")
    if not columns:
        raise ConfigError(
            "there is nothing to group the records by",
            expected="a class, or a column of the data file",
            fix="name the file with --data and a column with --by",
        )
    made = []
    pool = settings.small == "pool"
    for by, values in columns.items():
        try:
            made.append(grouping(by, values, smallest=settings.min_records, pool=pool, cut=by in settings.cut))
        except DataError as error:
            # The classes are looked at unasked: where there are too few of them, the other columns still count.
            if by != CLASS or len(columns) == 1:
                raise
            notices.append(f"classes are not compared: {error.problem}")
    notices += [notice for one in made for notice in one.notices]
    return SubgroupsReady(
        name=attacked.name, outcomes=outcomes, groupings=tuple(made), settings=settings, notices=tuple(notices)
    )


def study(ready: SubgroupsReady, work: Work) -> SubgroupsFindings:
    """Compare; groupings that an interrupted run has finished are read instead."""
    for notice in ready.notices:
        work.notice(notice)
    outcomes, settings = ready.outcomes, ready.settings
    tests = TestSettings(
        within_class=settings.within_class, against=settings.against, draws=settings.draws, seed=work.seed
    )
    found: dict[str, dict[str, Any]] = {}
    work.progress.start("subgroups", len(ready.groupings))
    for number, one in enumerate(ready.groupings):

        def compared(one: Grouping = one) -> dict[str, Any]:
            return _compared(outcomes, one, tests, work.seed)

        found[one.by] = kept(work.parts / f"grouping-{number:05d}.json", compared, work.progress.say)
        work.progress.advance(number + 1)
    corrected(found)
    everyone = describe_group(outcomes, "all records", np.ones(len(outcomes.ids), bool), seed=work.seed)
    return SubgroupsFindings(
        name=ready.name,
        task=outcomes.task,
        n=len(outcomes.ids),
        attacks=len(outcomes.right),
        everyone=everyone,
        by=found,
        statements={by: statement(one, regression=task_of(outcomes.task).measured) for by, one in found.items()},
    )


def _compared(outcomes: Outcomes, groups: Grouping, tests: TestSettings, seed: int) -> dict[str, Any]:
    """Every group of a grouping, and how they differ."""
    described = [
        describe_group(outcomes, name, groups.member == number, seed=seed) for number, name in enumerate(groups.names)
    ]
    return {
        "groups": described,
        "left_out": int((groups.member < 0).sum()),
        "notices": list(groups.notices),
        **differences(outcomes, groups, tests),
    }
