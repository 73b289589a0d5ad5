"""The trial of a stranger's module on a few records: what a predictor's check finds out, one question after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seqrobust.errors import ModelError
from seqrobust.models.bare import ROWS, BareModel, lost
from seqrobust.models.checks.calling import settled
from seqrobust.models.checks.diagnosis import diagnosed
from seqrobust.models.checks.probing import probes
from seqrobust.models.checks.repeatability import Randomness, randomness, refuse_dependence
from seqrobust.models.checks.scale import Evidence, decided
from seqrobust.models.checks.spans import Ends, span_of
from seqrobust.models.expectation import can_stand_alone, rounding_share
from seqrobust.models.outputs import OutputScale, as_logits
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of

_ROWS = 2
"""Records for which operations are written down."""


class Trial:
    """A module in evaluation mode on its device, and records to try it on; nothing asked here is counted.

    Args:
        bare: the module. The way to call it that works, and the scale of its outputs, are left there.
        tokens: (M, L) records.
        encode: from tokens to one-hot.
        batch_size: how many other sequences are asked about together.

    Attributes:
        encoded, lengths: the records, (M, K, L) and (M,).
        matrix: (M, T) outputs for them, once settled.
    """

    def __init__(self, bare: BareModel, tokens: Tensor, encode: Callable[[Tensor], Tensor], batch_size: int) -> None:
        self._bare, self._tokens, self._encode, self._batch_size = bare, tokens, encode, batch_size
        self.encoded, self.lengths = encode(tokens), self._lengths(tokens)
        self.matrix = torch.zeros(0, 1)
        self._drawn = probes(tokens, bare.alphabet, torch.Generator().manual_seed(0))
        self._known: Ends | None = None
        self._others: Tensor | None = None

    def settle(self) -> str | None:
        """Find a way to call the module, and say which where that is not the usual one.

        Records for which the module's output is no number are not tried any further, as long as there are others.

        Raises ModelError where the module fails, or its outputs are not what its task allows.
        """
        try:
            self.matrix, notice = settled(
                self._bare.caller,
                lambda rows: self._bare.raw_outputs(self.encoded[:rows], self.lengths[:rows]),
                self.encoded.shape,
            )
            good = ~lost(self.matrix, self._bare.task)
            if not bool(good.any()):
                self._bare.check(self.matrix)
        except ModelError as error:
            raise diagnosed(error, self._bare, self.encoded, self.lengths) from error
        if not bool(good.all()):
            self.encoded, self.lengths, self.matrix = self.encoded[good], self.lengths[good], self.matrix[good]
        return notice

    def scale(self) -> tuple[OutputScale, str | None]:
        """Whether its outputs are logits, and what to say of that. See :func:`~seqrobust.models.scale.decided`."""
        if task_of(self._bare.task).measured:
            return "logits", None
        evidence = Evidence(
            task=self._bare.task,
            matrix=self.matrix,
            more=self._elsewhere,
            ends=self._ends,
            odds=lambda: self._bare.settle_odds(self.encoded, self.lengths, self.matrix),
        )
        return decided(evidence, self._bare.scale)

    def logits(self) -> Tensor:
        """(M, outputs) logits of the records."""
        return self._as_logits(self.matrix)

    def rounding(self, device: torch.device) -> float:
        """Share of their size by which outputs may be rounded otherwise beside other records."""
        return rounding_share(self._bare.module, device, self._ends().rounding)

    def randomness(self, device: torch.device, seeds: tuple[int, int]) -> Randomness:
        """Whether the module is random.

        Raises ModelError where it remembers what it was asked; and, of a module that is not random and is not asked
        about one record at a time, where its answer for a record depends on the others of a batch.
        """
        share = self.rounding(device)
        found = randomness(self._bare, self.encoded[:ROWS], self.lengths[:ROWS], device, seeds, share)
        if not found.found and not self._bare.one_by_one:
            whole = self._drawn[self._lengths(self._drawn) == self.encoded.shape[2]]
            refuse_dependence(self._bare.raw_outputs, self.encoded, self.lengths, self._encode(whole), share)
        return found

    def stands_alone(self, device: torch.device, seed: int) -> bool:
        """Whether every record can be given the draws of one that stands alone."""
        rows = self.lengths.argsort(descending=True)[:2]
        some = self.encoded[rows, :, : int(self.lengths[rows].min())]
        return can_stand_alone(self._bare.function(1, some.shape[2]), some, device, seed)

    def variety(self, labels: Sequence[str]) -> tuple[str | None, str | None]:
        """What all records and random sequences are predicted to be, None where that differs; and what to say of it."""
        if task_of(self._bare.task).measured or len(self.matrix) < 2:
            return None, None
        same = said_of_all(self.logits(), self._bare.task, labels)
        if same is None:
            return None, None
        others = self._elsewhere()
        notice = f"each of the {len(self.matrix)} records tried is predicted {same}"
        if not len(others) or said_of_all(self._as_logits(others), self._bare.task, labels) != same:
            return None, notice
        also = f", and so is each of {len(others)} random sequences: the model may say the same of everything"
        return same, notice + also

    def _lengths(self, tokens: Tensor) -> Tensor:
        return (tokens != self._bare.alphabet.padding).sum(1)

    def _as_logits(self, matrix: Tensor) -> Tensor:
        return as_logits(matrix, self._bare.task, "logits" if self._bare.scale == "auto" else self._bare.scale)

    def _elsewhere(self) -> Tensor:
        """(R', T) outputs for other sequences, as far as the module has finite ones for them."""
        if self._others is None:
            parts = [self.matrix[:0]]
            for part in torch.split(self._drawn, self._batch_size):
                try:
                    parts.append(self._bare.raw_outputs(self._encode(part), self._lengths(part)))
                except Exception:  # a record's answer is what counts; a random sequence may be too much to ask
                    continue
            made = torch.cat(parts)
            self._others = made[made.isfinite().all(1)]
        return self._others

    def _ends(self) -> Ends:
        """What the module's operations say of its outputs.

        From a few records of one length. A module that ``torch.compile`` wrapped is asked itself.
        """
        if self._known is not None:
            return self._known
        size = int(self.lengths.max())
        rows = torch.nonzero(self.lengths == size).flatten()
        # No more than go through the module together: its operations, and none that joins batches, are what is asked.
        rows = torch.cat([rows, rows[-1:].expand(_ROWS)])[: 1 if self._bare.one_by_one else min(_ROWS, self._bare.most)]
        inside = getattr(self._bare.module, "_orig_mod", self._bare.module)
        asked = self._bare.of(inside)
        weights = [*inside.parameters(), *inside.buffers()]
        self._known = span_of(
            lambda part: asked.raw_outputs(part, self.lengths[rows]), self.encoded[rows, :, :size], weights
        )
        return self._known


def said_of_all(logits: Tensor, task: Task, labels: Sequence[str]) -> str | None:
    """What every row of (M, outputs) logits is predicted to be, None where they differ."""
    predicted = task_of(task).predictions(logits)
    if not len(logits) or not bool((predicted == predicted[:1]).all()):
        return None
    return task_of(task).answer_name(predicted[0], labels)
