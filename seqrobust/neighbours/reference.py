"""Cached layers of the base sequences, from which every candidate's windows are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, fx

from seqrobust.models.predictor import ROWS
from seqrobust.neighbours.layers import Recogniser
from seqrobust.neighbours.windows import Columns

Node = fx.Node

BATCH = 16
"""Records in one full pass; all of its layers are held at once."""


class Reference:
    """N base sequences and what the network makes of them.

    Args:
        found: the graph.
        encode: tokens (n, L) to one-hot (n, K, L).
        columns: positional layers to keep.
        whole: other tensors (N, ...) to keep.

    Attributes:
        tokens: (N, L) the base.
        columns, whole: what is kept, by node.
        stale: (N,) bool, rows that have not been computed.
        stamp: (N,) int64, new whenever a row was computed or changed; what is derived from a layer compares it.
        patches: (N,) int64, how often a row was changed since it was computed.
    """

    def __init__(
        self,
        found: Recogniser,
        encode: Callable[[Tensor], Tensor],
        tokens: Tensor,
        *,
        columns: Iterable[Node],
        whole: Iterable[Node],
    ) -> None:
        self.found = found
        self.tokens = tokens.clone()
        self.stale = torch.ones(len(tokens), dtype=torch.bool)
        self.stamp = torch.zeros(len(tokens), dtype=torch.int64)
        self.patches = torch.zeros(len(tokens), dtype=torch.int64)
        self._encode = encode
        device = tokens.device
        shapes, dtypes = found.traced.shapes, found.traced.dtypes
        self.columns = {
            node: Columns(
                len(tokens), found.local[node].length, found.local[node].channels, device=device, dtype=dtypes[node]
            )
            for node in columns
        }
        self.whole = {
            node: torch.zeros(len(tokens), *shapes[node][1:], device=device, dtype=dtypes[node]) for node in whole
        }

    def compute(self, rows: Tensor) -> None:
        """Compute the layers of some rows (indices) from their tokens, in full."""
        for part in torch.split(rows, BATCH):
            # Filled up as a predictor's batches are, so that a record's layers do not depend on those beside it.
            filled = torch.cat([part, part[-1:].expand(-len(part) % ROWS)])
            self._store(part, self._replayed(self._encode(self.tokens[filled])))
        rows = rows.cpu()
        self.stale[rows] = False
        self.patches[rows] = 0
        self.stamp[rows] += 1

    def patched(self, rows: Tensor) -> None:
        """Take note that the layers of some rows were overwritten by those of edited sequences."""
        self.patches[rows.cpu()] += 1
        self.stamp[rows.cpu()] += 1

    def _replayed(self, encoded: Tensor) -> dict[Node, Any]:
        traced = self.found.traced
        values: dict[Node, Any] = {traced.input: encoded}
        traced.replay(traced.nodes, values, len(encoded))
        return values

    def _store(self, rows: Tensor, values: dict[Node, Any]) -> None:
        for node, columns in self.columns.items():
            value = values[node][: len(rows)]
            columns.values[rows] = value if self.found.local[node].channels_last else value.transpose(1, 2)
        for node, kept in self.whole.items():
            kept[rows] = values[node][: len(rows)]
