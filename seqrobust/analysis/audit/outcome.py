"""What came of the invariants of a run: each with what was held against what, on how many rows, and what it came to.

What cannot be is *broken*: an internal error, and nothing is claimed. What should not be is *doubtful*: it is said, and
no claim is supported beside it. What could not be looked at is *not checked*, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

from seqrobust.errors import InternalError

Verdict: TypeAlias = Literal["holds", "doubtful", "broken", "not checked"]

_SHOWN = 3
"""Faults that are named; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one invariant.

    Attributes:
        name: of the invariant.
        checked: what was held against what.
        rows: on how many rows.
        verdict: what it came to.
        found: what is off, or why it was not checked.
        said: whether the analysis says so itself, so that its page need not say it twice.
        more: counts worth keeping.
        forwards: sequences that were scored for it, which no count of the analysis holds.
    """

    name: str
    checked: str
    rows: int
    verdict: Verdict = "holds"
    found: str = ""
    said: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)
    forwards: int = 0


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The outcomes of a run.

    Attributes:
        outcomes: in the order they were checked.
    """

    outcomes: tuple[Outcome, ...]

    @property
    def forwards(self) -> int:
        """Sequences that were scored for it, beside those that any analysis counts."""
        return sum(one.forwards for one in self.outcomes)

    def beside(self, more: Iterable[Outcome]) -> Audit:
        """The same and more, none of it broken. Raises AuditError otherwise."""
        return Audit(outcomes=(*self.outcomes, *more)).passed()

    def passed(self) -> Audit:
        """The audit itself. Raises AuditError where an invariant is broken that cannot be."""
        if self.of("broken"):
            raise AuditError(self)
        return self

    def of(self, verdict: Verdict) -> list[Outcome]:
        """Those that came to it."""
        return [outcome for outcome in self.outcomes if outcome.verdict == verdict]

    @property
    def doubts(self) -> list[str]:
        """What should not be, in words."""
        return [f"{one.name}: {one.found}" for one in self.of("doubtful")]

    @property
    def line(self) -> str:
        """All of it in a sentence or two."""
        parts = [f"{len(self.of('holds'))} invariants hold"]
        parts += [f"{len(some)} {words}" for words in ("doubtful", "broken", "not checked") if (some := self.of(words))]
        asked = f"; {self.forwards} sequences were scored once more for it" if self.forwards else ""
        return f"The run audited itself: {', '.join(parts)}{asked}."

    def plain(self) -> dict[str, Any]:
        """As ``manifest.json`` keeps it."""
        kept = [{key: value for key, value in asdict(one).items() if value or key == "rows"} for one in self.outcomes]
        return {"forwards": self.forwards, "invariants": kept}


def joined_audits(audits: Mapping[str, Audit], say_themselves: Sequence[str] = ()) -> Audit:
    """One audit of several, each outcome named after its own; all but those of ``say_themselves`` still to be said."""
    return Audit(
        outcomes=tuple(
            replace(one, name=f"{name}: {one.name}", said=one.said and name in say_themselves)
            for name, audit in audits.items()
            for one in audit.outcomes
        )
    )


class AuditError(InternalError):
    """An invariant that cannot be broken is.

    Args:
        audit: with what is broken.
    """

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        found = "\n".join(f"  {one.name} ({one.checked}): {one.found}" for one in audit.of("broken"))
        super().__init__(f"the run does not pass its own audit, so nothing is claimed; please report this\n{found}")


def faults_of(
    name: str,
    checked: str,
    rows: int,
    faults: Sequence[str],
    *,
    verdict: Verdict = "broken",
    forwards: int = 0,
) -> Outcome:
    """Holds where there is no fault; of several, the first are named."""
    if not faults:
        return Outcome(name=name, checked=checked, rows=rows, forwards=forwards)
    more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
    found = "; ".join(faults[:_SHOWN]) + more
    return Outcome(name=name, checked=checked, rows=rows, verdict=verdict, found=found, forwards=forwards)


def not_checked(name: str, checked: str, why: str) -> Outcome:
    """Nothing could be looked at."""
    return Outcome(name=name, checked=checked, rows=0, verdict="not checked", found=why)
