"""Random numbers that belong to a record: they depend on the seed, its id and the purpose, and on nothing beside it.

So results do not change with batch size, order, sharding or number of devices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class RecordStreams:
    """One counter-based generator (Philox) per record.

    Args:
        seed: the run's seed.
        ids: names of the records.
        purpose: what the numbers are for, so that two uses of one seed do not share them.
    """

    def __init__(self, seed: int, ids: Sequence[str], purpose: str) -> None:
        self._generators = [np.random.Generator(np.random.Philox(key=_key(seed, name, purpose))) for name in ids]

    def uniforms(self, columns: int, device: torch.device | str = "cpu") -> Tensor:
        """(n, columns) float64 in [0, 1): the next numbers of every stream."""
        if not self._generators:
            return torch.zeros(0, columns, dtype=torch.float64, device=device)
        return torch.from_numpy(np.stack([one.random(columns) for one in self._generators])).to(device)


def _key(seed: int, name: str, purpose: str) -> int:
    digest = hashlib.blake2b(f"{seed}\0{name}\0{purpose}".encode(), digest_size=16)
    return int.from_bytes(digest.digest(), "little")
