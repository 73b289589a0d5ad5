"""What a saturation map amounts to: how much a substitution matters, where, and how many change the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.saturation import Scored
from seqrobust.sequences import SequenceSet, Task
from seqrobust.tasks import task_of

MOST_REGIONS = 50
"""Region names that are measured apart, the most frequent ones."""


@dataclass(kw_only=True, eq=False)
class SaturationSummary:
    """Adds up blocks of a map.

    Args:
        sequences: the N records.
        task: of the model.
        outputs: names, in order.
    """

    sequences: SequenceSet
    task: Task
    outputs: Sequence[str]
    positions: int = 0
    candidates: int = 0
    flips: int = 0
    _flipped: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        width = len(self.outputs)
        self._total = np.zeros(width)
        self._ends = {sign: np.full(width, -np.inf) for sign in (1, -1)}
        self._edits: dict[int, list[dict[str, Any] | None]] = {1: [None] * width, -1: [None] * width}
        names, counts = np.unique(self.sequences.regions.name, return_counts=True)
        chosen = sorted(names[np.argsort(-counts, kind="stable")[:MOST_REGIONS]].tolist())
        self._regions = {self.sequences.regions.names[code]: np.zeros(width + 1) for code in chosen}

    def add(self, scored: Scored) -> None:
        """One more block."""
        block, reference, scores = scored
        tokens = self.sequences.tokens[block.start : block.stop, block.left : block.right]
        letters = np.arange(self.sequences.alphabet.size)
        is_edit = np.isfinite(scores[..., 0]) & (tokens[:, None, :] != letters[:, None])
        record, letter, column = np.nonzero(is_edit)
        if not len(record):
            return
        outputs = scores[record, letter, column]
        delta = outputs.astype(np.float64) - reference[record]
        self.positions += int(np.isfinite(scores[..., 0]).any(1).sum())
        self.candidates += len(record)
        self._total += np.abs(delta).sum(0)
        self._keep_largest(delta, record + block.start, letter, column + block.left)
        self._add_regions(delta, record + block.start, column + block.left)
        changed = self._prediction(outputs) != self._prediction(reference)[record]
        self.flips += int(changed.sum())
        self._flipped.update((record[changed] + block.start).tolist())

    def metrics(self) -> dict[str, Any]:
        """The keys of ``metrics.json`` that follow from the map."""
        count = self.candidates
        found: dict[str, Any] = {
            "n": len(self.sequences),
            "positions": self.positions,
            "candidates": count,
            "outputs": {name: self._of_output(at) for at, name in enumerate(self.outputs)} if count else {},
        }
        if self._regions and count:
            found["regions"] = {name: self._of_region(sums) for name, sums in self._regions.items() if sums[0]}
        if task_of(self.task).exclusive and count:
            found["flips"] = {
                "substitutions": self.flips,
                "share_of_substitutions": self.flips / count,
                "records": len(self._flipped),
                "share_of_records": len(self._flipped) / len(self.sequences),
            }
        return found

    def _prediction(self, outputs: NDArray[np.float32]) -> NDArray[np.int64]:
        """(M,) class; 0 for a task without classes."""
        if not task_of(self.task).exclusive:
            return np.zeros(len(outputs), np.int64)
        found: NDArray[np.int64] = task_of(self.task).predictions(torch.tensor(outputs)).numpy()
        return found

    def _keep_largest(
        self, delta: NDArray[np.float64], record: NDArray[Any], letter: NDArray[Any], position: NDArray[Any]
    ) -> None:
        for sign, best in self._ends.items():
            for output, row in enumerate((sign * delta).argmax(0).tolist()):
                if sign * delta[row, output] > best[output]:
                    best[output] = sign * delta[row, output]
                    name = self._edit_name(int(record[row]), int(letter[row]), int(position[row]))
                    change = float(delta[row, output])
                    self._edits[sign][output] = {"id": self.sequences.ids[record[row]], "edit": name, "delta": change}

    def _edit_name(self, record: int, letter: int, position: int) -> str:
        """Such as A12G, counted from 1."""
        own = chr(self.sequences.letters[record, position])
        return f"{own}{position + 1}{self.sequences.alphabet.letters[letter]}"

    def _add_regions(self, delta: NDArray[np.float64], record: NDArray[Any], position: NDArray[Any]) -> None:
        if not self._regions:
            return
        low, high = int(record[0]), int(record[-1]) + 1
        regions = self.sequences.regions.take(np.arange(low, high))
        for name, sums in self._regions.items():
            inside = regions.cover([name], (high - low, self.sequences.width))[record - low, position]
            sums += [inside.sum(), *np.abs(delta[inside]).sum(0)]

    def _of_output(self, output: int) -> dict[str, Any]:
        return {
            "mean_abs_delta": self._total[output] / self.candidates,
            "largest_increase": self._edits[1][output],
            "largest_decrease": self._edits[-1][output],
        }

    def _of_region(self, sums: NDArray[np.float64]) -> dict[str, Any]:
        """Mean |delta| inside, and elsewhere."""
        outside = self.candidates - sums[0]
        elsewhere = (self._total - sums[1:]) / outside if outside else np.full(len(self._total), np.nan)
        return {
            "candidates": int(sums[0]),
            "mean_abs_delta": dict(zip(self.outputs, (sums[1:] / sums[0]).tolist(), strict=True)),
            "mean_abs_delta_elsewhere": dict(zip(self.outputs, elsewhere.tolist(), strict=True)),
        }
