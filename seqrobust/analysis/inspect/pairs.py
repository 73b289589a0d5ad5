"""Clean sequences, adversarial ones found for them and random edits of the same number, in batches of one length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.attacks import predictions
from seqrobust.attacks.streams import RecordStreams
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of
from seqrobust.threats import Budget, SubstitutionThreat


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """n records and their edited versions.

    Attributes:
        ids: of the records.
        lengths: (n,) letters, the same for all versions of a record.
        clean, adversarial: (n, L) tokens.
        random: (R, n, L) tokens of random edits, as many as the adversarial sequence has.
    """

    ids: tuple[str, ...]
    lengths: NDArray[np.int64]
    clean: Tensor
    adversarial: Tensor
    random: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_edits(self) -> NDArray[np.int64]:
        """(n,) letters that differ."""
        found: NDArray[np.int64] = (self.clean != self.adversarial).sum(1).cpu().numpy()
        return found

    @property
    def versions(self) -> Tensor:
        """(2 + R, n, L): clean, adversarial, random."""
        return torch.cat([self.clean[None], self.adversarial[None], self.random])

    def take(self, rows: NDArray[np.int64] | Sequence[int]) -> Pairs:
        """Those records, cut to the longest of them."""
        index = torch.as_tensor(np.asarray(rows, np.int64))
        lengths = self.lengths[index.numpy()]
        width = int(lengths.max(initial=0))
        return Pairs(
            ids=tuple(self.ids[row] for row in index.tolist()),
            lengths=lengths,
            clean=self.clean[index, :width],
            adversarial=self.adversarial[index, :width],
            random=self.random[:, index, :width],
        )

    def batches(self, size: int) -> Iterator[Pairs]:
        """Batches of records of one length, so that no padding is among them."""
        for length in np.unique(self.lengths):
            rows = np.flatnonzero(self.lengths == length)
            for start in range(0, len(rows), size):
                yield self.take(rows[start : start + size])


def make_pairs(
    sequences: SequenceSet, adversarial: NDArray[np.uint8], threat: SubstitutionThreat, *, draws: int, seed: int
) -> Pairs:
    """Pairs of records and adversarial (n, L) tokens of the same lengths, with ``draws`` random edits beside each.

    Random edits come from the threat, and spend what the adversarial sequence has edits.
    """
    clean = torch.tensor(sequences.tokens)
    other = torch.tensor(adversarial)
    counts = (clean != other).sum(1).numpy()
    random = clean.repeat(draws, 1, 1)
    for count in np.unique(counts[counts > 0]):
        rows = np.flatnonzero(counts == count)
        members = replace(threat, budget=Budget(float(count))).bind(sequences.take(rows))
        streams = RecordStreams(seed, [sequences.ids[row] for row in rows], "inside")
        for draw in range(draws):
            drawn = members.sample(streams.uniforms(members.tokens.shape[1] + 1), full=True)
            random[draw, rows, : drawn.shape[1]] = drawn
    return Pairs(ids=sequences.ids, lengths=sequences.lengths, clean=clean, adversarial=other, random=random)


def directions(task: Task, clean: Tensor, adversarial: Tensor, output: int = 0) -> Tensor:
    """(n, outputs) weights of logits whose sum is the score that the edit moves.

    Classes: the clean prediction less the class that the adversarial sequence is taken for (its runner-up, where the
    prediction stands). Binary: the logit, positive on the clean side. Multilabel: the label that moves most, positive
    on the clean side. Regression: the value.
    """
    rows = torch.arange(len(clean), device=clean.device)
    value = task_of(task)
    if value.measured:
        weights = torch.zeros_like(clean)
        weights[:, output] = 1
        return weights
    if value.independent:
        label = (adversarial - clean).abs().argmax(1)
        weights = torch.zeros_like(clean)
        weights[rows, label] = torch.where(clean[rows, label] > 0, 1.0, -1.0).to(weights.dtype)
        return weights
    predicted = predictions(task, clean)
    own = torch.nn.functional.one_hot(predicted, value.class_logits(clean).shape[1]).bool()
    rival = value.class_logits(adversarial).masked_fill(own, -torch.inf).argmax(1)
    weights = own.to(clean.dtype)
    weights[rows, rival] = -1
    return value.output_weights(weights)


def flipped(predictor: Predictor, clean: Tensor, other: Tensor) -> NDArray[np.bool_]:
    """(n,) whether the prediction is another one; for regression all False."""
    found: NDArray[np.bool_] = task_of(predictor.task).differ(clean, other).cpu().numpy()
    return found
