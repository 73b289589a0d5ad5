"""What is known of functions of one number: where they grow, bend and jump, how steep they are, where they are lowest.

Names are those of torch's operations. Each fact stands in one row here; what follows from it stands with its readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A function of one number.

    Usual settings are torch's defaults, and for what :attr:`scaled` names every other between 0 and 1.

    Attributes:
        growing: defined everywhere and nowhere falling, whatever its settings: the maximum of its values is its value
            at the maximum.
        grows_usually: the same at usual settings alone.
        bends: for what is linear piece by piece: where pieces meet, as numbers or names of arguments, with a minus for
            the negative. None for what is not linear anywhere, or not known to be.
        steps: whether it jumps.
        slope: its largest absolute slope at usual settings; None where there is none, or none is known.
        lowest: of what falls, then rises: numbers between which it is lowest, and a little less than its value there.
        scaled: whether numbers among its settings outside 0 to 1 make it steeper, or make it fall.
    """

    growing: bool = False
    grows_usually: bool = False
    bends: tuple[float | str, ...] | None = None
    steps: bool = False
    slope: float | None = None
    lowest: tuple[float, float, float] | None = None
    scaled: bool = False

    def levels(self, arguments: Mapping[str, Any]) -> list[float]:
        """Where pieces meet, for a call's arguments. Raises TypeError where that depends on a tensor."""
        found: list[float] = []
        for bend in self.bends or ():
            negative = isinstance(bend, str) and bend.startswith("-")
            value = arguments[bend.lstrip("-")] if isinstance(bend, str) else bend
            if value is not None and not isinstance(value, (int, float)):
                raise TypeError("a bend that is no number")
            if value is not None:
                found.append(-float(value) if negative else float(value))
        return found


_GROWING = "relu relu6 sigmoid tanh hardtanh selu exp exp2 expm1 erf atan asinh sinh log_sigmoid hardsigmoid"
_GROWING_USUALLY = "leaky_relu elu celu softplus clamp clamp_min clamp_max round floor ceil to _to_copy"
_STEPS = (
    "sign sgn heaviside round floor ceil trunc fix frac fmod remainder floor_divide eq ne lt le gt ge greater less "
    "greater_equal less_equal not_equal signbit logical_and logical_or logical_not logical_xor bitwise_and bitwise_or "
    "bitwise_not bitwise_xor __and__ __or__ __xor__ __rshift__ __lshift__ isclose isfinite isnan isinf isposinf "
    "isneginf threshold hardshrink"
)
_BENDS: dict[str, tuple[float | str, ...]] = {
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "prelu": (0.0,),
    "rrelu": (0.0,),
    "abs": (0.0,),
    "absolute": (0.0,),
    "relu6": (0.0, 6.0),
    "hardsigmoid": (-3.0, 3.0),
    "hardtanh": ("min_val", "max_val"),
    "clamp": ("min", "max"),
    "clip": ("min", "max"),
    "clamp_min": ("min",),
    "clamp_max": ("max",),
    "softshrink": ("-lambd", "lambd"),
    "threshold": ("threshold",),
    "hardshrink": ("-lambd", "lambd"),
}
_SLOPES = {
    "relu": 1.0, "leaky_relu": 1.0, "elu": 1.0, "celu": 1.0, "selu": 1.76, "gelu": 1.13, "silu": 1.1, "sigmoid": 0.25,
    "tanh": 1.0, "softplus": 1.0, "hardtanh": 1.0, "relu6": 1.0, "abs": 1.0, "mish": 1.1, "hardsigmoid": 0.17,
    "hardswish": 1.5, "clamp": 1.0, "clamp_min": 1.0, "clamp_max": 1.0, "log_sigmoid": 1.0,
}  # fmt: skip
_LOWEST = {  # for both forms of gelu
    "abs": (0.0, 0.0, 0.0),
    "gelu": (-0.7525, -0.7517, -0.1700408),
    "silu": (-1.2785, -1.2784, -0.2784646),
    "mish": (-1.1925, -1.1924, -0.30885),
}
_SCALED = ("elu", "celu", "leaky_relu")


def _curves() -> dict[str, Curve]:
    growing, usually, steps = (names.split() for names in (_GROWING, _GROWING_USUALLY, _STEPS))
    return {
        name: Curve(
            growing=name in growing,
            grows_usually=name in growing or name in usually,
            bends=_BENDS.get(name),
            steps=name in steps,
            slope=_SLOPES.get(name),
            lowest=_LOWEST.get(name),
            scaled=name in _SCALED,
        )
        for name in dict.fromkeys([*growing, *usually, *steps, *_BENDS, *_SLOPES, *_LOWEST])
    }


CURVES: Mapping[str, Curve] = MappingProxyType(_curves())
"""By name."""
