"""What a sweep varies: the ``sweep`` section of a config, keys of the config with a range or a list for each.

::

    sweep:
      training.learning_rate: {low: 1e-4, high: 1e-2, log: true}
      model.channels: [32, 64]
      training.adversarial.budget: {low: 1, high: 3}

Only the model and its training may vary: other records, or another seed, would make the trials' scores incomparable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import yaml

from seqrobust.errors import ConfigError

_VARIED = ("model.", "training.")
_RANGE_KEYS = ("low", "high", "log", "step")


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones if both ends are whole.

    Attributes:
        low, high: the ends.
        log: whether orders of magnitude are equally likely, rather than values.
        step: distance of neighbouring values; None for any (for whole numbers 1).
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return all(isinstance(value, int) for value in (self.low, self.high, 1 if self.step is None else self.step))

    def drawn(self, rng: np.random.Generator) -> float:
        """A random value; where there is a step, one of its ends."""
        if self.step is not None:
            return self.low if rng.random() < 0.5 else self.high
        if self.is_whole:
            return int(rng.integers(int(self.low), int(self.high) + 1))
        return float(rng.uniform(self.low, self.high))

    def describe(self) -> str:
        """In words."""
        behind = " (log scale)" if self.log else f" in steps of {self.step:g}" if self.step is not None else ""
        return f"{self.low:g} to {self.high:g}{behind}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    @property
    def labels(self) -> list[str | int | float | bool | None]:
        """The values as a study stores them: lists and mappings as text."""
        return [value if _is_scalar(value) else json.dumps(value) for value in self.values]

    def drawn(self, rng: np.random.Generator) -> Any:
        """A random value."""
        return self.values[int(rng.integers(len(self.values)))]

    def describe(self) -> str:
        """In words."""
        return ", ".join(str(label) for label in self.labels)


Space: TypeAlias = Mapping[str, "Range | Choice"]
"""What may stand at each key of a config, keys as dotted paths."""


def parse_space(section: Mapping[str, Any] | None) -> dict[str, Range | Choice]:
    """The space that a config's ``sweep`` section describes. Raises ConfigError that names the key.

    >>> parse_space({"training.batch_size": {"low": 16, "high": 64}, "model": {"channels": [32, 64]}})["model.channels"]
    Choice(values=(32, 64))
    """
    space = {path: _varied(path, value) for path, value in _flat(section or {}, "")}
    if not space:
        raise ConfigError(
            "the config does not say what a sweep varies",
            expected="a section such as sweep: {training.learning_rate: {low: 1e-4, high: 1e-2, log: true}}",
            found="no sweep section" if section is None else "an empty one",
            where="sweep",
        )
    return space


def as_overrides(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Values as ``key.path=value`` items, each value as YAML that reads back as the same.

    >>> as_overrides({"training.learning_rate": 1e-05, "training.schedule": "cosine"})
    ('training.learning_rate=1.0e-05', 'training.schedule=cosine')
    """
    return tuple(f"{path}={_yaml(value)}" for path, value in values.items())


def drawn_values(space: Space, rng: np.random.Generator) -> dict[str, Any]:
    """A random member of a space, to try whether a config takes it."""
    return {path: spec.drawn(rng) for path, spec in space.items()}


def _flat(section: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        path = f"{before}{key}"
        if isinstance(value, Mapping) and not set(_RANGE_KEYS) & set(value):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _varied(path: str, value: Any) -> Range | Choice:
    where = f"sweep.{path}"
    if not path.startswith(_VARIED):
        raise ConfigError(
            "a sweep varies the model and its training",
            expected="a key such as model.channels or training.learning_rate",
            found=path,
            where=where,
            fix="leave it out: scores on other records, of other seeds, or of no effect cannot be compared",
        )
    if isinstance(value, list | tuple):
        return _choice(tuple(value), where)
    if isinstance(value, Mapping):
        return _range(value, where)
    expected = "{low: 1, high: 3} or a list of values"
    raise ConfigError("what varies is a range or a list", expected=expected, found=repr(value), where=where)


def _choice(values: tuple[Any, ...], where: str) -> Choice:
    texts = [json.dumps(value, sort_keys=True, default=str) for value in values]
    if not values:
        raise ConfigError("a list of values to try is empty", where=where)
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise ConfigError("a value to try is named twice", found=twice[0], where=where, fix="name it once")
    return Choice(values=values)


def _range(content: Mapping[str, Any], where: str) -> Range:
    if strange := sorted(set(content) - set(_RANGE_KEYS)):
        known = ", ".join(_RANGE_KEYS)
        raise ConfigError("unknown key of a range", expected=known, found=strange[0], where=where)
    low, high = (_number(content.get(key), f"{where}.{key}") for key in ("low", "high"))
    step = None if content.get("step") is None else _number(content["step"], f"{where}.step")
    log = content.get("log", False)
    if not isinstance(log, bool):
        raise ConfigError("the scale of a range", expected="log: true or false", found=repr(log), where=where)
    if not low < high:
        raise ConfigError(
            "a range ends above its start", expected=f"high above {low:g}", found=f"{high:g}", where=where
        )
    if log and (low <= 0 or step is not None):
        found = f"low: {low:g}" + ("" if step is None else f", step: {step:g}")
        raise ConfigError("a log scale begins above 0 and has no step", found=found, where=where)
    if step is not None:
        count = (high - low) / step if step > 0 else 0.0
        if round(count) < 1 or abs(count - round(count)) > 1e-6:
            found = f"{step:g} from {low:g} to {high:g}"
            raise ConfigError("a range is a whole number of steps", found=found, where=where)
    return Range(low=low, high=high, log=log, step=step)


def _number(value: Any, where: str) -> float:
    """An int stays one; YAML reads 1e-4 as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise ConfigError("the end of a range is a number", found=repr(value), where=where)
    return number


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")
