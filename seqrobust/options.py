"""How a setting is called where people type it: one declaration serves Python, config files and the command line.

A field of a settings class is annotated ``Annotated[T, Option("help", ...)]``; the command line makes an option of it,
and a config file a key of the field's own name. Nothing here, and nothing in a module of settings, imports torch: the
help of a command appears at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seqrobust.errors import ConfigError

THREAT, GOAL, MODEL, DATA, RUN = "Threat", "Goal and search", "Model", "Data", "Run"
"""Panels of a command's help."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option.

    Attributes:
        help: one line.
        flag: its name on the command line; None for that of the field, underscores as hyphens.
        aliases: further names on the command line.
        panel: where the help lists it; None for the panel of the command itself.
        metavar: what stands for the value in the help.
        least, most: smallest and largest number allowed.
        read: from what was typed (a text, or a list of them where ``repeat``) to the field's value; None to take it.
        repeat: the option may be given several times, and its values are collected.
        yes: for a field that is true unless something is said, such as ``--no-picture``: the flag makes it false.
        typed: the default as one would type it, where what is typed is read into something else, for the help.
        argument: given by its place on the line instead of a flag; ``flag`` is then what it is called in messages.
    """

    help: str
    flag: str | None = None
    aliases: tuple[str, ...] = ()
    panel: str | None = None
    metavar: str | None = None
    least: float | None = None
    most: float | None = None
    read: Callable[[Any], Any] | None = None
    repeat: bool = False
    yes: bool = False
    typed: str | None = None
    argument: bool = False

    def named(self, field: str) -> str:
        """The flag of a field."""
        return self.flag or "--" + field.replace("_", "-")


def names_of(text: str) -> tuple[str, ...]:
    """Names from a comma-separated text.

    >>> names_of("a, b,")
    ('a', 'b')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())


def names_in(texts: list[str]) -> tuple[str, ...]:
    """Names from several comma-separated texts.

    >>> names_in(["a,b", "c"])
    ('a', 'b', 'c')
    """
    return tuple(name for text in texts for name in names_of(text))


def pairs_of(texts: list[str]) -> dict[str, list[str]]:
    """Column to accepted values from ``column=value`` texts. Raises ConfigError for one without ``=``.

    >>> pairs_of(["split=train", "kind=designed", "split=valid"])
    {'split': ['train', 'valid'], 'kind': ['designed']}
    """
    wanted: dict[str, list[str]] = {}
    for text in texts:
        column, equals, value = text.partition("=")
        if not equals or not column:
            raise ConfigError("a filter cannot be read", expected="--where column=value", found=repr(text))
        wanted.setdefault(column, []).append(value)
    return wanted


def patterns_of(texts: list[str]) -> dict[str, str]:
    """Name to pattern from ``NAME=PATTERN`` texts. Raises ConfigError for a text that lacks either."""
    pairs = [text.partition("=") for text in texts]
    if wrong := [text for text, (name, _, pattern) in zip(texts, pairs, strict=True) if not (name and pattern)]:
        raise ConfigError("a pattern cannot be read", expected="--pattern NAME=PATTERN", found=repr(wrong[0]))
    return {name: pattern for name, _, pattern in pairs}


def checked(option: str, value: Any, known: tuple[str, ...]) -> Any:
    """The value, if it is None or one of those known. Raises ConfigError otherwise."""
    if value is not None and value not in known:
        raise ConfigError("unknown value", expected=", ".join(known), found=repr(value), where=option)
    return value
