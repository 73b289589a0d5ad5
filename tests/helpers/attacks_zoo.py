"""Small models and records on which every attack is tried."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Region, SequenceSet, Targets, Task


class Linear(nn.Module):
    """One weight per letter, position and output: the case in which one step is exact."""

    def __init__(self, letters: int, length: int, outputs: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(outputs, letters, length, generator=generator))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.einsum("nkl,okl->no", encoded, self.weight) + self.bias


class SmallCNN(nn.Module):
    """Convolution, batch norm, dropout, global maximum: modes matter, and edits interact."""

    def __init__(self, letters: int, outputs: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.features = nn.Sequential(
                nn.Conv1d(letters, 24, 7, padding=3), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.5)
            )
            self.head = nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, outputs))

    def forward(self, encoded: Tensor) -> Tensor:
        return self.head(self.features(encoded).amax(2))


class SmallGRU(nn.Module):
    """Recurrent, both directions."""

    def __init__(self, letters: int, outputs: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.gru = nn.GRU(letters, 12, batch_first=True, bidirectional=True)
            self.head = nn.Linear(24, outputs)

    def forward(self, encoded: Tensor) -> Tensor:
        hidden: Tensor = self.gru(encoded.transpose(1, 2))[0]
        return self.head(hidden.mean(1))


def module(kind: str, alphabet: Alphabet, outputs: int, length: int) -> nn.Module:
    """A module of the zoo."""
    if kind == "linear":
        return Linear(alphabet.size, length, outputs)
    return (SmallCNN if kind == "cnn" else SmallGRU)(alphabet.size, outputs)


def records(alphabet: Alphabet, n: int, length: int, *, ragged: bool = False, seed: int = 0) -> SequenceSet:
    """Random records with a region ``core`` in the middle and a few unknown letters."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(n):
        size = length - int(rng.integers(0, 4)) if ragged else length
        letters = rng.choice(list(alphabet.letters), size)
        letters[rng.random(size) < 0.05] = alphabet.any_letter
        texts.append("".join(letters))
    regions = [[Region("core", length // 3, length // 2)] for _ in texts]
    return SequenceSet.from_texts(texts, alphabet, regions=regions)


def predictor_for(
    kind: str, task: Task, sequences: SequenceSet, *, outputs: int = 3, batch_size: int = 64
) -> tuple[Predictor, Targets]:
    """A checked predictor, and targets that agree with it on about two records in three."""
    count = 1 if task == "binary" else outputs
    predictor = Predictor(
        module(kind, sequences.alphabet, count, sequences.width),
        alphabet=sequences.alphabet,
        task=task,
        device="cpu",
        batch_size=batch_size,
        scale="logits",
    )
    tokens = torch.tensor(sequences.tokens)
    predictor.check(tokens[:8])
    with predictor.attached():
        logits = predictor.logits(tokens)
    assert predictor.labels is not None
    wrong = np.random.default_rng(1).random(len(sequences)) < 0.3
    if task == "regression":
        return predictor, Targets(task=task, labels=predictor.labels, values=logits.numpy())
    if task == "multilabel":
        values = (logits.numpy() > 0).astype(np.float32)
        values[wrong, 0] = 1 - values[wrong, 0]
        return predictor, Targets(task=task, labels=predictor.labels, values=values)
    classes = (logits[:, 0] > 0).long() if task == "binary" else logits.argmax(1)
    codes = np.where(wrong, (classes.numpy() + 1) % len(predictor.labels), classes.numpy())
    return predictor, Targets(task=task, labels=predictor.labels, values=codes.astype(np.int64))


__all__ = ["DNA", "PROTEIN", "Linear", "SmallCNN", "SmallGRU", "module", "predictor_for", "records"]
