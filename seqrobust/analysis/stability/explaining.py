"""Explanations of many edited sequences by any method, and how like those of the clean ones they are.

This is the last word on what a search found: predictions and explanations are computed anew, by the model itself and by
the methods of :mod:`seqrobust.analysis.attribution`, which know nothing of the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.attribution import attribute, explain, methods_named, position_importance
from seqrobust.analysis.stability.goals import slack
from seqrobust.analysis.stability.measures import Similarity, similarity
from seqrobust.analysis.stability.problems import settled, spread, tolerances
from seqrobust.analysis.stability.settings import StabilitySettings
from seqrobust.attacks.goals import predictions
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.encoding import letters_from_texts
from seqrobust.tasks import task_of


def edited_set(sequences: SequenceSet, records: Sequence[int], texts: Sequence[str]) -> SequenceSet:
    """Edited texts of some records, under the ids of these, so that methods with random draws make the same ones."""
    taken = sequences.take(np.asarray(records, np.int64))
    letters, lengths = letters_from_texts(texts)
    padded = np.zeros_like(taken.letters)
    padded[:, : letters.shape[1]] = letters
    return replace(taken, letters=padded, lengths=lengths)


def importances(
    predictor: Predictor,
    sequences: SequenceSet,
    method: str,
    settings: StabilitySettings,
    *,
    seed: int,
    memory: int | None = None,
) -> NDArray[np.float32]:
    """(N, L) absolute importances of what is predicted of each record, NaN at unknown letters and padding.

    The predictor must be attached; the seed is of a method's random draws.
    """
    tokens = torch.tensor(sequences.tokens)
    explained = explain(predictor, predictor.logits(tokens).cpu(), settings.output)
    (known,) = methods_named((method,))
    service = NeighbourScores(predictor, memory=memory)
    found = attribute(predictor, sequences, explained, known, settings.attribution(seed), service)
    size = predictor.alphabet.size
    strength: NDArray[np.float32] = np.abs(
        position_importance(found.values, sequences.tokens, size, known.importance), dtype=np.float32
    )
    return strength


@dataclass(eq=False)
class Judge:
    """What is true of edited records, by the model itself.

    Args:
        predictor: attached and checked.
        sequences: the clean records.
        settings: thresholds and methods.
        seed: of the random draws of methods.
        memory: bytes that scoring neighbours may take.

    Attributes:
        clean: (N, outputs) logits.
        scale: spread of each output over the records.
    """

    predictor: Predictor
    sequences: SequenceSet
    settings: StabilitySettings
    seed: int = 0
    memory: int | None = None
    clean: torch.Tensor = field(init=False)
    scale: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.clean = self._logits(self.sequences)
        self.scale = spread(self.clean)
        shape = (len(self.sequences), self.sequences.width)
        names = self.settings.functional
        self._functional = self.sequences.regions.cover(names, shape) if names else None
        self._explanations: dict[str, NDArray[np.float32]] = {}

    def explanation(self, method: str) -> NDArray[np.float32]:
        """(N, L) of the clean records, computed once."""
        if method not in self._explanations:
            self._explanations[method] = self._importances(self.sequences, method)
        return self._explanations[method]

    def predictions(
        self, records: NDArray[np.int64], edited: SequenceSet
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of M edited records: (M,) whether the prediction counts as kept, and whether it is another one."""
        task, settings = self.predictor.task, self.settings
        logits = self._logits(edited)
        clean = self.clean[torch.from_numpy(records)]
        predicted = predictions(task, clean)
        bounds = torch.tensor(self.tolerances, dtype=clean.dtype)
        kept = slack(task, logits, clean, predicted, settings.kept_lead, bounds) >= 0
        if task_of(task).measured:
            flipped = (logits - clean)[:, self._output()].abs() >= self.delta
        else:
            flipped = ~task_of(task).right(logits, predicted)
            kept &= ~flipped
        return kept.numpy(), flipped.numpy()

    def similarity(self, records: NDArray[np.int64], edited: SequenceSet, method: str) -> Similarity:
        """Of M edited records' explanations with the clean ones."""
        found = self._importances(edited, method)
        compared = edited.tokens == self.sequences.tokens[records]
        functional = None if self._functional is None else self._functional[records]
        return similarity(self.explanation(method)[records], found, compared, functional, top=self.settings.top)

    @property
    def tolerances(self) -> tuple[float, ...]:
        """By how much each value of a regression may move; nothing for other tasks."""
        return tolerances(self.predictor, self.settings, self.scale)

    @property
    def delta(self) -> float:
        """Shift of a regression's value that counts as another prediction."""
        return settled(self.settings.delta, self.scale[self._output()])

    # A random model is asked on draws that no search has seen, edited and clean records on the same ones.

    def _logits(self, sequences: SequenceSet) -> torch.Tensor:
        with self.predictor.fresh_draws():
            return self.predictor.logits(torch.tensor(sequences.tokens)).cpu()

    def _importances(self, sequences: SequenceSet, method: str) -> NDArray[np.float32]:
        with self.predictor.fresh_draws():
            return importances(self.predictor, sequences, method, self.settings, seed=self.seed, memory=self.memory)

    def _output(self) -> int:
        named = self.settings.output
        return 0 if named is None else (self.predictor.labels or ()).index(named)
