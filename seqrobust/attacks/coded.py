"""Problems whose edits are other than switches of letters: searched over columns, judged on sequences.

See :mod:`seqrobust.threats.coding`. The searches, the driver and the goals see an ordinary substitution problem over
the columns' alphabet; here is what stands between it and the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from seqrobust.attacks.problem import Problem
from seqrobust.models.gradients import Gradient
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import Edits, NeighbourScores, apply_edits
from seqrobust.neighbours.edits import differences
from seqrobust.neighbours.service import SPANS
from seqrobust.sequences import one_hot
from seqrobust.threats.coding import CodedSet, CodedThreat, Coding, Moves

_AT_ONCE = 1 << 20
"""Letters of candidates that are written out at once."""


class Scores(Protocol):
    """Answers for edited sequences."""

    @property
    def notices(self) -> list[str]:
        """What should be said."""

    def logits(self, base: Tensor, edits: Edits) -> Tensor:
        """See :meth:`NeighbourScores.logits`."""

    def renewed(self) -> Scores:
        """A service for other records."""


def scores_for(predictor: Predictor, *, memory: int | None = None) -> Scores:
    """The neighbour scores that suit a predictor; ``memory`` as for :class:`NeighbourScores`."""
    if isinstance(predictor, CodedPredictor):
        return CodedScores(NeighbourScores(predictor.plain, memory=memory), predictor)
    return NeighbourScores(predictor, memory=memory)


def coded(problem: Problem, moves: Moves) -> Problem:
    """The same problem over columns. Raises ThreatError for records that cannot be written so."""
    sequences = CodedSet.of(problem.sequences, moves)
    coding = sequences.coding
    return replace(
        problem,
        predictor=CodedPredictor(problem.predictor, coding),
        sequences=sequences,
        threat=CodedThreat.of(problem.threat, coding),
        source=problem,
    )


class CodedPredictor(Predictor):
    """A predictor asked about columns: a view of a predictor of sequences, which does the work and keeps the counts.

    Attributes:
        plain: the predictor of sequences.
        coding: how columns are read.
    """

    def __init__(self, plain: Predictor, coding: Coding) -> None:
        # Task, labels, device, notices and the rest are those of the predictor itself.
        self.__dict__.update(plain.__dict__)
        self.plain, self.coding = plain, coding
        self.alphabet = coding.alphabet

    @contextmanager
    def fresh_draws(self, number: int = 0) -> Iterator[None]:
        """See :meth:`Predictor.fresh_draws`."""
        with self.plain.fresh_draws(number):
            yield

    def encode(self, tokens: Tensor) -> Tensor:
        """One-hot (M, C', C) of (M, C) columns; zeros where a letter is unknown, whatever the model is shown there."""
        return one_hot(tokens, self.alphabet)

    def logits(self, tokens: Tensor) -> Tensor:
        """(M, outputs) logits of the sequences of (M, C) columns."""
        return self.plain.logits(self.coding.decode(tokens))

    def judged(self, tokens: Tensor) -> Tensor:
        """See :meth:`Predictor.judged`."""
        return self.plain.judged(self.coding.decode(tokens))

    def gradient(
        self,
        points: Tensor,
        lengths: Tensor,
        objective: Callable[[Tensor, Tensor], Tensor],
        *,
        lenient: bool = False,
    ) -> Gradient:
        """Outputs and objective at (M, C', C) points, and what switching each column's piece changes to first order.

        Mixtures of pieces that are no mixtures of sequences (a letter and none) are read as the heaviest pieces.
        """
        tokens = self._heaviest(points, lengths)
        seen = self.coding.decode(tokens)
        encoded = self.plain.encode(seen)
        if self.coding.mixes and not bool(((points == 0) | (points == 1)).all()):
            encoded = self.coding.mixed(points, tokens, encoded)
        found = self.plain.gradient(encoded, self.plain.lengths(seen), objective, lenient=lenient)
        return found._replace(gradient=self.coding.pull(found.gradient, tokens))

    def _heaviest(self, points: Tensor, lengths: Tensor) -> Tensor:
        weight, piece = points.max(dim=1)
        tokens = torch.where(weight > 0, piece, self.alphabet.unknown).to(torch.uint8)
        behind = torch.arange(points.shape[2], device=points.device) >= lengths.to(points.device)[:, None]
        return tokens.masked_fill(behind, self.alphabet.padding)


class CodedScores:
    """Neighbour scores of columns: candidates are decoded; those near their base go to the incremental engine.

    Args:
        inner: scores of sequences.
        predictor: of columns.
    """

    def __init__(self, inner: NeighbourScores, predictor: CodedPredictor) -> None:
        self._inner, self._predictor = inner, predictor

    @property
    def notices(self) -> list[str]:
        """What should be said."""
        return [*self._predictor.coding.notices, *self._inner.notices]

    def renewed(self) -> CodedScores:
        """A service for other records."""
        return CodedScores(self._inner.renewed(), self._predictor)

    def logits(self, base: Tensor, edits: Edits) -> Tensor:
        """(M, outputs) of M edited (N, C) columns."""
        plain, coding = self._predictor.plain, self._predictor.coding
        seen = coding.decode(base)
        out = torch.zeros(len(edits.record), plain.outputs, device=plain.device)
        rows = torch.arange(len(edits.record), device=base.device)
        for piece in torch.split(rows, max(_AT_ONCE // max(base.shape[1], seen.shape[1], 1), 1)):
            some = edits.take(piece)
            moved = coding.decode(apply_edits(base, some))
            near = self._near(seen, moved, some.record)
            far = torch.ones_like(some.record, dtype=torch.bool)
            if near is not None:
                chosen, changes = near
                far[chosen] = False
                out[piece[chosen]] = self._inner.logits(seen, changes)
            out[piece[far]] = plain.logits(moved[far])
        return out

    def _near(self, seen: Tensor, moved: Tensor, record: Tensor) -> tuple[Tensor, Edits] | None:
        """Candidates whose sequence differs from its base within few letters, and how."""
        if moved.shape[1] != seen.shape[1]:
            return None
        before = seen[record]
        differs = before != moved
        place = torch.arange(differs.shape[1], device=differs.device)
        last = torch.where(differs, place, -1).amax(1)
        span = last - torch.where(last < 0, 0, differs.long().argmax(1)) + 1
        chosen = torch.nonzero(span <= SPANS[-1]).flatten()
        if not len(chosen):
            return None
        most = int(differs[chosen].sum(1).max().item())
        return chosen, differences(before[chosen], moved[chosen], most)._replace(record=record[chosen])
