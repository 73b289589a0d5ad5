"""Trying a subject on many damaged inputs: each must be taken, or refused by an error of our own, soon.

``SEQROBUST_HOSTILE`` multiplies every number of tries (1 where it is not set), and ``SEQROBUST_HOSTILE_SEED`` chooses
other ones. What failed is called by the error's type and the place it came from, so that a thousand cases of one fault
are one line.
"""

from __future__ import annotations

import os
import random
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqrobust.errors import InternalError, SeqRobustError

SECONDS = 10
"""After which a refusal comes too late."""


def tries(usual: int) -> int:
    """So many tries, times what the environment asks for."""
    return max(1, int(usual * float(os.environ.get("SEQROBUST_HOSTILE", "1"))))


def generator(name: str) -> random.Random:
    """The draws of one subject."""
    return random.Random(f"{os.environ.get('SEQROBUST_HOSTILE_SEED', '0')} {name}")


@dataclass(kw_only=True)
class Tally:
    """What came of the tries: how many were taken, how many refused, and the faults by signature with an example."""

    taken: int = 0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.taken} taken, {self.refused} refused, {self.faults.total()} faults:"]
        lines += [f"  {count} x {name}\n      {self.examples[name]!r}" for name, count in self.faults.most_common(40)]
        return "\n".join(lines)


class _TooLate(BaseException):
    """Not an Exception, so that no handler takes it for a damaged file."""


@contextmanager
def _alarm() -> Iterator[None]:
    def late(*_: object) -> None:
        raise _TooLate

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def attempt(tally: Tally, call: Callable[[], object], shown: object) -> None:
    """One try, tallied."""
    try:
        with _alarm(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except InternalError as error:
        _fault(tally, error, shown)
    except SeqRobustError as error:
        tally.refused += 1
        if not str(error).strip():
            _fault(tally, error, shown)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        _fault(tally, error, shown)
    else:
        tally.taken += 1


def _fault(tally: Tally, error: BaseException, shown: object) -> None:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/seqrobust" in frame.filename]
    place = "nowhere"
    if frames:
        last = frames[-1]
        place = f"{Path(last.filename).name}:{last.lineno} {last.name}"
    name = f"{type(error).__name__} at {place}: {str(error)[:80]!r}"
    # Messages quote what was damaged: the place and type are the fault, the first message its example.
    known = next((one for one in tally.faults if one.split(": ")[0] == name.split(": ")[0]), name)
    tally.faults[known] += 1
    tally.examples.setdefault(known, shown)


def noted(name: str, count: int, faults: int) -> None:
    """Note tries and faults in the file that ``SEQROBUST_HOSTILE_TABLE`` names."""
    if place := os.environ.get("SEQROBUST_HOSTILE_TABLE"):
        with open(place, "a", encoding="utf-8") as handle:
            handle.write(f"{name}\t{count}\t{faults}\n")


def require_none(tally: Tally, name: str) -> None:
    """Fail with the faults; what was tried is noted in the file that ``SEQROBUST_HOSTILE_TABLE`` names."""
    noted(name, tally.taken + tally.refused + tally.faults.total(), tally.faults.total())
    assert not tally.faults, f"{name}: {tally}"
