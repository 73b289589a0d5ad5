"""Adversarial training: the loss at the worst sequences a short inner search finds.

The inner maximiser is the threat's closed form. One step takes the k largest gains of the loss's gradient at the clean
sequence together; with more steps, gradients at the sequences found so far are summed and the best response to the sum
is taken (discrete projected gradient). To first order the loss trained on is the clean loss plus the sum of its k
largest gains: the gradient penalty in the threat's dual norm.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqrobust.models import SequenceModel
from seqrobust.sequences import one_hot
from seqrobust.threats import BoundThreat, bind
from seqrobust.training.data import Batch
from seqrobust.training.objectives.ordinary import Ordinary
from seqrobust.training.settings import AdversarialSettings


@dataclass(frozen=True, kw_only=True)
class Adversarial(Ordinary):
    """The loss on adversarial sequences, a share of each batch left clean.

    Attributes:
        settings: budget, steps, share of clean records, ramp.
        switches: (K, K) bool permitted letter switches.
        units: (K, K) int64 cost of each, see :func:`seqrobust.threats.bind`; None where every switch costs one.
    """

    settings: AdversarialSettings
    switches: Tensor
    units: Tensor | None = None

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        share = self.settings.share_of_budget(epoch)
        # Batches are shuffled, so the first records are as good as random ones.
        clean = min(round(self.settings.clean_share * len(batch.tokens)), len(batch.tokens) - 1)
        attacked = batch.rows(slice(clean, None))
        found = worst_case(self, model, attacked, steps=self.settings.steps, share=share)
        tokens = torch.cat([batch.tokens[:clean], found])
        return Ordinary.losses(self, model, batch._replace(tokens=tokens), epoch)


def worst_case(objective: Adversarial, model: SequenceModel, batch: Batch, *, steps: int, share: float = 1.0) -> Tensor:
    """(B, W) uint8 tokens inside the threat at which the loss is high.

    Args:
        objective: gives the loss, the encoding and the permitted switches.
        model: its modes, statistics and parameter gradients are left as they were.
        batch: clean records.
        steps: gradients taken.
        share: of each record's budget, rounded up.
    """
    threat = _bound(objective, batch, share)
    tokens = batch.tokens
    total = torch.zeros(threat.permitted.shape, device=tokens.device)
    # Validation runs without gradients; the search needs them.
    with torch.enable_grad(), still(model):
        for _ in range(steps):
            encoded = one_hot(tokens, objective.alphabet, objective.unknown).requires_grad_(True)
            loss = objective.loss(model(encoded, batch.lengths), batch.targets)
            (gradient,) = torch.autograd.grad(loss.sum(), encoded)
            total = total + gradient.float()
            tokens = threat.best_response(total).tokens
    return tokens


def _bound(objective: Adversarial, batch: Batch, share: float) -> BoundThreat:
    device = batch.tokens.device
    return bind(
        batch.tokens,
        batch.editable,
        objective.switches.to(device),
        torch.ceil(batch.budget * share).long(),
        units=None if objective.units is None else objective.units.to(device),
    )


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Dropout off and batch statistics frozen, in a state from which gradients can be had.

    cuDNN back-propagates through recurrent layers in training mode only, in which they compute the same unless they
    drop out by themselves; one that does is put in evaluation mode, and cuDNN off.
    """
    modes = {part: part.training for part in model.modules()}
    noisy = any(isinstance(part, nn.RNNBase) and part.dropout > 0 for part in modes)
    try:
        for part in modes:
            part.training = isinstance(part, nn.RNNBase) and part.dropout == 0
        with torch.backends.cudnn.flags(enabled=False) if noisy else nullcontext():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode
