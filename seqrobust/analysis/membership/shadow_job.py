"""What the training of all shadow models shares: records, settings, the order of batches, and seeds.

Everything that is drawn depends on the seed, the model and the step, and not on how models are trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.membership.assignment import batches, steps_an_epoch
from seqrobust.sequences import one_hot
from seqrobust.sequences.encoding import Unknown
from seqrobust.threats import SubstitutionThreat
from seqrobust.training.augmentation import evolved
from seqrobust.training.costs import record_budgets
from seqrobust.training.data import Batch, Labelled, with_reverse_complements
from seqrobust.training.losses import RecordLoss
from seqrobust.training.settings import TrainingSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """The pool on a device."""

    alphabet: Alphabet
    columns: Batch
    ragged: bool

    @classmethod
    def of(cls, pool: Labelled, threat: SubstitutionThreat | None, device: torch.device) -> Records:
        sequences = pool.sequences
        lengths, count = torch.tensor(sequences.lengths), len(sequences)
        width = int(lengths.max())
        editable = torch.zeros((count, sequences.width), dtype=torch.bool)
        budget = torch.zeros(count, dtype=torch.int64)
        if threat is not None:
            editable, budget = torch.from_numpy(threat.editable(sequences)), record_budgets(threat, sequences)
        columns = Batch(
            tokens=torch.tensor(sequences.tokens)[:, :width],
            lengths=lengths,
            targets=torch.tensor(pool.targets.values),
            editable=editable[:, :width],
            budget=budget,
            records=torch.arange(count),
        )
        return cls(alphabet=sequences.alphabet, columns=columns.to(device), ragged=int(lengths.min()) != width)


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What all models' training shares.

    Attributes:
        settings: how to train.
        records: the pool.
        loss: per record, of ordinary training.
        unknown: how unknown letters are encoded.
        seed: of everything that is drawn.
        inside: (M, N) which model trains on which record.
        last: the epoch, counted from 1, after which training stops.
    """

    settings: TrainingSettings
    records: Records
    loss: RecordLoss
    unknown: Unknown
    seed: int
    inside: NDArray[np.bool_]
    last: int

    @property
    def epochs(self) -> range:
        """Those that are trained; schedules run as if all of the settings' were."""
        return range(min(self.last, self.settings.epochs))

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return steps_an_epoch(self.inside, self.settings.batch_size)

    def epoch(self, epoch: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Number of each step, counted from the first epoch on, and its (M, b) records."""
        drawn = batches(self.inside, self.settings.batch_size, seed=self.seed, epoch=epoch)
        return enumerate(drawn, start=epoch * self.steps)

    def batch(self, rows: NDArray[np.int64], model: int, epoch: int, step: int) -> Batch:
        """One model's records as it is shown them, as training shows them; seeds what dropout draws from."""
        records, settings = self.records, self.settings
        batch = records.columns.rows(torch.from_numpy(rows).to(records.columns.tokens.device))
        assert batch.lengths is not None
        width = int(batch.lengths.max()) if records.ragged else batch.tokens.shape[1]
        batch = batch._replace(
            tokens=batch.tokens[:, :width],
            editable=batch.editable[:, :width],
            lengths=batch.lengths if records.ragged else None,
        )
        tokens = batch.tokens
        _seed_device(tokens.device, number_for(self.seed, model, step))
        if settings.reverse_complement:
            turned = torch.rand(len(tokens), device=tokens.device) < 0.5
            batch = with_reverse_complements(batch, turned, records.alphabet)
        if settings.augment == "evolution" and epoch < math.ceil(settings.augment_until * settings.epochs):
            batch = evolved(batch, records.alphabet)
        return batch

    def batches(self, rows: NDArray[np.int64], models: list[int], epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """(M, b, W) tokens and (M, b) or (M, b, T) targets that some models are shown; records of one length."""
        if self.settings.reverse_complement or self.settings.augment != "none":
            parts = [self.batch(rows[model], model, epoch, step) for model in models]
            return torch.stack([part.tokens for part in parts]), torch.stack([part.targets for part in parts])
        columns = self.records.columns
        chosen = torch.from_numpy(rows[models]).to(columns.tokens.device)
        _seed_device(chosen.device, number_for(self.seed, models[0], step))
        return columns.tokens[chosen], columns.targets[chosen]

    def encoded(self, tokens: Tensor) -> Tensor:
        """(B, K, W)."""
        return one_hot(tokens, self.records.alphabet, self.unknown)

    def optimiser(self, weights: list[Tensor]) -> tuple[torch.optim.Optimizer, Any]:
        """AdamW and the schedule, as in training."""
        settings, total = self.settings, self.steps * self.settings.epochs
        optimizer = torch.optim.AdamW(
            weights,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=weights[0].device.type in ("cpu", "cuda"),
        )
        if settings.schedule == "one_cycle":
            return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=total)
        if settings.schedule == "cosine":
            return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
        return optimizer, None


def _seed_device(device: torch.device, seed: int) -> None:
    """Seed what a step on this device draws from; seeding every kind of device takes longer than a small step may."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def number_for(seed: int, model: int, step: int) -> int:
    """A seed of torch for one model at one step."""
    return int(np.random.SeedSequence([seed, model, step + 1]).generate_state(1, np.uint64)[0] >> np.uint64(1))
