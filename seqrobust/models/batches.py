"""Rows in batches of a size that memory is large enough for: what was set, then half as many wherever it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from seqrobust.errors import ModelError
from seqrobust.memory import lacks_memory
from seqrobust.models.bare import ROWS, BareModel

AnswerT = TypeVar("AnswerT")


class Batches:
    """Sends rows to a device, batch by batch.

    Args:
        bare: the module that is asked. It is told the largest batch, and whether it takes one record at a time.
        device: where batches go.
        size: records per batch, at most.
        say: called with the notice that memory was too small.
    """

    def __init__(self, bare: BareModel, device: torch.device, size: int, say: Callable[[str], None]) -> None:
        self._bare, self._device, self._say = bare, device, say
        self.size = size

    @property
    def size(self) -> int:
        """Records per batch: what was set, or the next smaller multiple of :data:`ROWS` where there is one."""
        return self._size

    @size.setter
    def size(self, records: int) -> None:
        self._size = records // ROWS * ROWS or records
        self._bare.most = self._size

    def answers(self, rows: Tensor, ask: Callable[[Tensor, Tensor], AnswerT]) -> Iterator[AnswerT]:
        """What is answered to batches of (M, ...) rows, on the device, and their (m,) numbers among the M.

        The last batch is filled up with its last row. Where memory is too small for a batch, half as many are sent from
        then on, and that is said. Raises ModelError where a single record is too much.
        """
        start = 0
        while start < len(rows):
            index = self._filled(start, len(rows))
            size = self.size
            try:
                answer = ask(rows[index.to(rows.device)].to(self._device), index.to(self._device))
            except (RuntimeError, MemoryError) as error:
                self._halve(error)
                continue
            yield answer
            start += size

    def tried(self, attempt: Callable[[], AnswerT]) -> AnswerT:
        """What an attempt that sends whole batches gives, repeated with smaller ones where memory is too small.

        Raises ModelError where a single record is too much.
        """
        while True:
            try:
                return attempt()
            except (RuntimeError, MemoryError) as error:
                self._halve(error)

    def _filled(self, start: int, rows: int) -> Tensor:
        """Numbers of the rows of the batch that begins at one, the last row repeated as often as filling up takes."""
        stop = min(start + self.size, rows)
        count = stop - start
        if not self._bare.one_by_one:
            count = -(-count // self._bare.fill) * self._bare.fill
        return torch.arange(start, start + count).clamp(max=stop - 1)

    def _halve(self, error: Exception) -> None:
        """Halve the batches after an error that asks for it; raise any other.

        Raises ModelError where a single record is too much.
        """
        if not lacks_memory(error):
            raise error
        if self.size == 1:
            raise ModelError(
                "there is not enough memory for a single record",
                found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
                fix="shorten the records with --max-length, or use a machine with more memory",
            ) from error
        before = self.size
        self.size = before // 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        self._say(
            f"memory is too small for {before} records at a time: {self.size} are sent from here on "
            f"(--batch-size {self.size} from the start saves trying)"
        )
