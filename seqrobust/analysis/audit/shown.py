"""An audit on a page: a line for whoever looks, and at the top, for all to see, whatever is off."""

from __future__ import annotations

from dataclasses import replace

from seqrobust.analysis.audit.outcome import Audit
from seqrobust.report.sections import Page, Section, Table
from seqrobust.report.words import one_line


def with_audit(page: Page, audit: Audit) -> Page:
    """The page with its audit: last what was checked, and first what is off and the page does not say itself."""
    unsaid = [one for one in audit.of("doubtful") if not one.said]
    first = (_warning([f"{one.name}: {one.found}" for one in unsaid]),) if unsaid else ()
    return replace(page, sections=(*first, *page.sections, _checked(audit)))


def _warning(doubts: list[str]) -> Section:
    many = "an invariant" if len(doubts) == 1 else f"{len(doubts)} invariants"
    return Section(
        name="doubts",
        answer=(f"This run is in doubt about itself: {many} should hold and did not. No claim below is supported.",),
        items=tuple((doubt.partition(": ")[0], one_line(doubt.partition(": ")[2], 400)) for doubt in doubts),
    )


def _checked(audit: Audit) -> Section:
    rows = tuple(
        (one.name, one.verdict, f"{one.rows:,}", one_line(one.found or one.checked, 200)) for one in audit.outcomes
    )
    return Section(
        title="Checked at the end of the run",
        name="audit",
        lead=audit.line,
        tables=(
            Table(caption="Invariants", columns=("invariant", "came to", "rows", "what was looked at"), rows=rows),
        ),
        for_terminal=False,
    )
