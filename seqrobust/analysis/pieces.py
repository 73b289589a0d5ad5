"""Finished pieces of a study as JSON: made once, then read, so that a run that was stopped does not repeat them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqrobust.files import write_text


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
