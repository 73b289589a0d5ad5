"""What can go wrong, and what the user is told.

::

    SeqRobustError            anything we raise on purpose; exit code 1
    ├── InputError            what the user gave cannot be used; exit code 2
    │   ├── DataError         a sequence file, a label, a region
    │   │   └── LabelError    a label that is none of the model's
    │   ├── ConfigError       a key of a config file or an option
    │   ├── ModelError        a checkpoint, a factory, a model's output
    │   └── ThreatError       a budget, a region name, a letter rule
    └── InternalError         a promise of ours broken: please report it

An :class:`InputError` says what was expected, what was found, where, and what to do about it.
"""

from __future__ import annotations


class SeqRobustError(Exception):
    """The root of every error raised on purpose."""

    exit_code = 1


class InputError(SeqRobustError):
    """Input that cannot be used.

    Args:
        problem: one sentence that states what is wrong.
        expected: what would have been right.
        found: what was there instead.
        where: file and line, record and position, or the path of a config key.
        fix: what the user can do.

    >>> print(DataError("letter is not in the alphabet", found="'J'", where="record 'a', position 3"))
    letter is not in the alphabet
      found: 'J'
      where: record 'a', position 3
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        where: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem
        self.expected = expected
        self.found = found
        self.where = where
        self.fix = fix
        super().__init__(problem)

    def __str__(self) -> str:
        parts = {"expected": self.expected, "found": self.found, "where": self.where, "what to do": self.fix}
        return "\n".join([self.problem, *(f"  {name}: {text}" for name, text in parts.items() if text)])

    def at(self, where: str) -> InputError:
        """The same error with an outer place put before the inner one (a file before a record, say)."""
        self.where = f"{where}, {self.where}" if self.where else where
        return self


class DataError(InputError):
    """A sequence file, a label or a region cannot be used."""


class LabelError(DataError):
    """A record's label is none of those that the model knows."""


class ConfigError(InputError):
    """A config key or a command-line option cannot be used."""


class ModelError(InputError):
    """A model, its weights or its outputs cannot be used."""


class ThreatError(InputError):
    """A threat model cannot be stated as asked."""


class InternalError(SeqRobustError):
    """A promise of this package was broken; the result would not be trustworthy."""
