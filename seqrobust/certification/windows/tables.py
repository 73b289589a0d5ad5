"""What windows contribute to the logits, by their letters: looked up where all of them fit into memory.

Windows whose crops are alike share the units of all their letters; each has its own read-out.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from seqrobust.certification.operators import UnknownNetworkError
from seqrobust.certification.windows.recognise import MOST_WINDOWS, Window, WindowSum

_MOST_BYTES = 1 << 30
"""Of all tables together."""
_TOGETHER = 1 << 22
"""One-hot cells that are evaluated at once."""
_CHECKED = 8
_ALLOWED = 1e-9
"""Share of the sums of sizes by which sums of windows and the network itself may differ in double precision."""


class WindowTables:
    """Contributions of the windows of one network.

    Args:
        sums: the network.
        letters: K.
        tabulate: whether to tabulate what fits.

    Attributes:
        tolerance: (outputs,) by which the model's own arithmetic may differ from the exact sum.
    """

    def __init__(self, sums: WindowSum, letters: int, *, tabulate: bool = True) -> None:
        self.sums, self._letters = sums, letters
        self._tables: dict[Window, Tensor] = {}
        outputs = sums.network.outputs
        self._largest: dict[Window, Tensor] = {}
        wanted = [one for one in sums.windows if self._cells(one) <= MOST_WINDOWS]
        different = {(one.source, one.size, one.within, self._read_out(one)): self._cells(one) for one in wanted}
        size = sum(8 * outputs * cells for cells in different.values())
        if tabulate and size <= _MOST_BYTES:
            self._tabulate(wanted)
        sizes = torch.zeros(outputs, dtype=torch.float64)
        for window in sums.windows:
            source = sums.sources[window.source]
            if window in self._tables:
                sizes += self._largest[window]
            else:
                sizes += (source.sizes[:, window.place] * source.largest[window.place]).sum(1)
        self.tolerance = sums.tolerance(sizes)

    def _cells(self, window: Window) -> int:
        return int(min(self._letters**window.size, 1 << 40))

    def values(self, window: Window, tokens: Tensor) -> Tensor:
        """(rows, outputs) what a window adds for each of (rows, size) crops."""
        table = self._tables.get(window)
        if table is not None and bool((tokens < self._letters).all()):
            return table[self._numbers(tokens)]
        units = self._units(window, tokens)
        return units @ self.sums.sources[window.source].weights[:, window.place].T

    def verify(self, tokens: Tensor) -> None:
        """Compare sums of windows with the network on (rows, L) sequences.

        Raises UnknownNetworkError where they differ: the network is not what it was taken for.
        """
        total = self.sums.constant.expand(len(tokens), -1).clone()
        size = self.sums.constant_size.clone()
        for window in self.sums.windows:
            part = self.values(window, tokens[:, window.start : window.end + 1])
            total += part
            size += part.abs().amax(0)
        whole = self.sums.network.run(self.sums.network.encode(tokens))
        if not bool(((total - whole).abs() <= _ALLOWED * (size + self.tolerance)).all()):
            raise UnknownNetworkError("its windows do not add up to its outputs")

    def _tabulate(self, windows: list[Window]) -> None:
        alike: dict[tuple[int, int, int], list[Window]] = defaultdict(list)
        for window in windows:
            alike[window.source, window.size, window.within].append(window)
        for (_, size, _), group in alike.items():
            made = self._units(group[0], self._all_letters(size))
            held: dict[bytes, tuple[Tensor, Tensor]] = {}
            for window in group:
                key = self._read_out(window)
                if key not in held:
                    source = self.sums.sources[window.source]
                    weights, sizes = source.weights[:, window.place].T, source.sizes[:, window.place].T
                    held[key] = made @ weights, (made.abs() @ sizes).amax(0)
                self._tables[window], self._largest[window] = held[key]

    def _read_out(self, window: Window) -> bytes:
        """Tells windows of the same units apart: read out alike, as by a mean, they share a table."""
        source = self.sums.sources[window.source]
        return b"".join(part[:, window.place].numpy().tobytes() for part in (source.weights, source.sizes))

    def _units(self, window: Window, tokens: Tensor) -> Tensor:
        """(rows, units) of a window, so many crops at a time as memory allows."""
        rows = max(_TOGETHER // (self._letters * window.size * 16), 1)
        parts = [self.sums.units(window.source, part, window.within) for part in torch.split(tokens, rows)]
        return torch.cat(parts)

    def _all_letters(self, size: int) -> Tensor:
        """(K^size, size) all crops of letters, in the order of :meth:`_numbers`."""
        number = torch.arange(self._letters**size)
        columns = [number // self._letters ** (size - 1 - place) % self._letters for place in range(size)]
        return torch.stack(columns, 1).to(torch.uint8)

    def _numbers(self, tokens: Tensor) -> Tensor:
        size = tokens.shape[1]
        powers = torch.tensor([self._letters ** (size - 1 - place) for place in range(size)])
        return (tokens.long() * powers).sum(1)
