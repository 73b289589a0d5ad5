"""What is true of a net of the zoo, by plain calls of it on every neighbour: nothing of the package is used."""

from __future__ import annotations

from itertools import combinations, product

import torch
from torch import Tensor, nn


def reads_right(outputs: Tensor, targets: Tensor, task: str, *, probabilities: bool) -> Tensor:
    """(M,) 1 where the true answer leads, 0 where it does not, -1 where the output is no number."""
    outputs = outputs.double()
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        own = outputs.gather(1, targets[:, None]).squeeze(1)
        others = outputs.scatter(1, targets[:, None], -torch.inf).amax(1)
        right = own > others
    else:
        score = outputs.reshape(len(outputs)) - (0.5 if probabilities else 0.0)
        right = torch.where(targets == 1, score > 0, score < 0)
    lost = outputs.reshape(len(outputs), -1).isnan().any(1)
    return torch.where(lost, -1, right.long())


def neighbours(x: Tensor, edits: int) -> Tensor:
    """(M, 4, L) every sequence at exactly one or two edits of a one-hot (4, L)."""
    letters = x.argmax(0)
    length = len(letters)
    places = list(combinations(range(length), edits))
    shifts = list(product((1, 2, 3), repeat=edits))
    where = torch.tensor(places).repeat_interleave(len(shifts), 0)
    by = torch.tensor(shifts).repeat(len(places), 1)
    rows = torch.arange(len(where))[:, None]
    moved = letters.expand(len(where), -1).clone()
    moved[rows, where] = (letters[where] + by) % 4
    return torch.nn.functional.one_hot(moved, 4).transpose(1, 2).float()


@torch.no_grad()
def exact_flips(module: nn.Module, x: Tensor, targets: Tensor, task: str, *, probabilities: bool) -> Tensor:
    """(N, 3) bool: read rightly at first; flipped by one edit; flipped by at most two.

    A record that is wrong, or no number, at first has False everywhere.
    """
    clean = reads_right(module(x), targets, task, probabilities=probabilities) == 1
    found = torch.zeros(len(x), 3, dtype=torch.bool)
    found[:, 0] = clean
    for row in torch.nonzero(clean).flatten().tolist():
        for edits in (1, 2):
            if found[row, edits]:
                continue
            flips = False
            for part in neighbours(x[row], edits).split(2048):
                same = targets[row].expand(len(part))
                right = reads_right(module(part), same, task, probabilities=probabilities)
                flips = flips or bool((right == 0).any())
            found[row, edits:] |= flips
    return found
