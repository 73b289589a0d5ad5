"""How many independent units the records of an analysis are: said in its numbers and on its page, alike for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seqrobust.analysis.clusters import independence, independence_words
from seqrobust.analysis.subject import Subject
from seqrobust.attacks.problem import Problem
from seqrobust.report.sections import Page, Section
from seqrobust.sequences import SequenceSet


def records_of(subject: object, ready: object) -> SequenceSet | None:
    """The records that an analysis of models studies, those it drew of the file's; None of analyses that count their
    units themselves."""
    one = subject[0] if isinstance(subject, list) and subject else subject
    if not isinstance(one, Subject):
        return None
    problems = [getattr(ready, "problem", None), *getattr(ready, "problems", {}).values()]
    for problem in problems:
        if isinstance(problem, Problem):
            return problem.plain.sequences
    drawn = getattr(ready, "sequences", None)
    return drawn if isinstance(drawn, SequenceSet) else one.sequences


def with_units(metrics: Mapping[str, Any], records: SequenceSet | None) -> dict[str, Any]:
    """Metrics that say how many there are, under ``independence``."""
    return dict(metrics) if records is None else {**metrics, "independence": independence(records)}


def with_section(page: Page, records: SequenceSet | None) -> Page:
    """A page that says so; on a terminal only where records come in clusters."""
    if records is None:
        return page
    found = independence(records)
    lead = independence_words(found) + "."
    section = Section(title="Independent units", name="units", lead=lead, for_terminal=found["clustered"])
    return replace(page, sections=(*page.sections, section))
