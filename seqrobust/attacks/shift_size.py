"""How far a measured value has to move to count: a number, standard deviations, or a fold change.

A default that follows from whatever records were drawn is another yardstick for every draw, and one that follows from
a model's own predictions another for every model. So standard deviations are those of the training targets, which a
checkpoint keeps; what stands for them where nobody knows them is said with the number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from seqrobust.errors import ConfigError

DEFAULT = "1sd"
OWN_UNITS = "in its own units"
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_WRITTEN = re.compile(rf"({_NUMBER})\s*(sd|-?fold)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ShiftSize:
    """What counts as a shift.

    Attributes:
        value: in the units of the output.
        unit: what the number is, in words, such as ``1 sd of the training targets``.
    """

    value: float
    unit: str


def checked_size(written: float | str, where: str = "delta") -> None:
    """Raise ConfigError for a shift that cannot be read, or is not above 0."""
    _read(written, where)


def sized(written: float | str | None, spread: Callable[[], ShiftSize]) -> ShiftSize:
    """The shift that was asked for.

    Args:
        written: ``0.5`` in the output's units, ``1.5sd`` standard deviations, or ``2fold`` for values on a log2 scale;
            None for one standard deviation.
        spread: one standard deviation, and of what; asked only where it is needed.

    >>> sized("2sd", lambda: ShiftSize(value=0.5, unit="sd of the training targets"))
    ShiftSize(value=1.0, unit='2 sd of the training targets')
    >>> sized("2fold", lambda: ShiftSize(value=0.5, unit="sd"))
    ShiftSize(value=1.0, unit='2-fold, if it is on a log2 scale')

    Raises ConfigError for a text that cannot be read, and for standard deviations of values that do not vary.
    """
    number, unit = _read(DEFAULT if written is None else written, "delta")
    if unit == "fold":
        return ShiftSize(value=math.log2(number), unit=f"{number:g}-fold, if it is on a log2 scale")
    if unit != "sd":
        return ShiftSize(value=number, unit=OWN_UNITS)
    one = spread()
    if not one.value > 0:
        raise ConfigError(
            "values that do not vary give no shift",
            found=f"{one.unit}: 0",
            where="delta",
            fix="give delta as a number in the output's units",
        )
    return ShiftSize(value=number * one.value, unit=f"{number:g} {one.unit}")


def _read(written: float | str, where: str) -> tuple[float, str]:
    """The number, and ``sd``, ``fold`` or nothing."""
    found = _WRITTEN.fullmatch(str(written).strip())
    number = float(found[1]) if found else math.nan
    unit = (found[2] or "").lower().lstrip("-") if found else ""
    if not 0 < number < math.inf or (unit == "fold" and number <= 1):
        raise ConfigError(
            "a shift is positive; its direction is the goal",
            expected="a number such as 0.5, standard deviations such as 1sd, or 2fold (above 1) on a log2 scale",
            found=repr(written) if isinstance(written, str) else str(written),
            where=where,
        )
    return number, unit
