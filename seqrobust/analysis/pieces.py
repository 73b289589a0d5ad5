"""Finished pieces of a study: made once, then read, so that a run that was stopped does not repeat them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.files import replacing, write_text

Arrays = dict[str, NDArray[Any]]


def kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A piece: read where its file is there, otherwise made and written.

    What is given is always what the file holds, so that a resumed run cannot differ from one that was never stopped:
    numbers keep every digit, NaN and infinity stay themselves, and tuples become lists.
    """
    if not path.exists():
        write_text(path, json.dumps(make(), default=_number))
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _number(value: Any) -> Any:
    """A number or an array of numpy as Python holds it."""
    return value.tolist()


def kept_arrays(path: Path | None, make: Callable[[], Arrays]) -> Arrays:
    """A piece made of arrays of numbers, kept in a file of numpy's; not kept where there is no path."""
    if path is None:
        return make()
    if not path.exists():
        with replacing(path) as temporary:
            np.savez(temporary, **make())  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}
