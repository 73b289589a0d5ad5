"""Progress as the library tells it; what is drawn is the caller's affair."""

from __future__ import annotations

from typing import Protocol


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
