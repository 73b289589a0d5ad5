"""Records as batches of tensors: fetched a batch at a time, shuffled by seed and epoch alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import pytorch_lightning as lightning
import torch
from pytorch_lightning.overrides.distributed import UnrepeatedDistributedSampler
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from seqrobust.alphabet import Alphabet
from seqrobust.errors import DataError
from seqrobust.models.masking import reversed_within
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.threats import SubstitutionThreat
from seqrobust.training.costs import record_budgets

Loader: TypeAlias = "DataLoader[Any]"


class Batch(NamedTuple):
    """B records.

    Attributes:
        tokens: (B, W) uint8, W the longest record of the batch.
        lengths: (B,) int64, or None where every record fills the batch: known before the batch reaches a GPU, which
            need not be waited for then.
        targets: (B,) or (B, T).
        editable: (B, W) bool, where an adversary may edit.
        budget: (B,) int64 full budget of each record, in units of cost; 0 without an adversary.
        records: (B,) int64 number of each record among those it was taken from, or None where it is nobody's.
        turned: (B,) bool which records were turned to their other strand, or None where none was.
    """

    tokens: Tensor
    lengths: Tensor | None
    targets: Tensor
    editable: Tensor
    budget: Tensor
    records: Tensor | None = None
    turned: Tensor | None = None

    def rows(self, chosen: Tensor | slice) -> Batch:
        """Some of its records."""
        return Batch._make(None if part is None else part[chosen] for part in self)

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch._make(
            None if part is None else part.to(device, non_blocking=device.type == "cuda") for part in self
        )


def turned(tokens: Tensor, lengths: Tensor | None, alphabet: Alphabet) -> Tensor:
    """(B, W) uint8 tokens read on the other strand, padding left behind each record's end."""
    table = torch.tensor(alphabet.complement_table, device=tokens.device)
    return reversed_within(table[tokens.long()][:, :, None], lengths)[:, :, 0]


def with_reverse_complements(batch: Batch, chosen: Tensor, alphabet: Alphabet) -> Batch:
    """The batch with its chosen (B,) records read on the other strand, what may be edited with them."""
    editable = reversed_within(batch.editable[:, :, None], batch.lengths)[:, :, 0]
    return batch._replace(
        tokens=torch.where(chosen[:, None], turned(batch.tokens, batch.lengths, alphabet), batch.tokens),
        editable=torch.where(chosen[:, None], editable, batch.editable),
        turned=chosen,
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
            raise DataError("there is no record")
        count = len(sequences)
        editable = torch.zeros((count, sequences.width), dtype=torch.bool)
        budget = torch.zeros(count, dtype=torch.int64)
        if threat is not None:
            editable, budget = torch.from_numpy(threat.editable(sequences)), record_budgets(threat, sequences)
        self._lengths = torch.tensor(sequences.lengths)
        self._columns = Batch(
            tokens=torch.tensor(sequences.tokens),
            lengths=self._lengths,
            targets=torch.tensor(records.targets.values),
            editable=editable,
            budget=budget,
            records=torch.arange(count),
        )

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitems__(self, rows: Sequence[int]) -> Batch:
        chosen = torch.tensor(rows)
        lengths, batch = self._lengths[chosen], self._columns.rows(chosen)
        width = int(lengths.max())
        return batch._replace(
            tokens=batch.tokens[:, :width],
            editable=batch.editable[:, :width],
            lengths=None if int(lengths.min()) == width else lengths,
        )


class RecordDataModule(lightning.LightningDataModule):
    """Training and validation batches, shared out where there are several devices.

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

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """The batch on a device; Lightning's own way through nested collections takes longer than the copy."""
        return batch.to(device)

    def train_dataloader(self) -> Loader:
        """Shuffled batches, in an order that seed and epoch fix, so that a resumed run sees what an unbroken one would.

        A last batch of a single record is left out, another one each epoch: there is no spread to normalise it by.
        """
        replicas, rank = self._share()
        # Lightning tells this sampler the epoch, and leaves it as it is where there are several devices.
        shuffle: DistributedSampler[Batch] = DistributedSampler(
            self._train, num_replicas=replicas, rank=rank, seed=self._seed * 1_000_003
        )
        lone = len(shuffle) > self._batch_size and len(shuffle) % self._batch_size == 1
        return DataLoader(self._train, batch_size=self._batch_size, sampler=shuffle, collate_fn=_as_is, drop_last=lone)

    def val_dataloader(self) -> Loader:
        """Batches in file order, every record once however many devices share them.

        Raises DataError where there are fewer records than devices: all devices begin validation together.
        """
        replicas, rank = self._share()
        if len(self._valid) < replicas:
            raise DataError(
                "every device validates on a record at least",
                expected=f"{replicas} validation records or more",
                found=str(len(self._valid)),
                fix="train on fewer devices, or set more records aside",
            )
        # Lightning's own sampler would have some devices repeat a record, to make their shares equal.
        shares = UnrepeatedDistributedSampler(self._valid, num_replicas=replicas, rank=rank, shuffle=False)
        return DataLoader(self._valid, batch_size=4 * self._batch_size, sampler=shares, collate_fn=_as_is)

    def _share(self) -> tuple[int, int]:
        """How many processes there are, and which one this is."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)


def _as_is(batch: Any) -> Any:
    """Batches are fetched whole; there is nothing left to collate."""
    return batch
