"""Predictors of the zoo, candidate edits, and the scores that they should give."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neighbours_zoo.nets import (
    NeedsLengths,
)
from seqrobust.alphabet import DNA, Alphabet
from seqrobust.models import Predictor
from seqrobust.sequences import Task
from seqrobust.sequences.encoding import Unknown, one_hot


def predictor_for(
    module: nn.Module,
    task: Task = "classification",
    *,
    alphabet: Alphabet = DNA,
    outputs: int = 3,
    unknown: Unknown = "zeros",
    **more: Any,
) -> Predictor:
    """A predictor on the CPU, its outputs taken for logits."""
    labels = None if task == "classification" else ["0", "1"] if task == "binary" else ["value"]
    labels = labels or [str(i) for i in range(outputs)]
    return Predictor(
        module,
        alphabet=alphabet,
        task=task,
        labels=labels,
        unknown=unknown,
        device="cpu",
        scale=more.pop("scale", "logits"),
        **more,
    )


def bases(count: int, length: int, *, alphabet: Alphabet = DNA, seed: int = 0) -> Tensor:
    """Random records, one letter in twenty unknown."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(alphabet.size, (count, length), generator=generator)
    drawn[torch.rand(count, length, generator=generator) < 0.05] = alphabet.unknown
    return drawn.to(torch.uint8)


def edited(base: Tensor, record: Tensor, position: Tensor, letter: Tensor) -> Tensor:
    """Edit by edit, in Python."""
    rows = []
    for r, places, letters in zip(record.tolist(), position.tolist(), letter.tolist(), strict=True):
        row = base[r].tolist()
        for place, new in zip(places, letters, strict=True):
            if place >= 0:
                row[place] = new
        rows.append(row)
    return torch.tensor(rows, dtype=torch.uint8).view(len(rows), base.shape[1])


def truth(
    module: nn.Module,
    tokens: Tensor,
    task: Task = "classification",
    *,
    alphabet: Alphabet = DNA,
    unknown: Unknown = "zeros",
) -> Tensor:
    """The plain module on the letters."""
    with torch.no_grad():
        encoded = one_hot(tokens, alphabet, unknown)
        out = (module(encoded, lengths=None) if isinstance(module, NeedsLengths) else module(encoded)).float()
    out = out[:, None] if out.dim() == 1 else out
    return out[:, 1:] - out[:, :1] if task == "binary" and out.shape[1] == 2 else out
