"""Progress as the library tells it; what is drawn is the caller's affair."""

from __future__ import annotations

from typing import Protocol

_LONG = 30.0
"""Seconds from which on work is given an estimate."""
_EARLY = 5.0
"""Seconds after which what is done tells how long the rest takes."""
_WRONG = 1.5
"""Times the estimate from which on it is given anew."""


def duration(seconds: float) -> str:
    """A time to two digits.

    >>> duration(42), duration(600), duration(90_000)
    ('42 seconds', '10 minutes', '25 hours')
    """
    if seconds < 100:
        return f"{max(seconds, 1):.2g} seconds"
    return f"{seconds / 60:.2g} minutes" if seconds < 6000 else f"{seconds / 3600:.2g} hours"


class Estimate:
    """How long a stage takes in all, from how long its beginning took; said once, and anew where it was wrong.

    >>> stage = Estimate(100, began=0.0)
    >>> stage.said(1, 2.0), stage.said(10, 6.0), stage.said(20, 12.0), stage.said(30, 40.0)
    (None, 'about 60 seconds in all', None, 'slower than it began: about 2.2 minutes in all')
    """

    def __init__(self, total: float, began: float) -> None:
        self._total, self._began = total, began
        self._promised: float | None = None

    def said(self, done: float, now: float) -> str | None:
        """What to say at this time with so much done; None for nothing new."""
        spent = now - self._began
        if not 0 < done < self._total or spent < _EARLY:
            return None
        whole = spent * self._total / done
        if whole < _LONG or (self._promised is not None and whole < _WRONG * self._promised):
            return None
        before, self._promised = self._promised, whole
        return f"{'' if before is None else 'slower than it began: '}about {duration(whole)} in all"


class Progress(Protocol):
    """Called back by long work."""

    def start(self, stage: str, total: float) -> None:
        """A stage begins that will take so many steps."""

    def advance(self, done: float, text: str = "") -> None:
        """So many steps of the current stage are done; ``text`` says how it stands."""

    def say(self, text: str) -> None:
        """Something the user should know."""


class Silent:
    """Says nothing."""

    def start(self, stage: str, total: float) -> None:
        """See :class:`Progress`."""

    def advance(self, done: float, text: str = "") -> None:
        """See :class:`Progress`."""

    def say(self, text: str) -> None:
        """See :class:`Progress`."""
