"""A file that is another one for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def put_back(path: Path) -> Iterator[None]:
    """Afterwards a file is as it was, so that tests may share a finished run and each change one of its files."""
    before = path.read_bytes()
    try:
        yield
    finally:
        path.write_bytes(before)
