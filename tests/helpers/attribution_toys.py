"""Records and small models whose attributions are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqrobust.alphabet import DNA, Alphabet
from seqrobust.analysis.attribution import (
    METHODS,
    Attribution,
    AttributionSettings,
    attribute,
    explain,
)
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet, Task
from seqrobust.sequences.encoding import one_hot

TEXTS = {
    "DNA": ["ACGTNACGTTGCATTTACGA", "ACGT", "A", "GGGTTTCCCAAANNGTACCATTAGA", "TTGACATATAAT", "GGCA", "NNN"],
    "PROTEIN": ["MKVLAADDGHE", "MXK", "W", "HEHEHSTQQ", "MKVLAXDDGHE"],
}

NO_RULE = ("deeplift", True)


def records(alphabet: Alphabet = DNA) -> SequenceSet:
    return SequenceSet.from_texts(TEXTS[alphabet.name], alphabet)


class Linear(nn.Module):
    """A weight for every letter at every position, of as many positions as a record has."""

    def __init__(self, letters: int = 4, outputs: int = 3) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(outputs, letters, 25, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nkl,okl->no", x, self.weight[:, :, : x.shape[2]])


class Pooled(nn.Module):
    """Convolution, softplus, mean; smooth, and of any length."""

    def __init__(self, letters: int = 4, outputs: int = 3, *, recurrent: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.gru = nn.GRU(letters, letters, batch_first=True) if recurrent else None
            self.convolution = nn.Conv1d(letters, 8, 5, padding=2)
            self.head = nn.Linear(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.gru is not None:
            x = self.gru(x.transpose(1, 2))[0].transpose(1, 2)
        return self.head(functional.softplus(3 * self.convolution(x)).mean(2))


def checked(module: nn.Module, sequences: SequenceSet, task: Task = "classification", **more: Any) -> Predictor:
    usual: dict[str, Any] = {"device": "cpu", "scale": "logits"}
    predictor = Predictor(module, alphabet=sequences.alphabet, task=task, **{**usual, **more})
    predictor.check(torch.tensor(sequences.tokens))
    return predictor


def found_by(name: str, predictor: Predictor, sequences: SequenceSet, **settings: Any) -> Attribution:
    told = AttributionSettings(**settings)
    with predictor.attached():
        explained = explain(predictor, predictor.logits(torch.tensor(sequences.tokens)), told.output)
        service = NeighbourScores(predictor)
        return attribute(predictor, sequences, explained, METHODS[name], told, service)


def weights_of(predictor: Predictor, sequences: SequenceSet) -> np.ndarray:
    """(N, outputs) of the predicted class less the mean of the others, written out."""
    with predictor.attached():
        chosen = predictor.logits(torch.tensor(sequences.tokens)).argmax(1).numpy()
    weights = np.full((len(sequences), predictor.outputs), -1 / (predictor.outputs - 1))
    weights[np.arange(len(sequences)), chosen] = 1
    return weights


def hot(sequences: SequenceSet) -> np.ndarray:
    return one_hot(torch.tensor(sequences.tokens), sequences.alphabet).numpy()
