"""What the user sees while something runs: bars on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from seqrobust.progress import Estimate
from seqrobust.report.printable import printable

# Into a file or a pipe rich would fold at 80 columns; whoever greps there wants whole lines.
_WIDE = 160
out = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDE)


class ConsoleProgress:
    """Draws :class:`seqrobust.progress.Progress` on standard error.

    Silent in the helper processes of distributed training, where each device runs the same command.
    """

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=err,
            disable=not err.is_terminal,
        )
        self._speaks = os.environ.get("LOCAL_RANK", "0") == "0"
        self._task: TaskID | None = None
        self._stage = ""
        self._total = 0.0
        self._spoken = 0.0
        self._estimate = Estimate(0.0, 0.0)

    def __enter__(self) -> ConsoleProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        if kind is KeyboardInterrupt:
            err.print("stopped; what is finished is kept: the same command with --resume goes on from there")

    def start(self, stage: str, total: float) -> None:
        """A stage begins that will take so many steps."""
        self._total, self._spoken = total, time.monotonic()
        self._estimate = Estimate(total, self._spoken)
        self._stage = stage = printable(stage)
        self._task = self._bars.add_task(escape(stage), total=total, text="")
        if not err.is_terminal and self._speaks:
            err.print(f"{stage} ...", markup=False)

    def advance(self, done: float, text: str = "") -> None:
        """So many steps of the current stage are done."""
        text = printable(text)
        if self._task is not None:
            self._bars.update(self._task, completed=int(done), text=escape(text))
        if self._speaks and (said := self._estimate.said(done, time.monotonic())) is not None:
            err.print(f"{self._stage}: {said}", markup=False)
        # In a log file, a line every half minute shows that the run is alive.
        if not err.is_terminal and time.monotonic() - self._spoken > 30:
            self._spoken = time.monotonic()
            err.print(f"{self._stage}: {int(done)} of {int(self._total)} {text}".rstrip(), markup=False)

    def say(self, text: str) -> None:
        """Something the user should know."""
        if self._speaks:
            err.print(printable(f"note: {text}"), markup=False)
