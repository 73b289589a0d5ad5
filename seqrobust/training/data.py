"""Records as batches of tensors: fetched a batch at a time, shuffled by seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from seqrobust.alphabet import Alphabet
from seqrobust.errors import DataError
from seqrobust.models.masking import reversed_within
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.threats import SubstitutionThreat

Loader: TypeAlias = "DataLoader[Any]"


class Batch(NamedTuple):
    """B records.

    Attributes:
        tokens: (B, W) uint8, W the longest record of the batch.
        lengths: (B,) int64.
        targets: (B,) or (B, T).
        editable: (B, W) bool, where an adversary may edit.
        budget: (B,) int64 full budget of each record; 0 without an adversary.
    """

    tokens: Tensor
    lengths: Tensor
    targets: Tensor
    editable: Tensor
    budget: Tensor

    def rows(self, chosen: Tensor | slice) -> Batch:
        """Some of its records."""
        return Batch(*(column[chosen] for column in self))


def with_reverse_complements(batch: Batch, chosen: Tensor, alphabet: Alphabet) -> Batch:
    """The batch with its chosen (B,) records read on the other strand, what may be edited with them."""
    table = torch.tensor(alphabet.complement_table, device=batch.tokens.device)
    pair = torch.stack([table[batch.tokens.long()], batch.editable.to(torch.uint8)], dim=2)
    tokens, editable = reversed_within(pair, batch.lengths).unbind(2)
    return batch._replace(
        tokens=torch.where(chosen[:, None], tokens, batch.tokens),
        editable=torch.where(chosen[:, None], editable.bool(), batch.editable),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Records and their targets."""

    sequences: SequenceSet
    targets: Targets


class RecordDataset(Dataset[Batch]):
    """Records as tensors on the CPU; asks for many rows at once, so that no record is handled by itself."""

    def __init__(self, records: Labelled, threat: SubstitutionThreat | None) -> None:
        sequences = records.sequences
        if not len(sequences):
            raise DataError("there is no record to train or validate on")
        shape = (len(sequences), sequences.width)
        editable = torch.zeros(shape, dtype=torch.bool)
        budget = torch.zeros(len(sequences), dtype=torch.int64)
        if threat is not None:
            mask = threat.editable(sequences)
            editable, budget = torch.tensor(mask), torch.tensor(threat.counts(mask))
        self._columns = Batch(
            tokens=torch.tensor(sequences.tokens),
            lengths=torch.tensor(sequences.lengths),
            targets=torch.tensor(records.targets.values),
            editable=editable,
            budget=budget,
        )

    def __len__(self) -> int:
        return len(self._columns.tokens)

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        batch = self._columns.rows(torch.tensor(rows))
        width = int(batch.lengths.max())
        return batch._replace(tokens=batch.tokens[:, :width], editable=batch.editable[:, :width])


class EpochShuffle(Sampler[int]):
    """Another order each epoch, fixed by seed and epoch, so that a resumed run sees what an unbroken one would."""

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        return iter(torch.randperm(self._count, generator=generator).tolist())


class RecordDataModule(lightning.LightningDataModule):
    """Training and validation batches.

    Args:
        train, valid: records.
        batch_size: of training; validation takes four times as many, for it keeps no graph.
        seed: of the shuffle.
        threat: what an adversary may do to them, or None.
    """

    def __init__(
        self, train: Labelled, valid: Labelled, *, batch_size: int, seed: int, threat: SubstitutionThreat | None
    ) -> None:
        super().__init__()
        self._train, self._valid = RecordDataset(train, threat), RecordDataset(valid, threat)
        self._batch_size = batch_size
        self._seed = seed

    def train_dataloader(self) -> Loader:
        """Shuffled batches."""
        shuffle = EpochShuffle(len(self._train), self._seed)
        return DataLoader(self._train, batch_size=self._batch_size, sampler=shuffle, collate_fn=_as_is)

    def val_dataloader(self) -> Loader:
        """Batches in file order."""
        return DataLoader(self._valid, batch_size=4 * self._batch_size, collate_fn=_as_is)


def _as_is(batch: Any) -> Any:
    """Batches are fetched whole; there is nothing left to collate."""
    return batch
