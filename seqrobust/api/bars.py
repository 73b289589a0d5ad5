"""Progress bars for Python and notebooks, by tqdm, which Lightning brings along."""

from __future__ import annotations

import sys
from typing import Any

from tqdm.auto import tqdm


class Bars:
    """A bar a stage; notices are written above it."""

    def __init__(self) -> None:
        self._bar: Any = None

    def start(self, stage: str, total: float) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._close()
        self._bar = tqdm(total=total, desc=stage)

    def advance(self, done: float, text: str = "") -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
            self._bar.set_postfix_str(text)
            if done >= self._bar.total:
                self._close()

    def say(self, text: str) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        tqdm.write(f"note: {text}", file=sys.stderr)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
