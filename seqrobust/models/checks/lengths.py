"""Which lengths a module takes: one only, those from some length on, or multiples of something."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_USUAL = (
    *(50, 100, 101, 150, 200, 201, 230, 249, 250, 251, 256, 300, 400, 500, 501, 512, 600),
    *(1000, 1001, 1024, 1344, 2000, 2048, 2114, 4096),
)
"""At which published models of DNA and protein stand."""
_ANOTHER = 1000
_LONGEST = 40_000
_PRODUCT = re.compile(r"mat1 and mat2 shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)")
_STEPS = 16


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Lengths that a module takes.

    Attributes:
        size: a length that works.
        says: all that do, in words.
    """

    size: int
    says: str


def found_lengths(
    error: Callable[[int], str | None], length: int, width: int, sizes: Sequence[int], late: Callable[[], bool]
) -> Lengths | None:
    """Lengths at which a module works that fails at one; None where none is found.

    Args:
        error: what it raises at a length; None where it works.
        length: at which it fails.
        width: channels of its input; lengths like that are left out, for a model whose input is turned around takes it.
        sizes: numbers that stand in its weights' shapes.
        late: whether to stop.
    """
    if error(length) == error(_ANOTHER):
        return None  # A fault of shape would name other numbers.
    asked = set()
    for candidate in _candidates(error, length, sizes):
        if candidate in asked or not width + 8 < candidate <= _LONGEST or candidate == length:
            continue
        asked.add(candidate)
        if late():
            return None
        if error(candidate) is None:
            return _described(error, length, candidate)
    return None


def _candidates(error: Callable[[int], str | None], length: int, sizes: Sequence[int]) -> Iterator[int]:
    said = error(length) or ""
    for start in (length, _ANOTHER, 4 * _ANOTHER):
        yield from _towards(error, start)
    yield from (int(number) for number in re.findall(r"\d+", said))
    yield from (length * 2**power for power in range(1, 8))
    yield from (-(-length // 2**power) * 2**power for power in range(1, 13))
    yield from sizes
    yield from _USUAL


def _towards(error: Callable[[int], str | None], length: int) -> Iterator[int]:
    """Lengths by what a linear layer misses: its input grows with the length, by steps where there are pools."""
    low, high = 0, _LONGEST
    for _ in range(_STEPS):
        product = _PRODUCT.search(error(length) or "")
        if product is None:
            return
        has, wants = int(product[1]), int(product[2])
        if has < wants:
            low = max(low, length)
        else:
            high = min(high, length)
        guess = round(length * wants / max(has, 1))
        length = guess if low < guess < high else (low + high) // 2
        if length in (low, high):
            return
        yield length


def _described(error: Callable[[int], str | None], length: int, size: int) -> Lengths:
    """What is common to lengths that work, one of which is known."""

    def works(other: int) -> bool:
        return other > 0 and error(other) is None

    if works(size + 1) and works(size + 7):
        low, high = (length, size) if size > length else (size, length)
        if size < length:
            return Lengths(size=size, says=f"of {size} letters, and not of {length}")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if works(middle) else (middle, high)
        return Lengths(size=high, says=f"of {high} letters or more")
    for step in (2**power for power in range(12, 0, -1)):
        if size % step == 0 and works(size + step) and not works(size + step // 2):
            fitting = -(-length // step) * step
            size = fitting if works(fitting) else size
            return Lengths(size=size, says=f"whose number of letters is a multiple of {step}")
    if works(size - 1) or works(size + 1):
        low, high = size, size
        while low > 1 and size - low < 64 and works(low - 1):
            low -= 1
        while high - size < 64 and works(high + 1):
            high += 1
        return Lengths(size=size, says=f"of {low} to {high} letters (pools make them alike): look up the one it had")
    return Lengths(size=size, says=f"of {size} letters only")
