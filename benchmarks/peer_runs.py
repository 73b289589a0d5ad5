"""What adapters of other people's attacks share: the model as they see and query it, rounding, membership, seeds."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqrobust.attacks.goals import class_logits
from seqrobust.models import Predictor
from seqrobust.threats.substitution import BoundThreat


class MissingPeerError(ImportError):
    """A peer's library is not installed."""


class Found(NamedTuple):
    """What a peer found: tokens (N, L) uint8, members of the threat; forwards (N,) and gradients (N,) float64."""

    tokens: Tensor
    forwards: Tensor
    gradients: Tensor


Adapter = Callable[[Predictor, Tensor, Tensor, Tensor, BoundThreat, int, int], Found]
"""From a predictor, (N, L) tokens, (N,) lengths, (N,) class indices, the threat on those records, k, and a seed."""


class Logits(nn.Module):
    """The attached predictor's class logits as a peer sees them, counting what it asks.

    The predictor is no submodule: a library that switches modes or freezes weights finds none.

    Args:
        predictor: on its device, for classes.
        clean: (M, K, L) encoded records without padding, or (1, K, L) for many rows of one record.
        free: (M, K, L) or (1, K, L) bool; elsewhere the clean entry is read, whatever the peer put there.
    """

    def __init__(self, predictor: Predictor, clean: Tensor, free: Tensor) -> None:
        super().__init__()
        self.predictor, self.clean, self.free = predictor, clean, free
        self.forwards = 0
        self.gradients = 0
        self.eval()

    def forward(self, points: Tensor) -> Tensor:
        """(M, C) logits of (M, K, L) points; a binary logit z reads (0, z)."""
        rows, _, length = points.shape
        seen = torch.where(self.free, points, self.clean)
        logits = class_logits(self.predictor.task, self.predictor.function(rows, length)(seen))
        self.predictor.check_finite(logits)
        self.forwards += rows
        if logits.requires_grad:
            logits.register_hook(partial(self._differentiated, rows))  # type: ignore[no-untyped-call]
        return logits

    def _differentiated(self, rows: int, gradient: Tensor) -> None:
        self.forwards -= rows
        self.gradients += rows


class Part(NamedTuple):
    """Records of one length: their one-hot input (M, K, L), targets (M,), and the threat on their own columns."""

    points: Tensor
    targets: Tensor
    threat: BoundThreat


Relax = Callable[[Logits, Part, int], Tensor]
"""From a model, records and a budget to relaxed points (M, K, L)."""


def relaxed(
    relax: Relax,
    predictor: Predictor,
    tokens: Tensor,
    lengths: Tensor,
    targets: Tensor,
    threat: BoundThreat,
    budget: int,
    seed: int,
) -> Found:
    """Run a peer that ends at relaxed points, one length and at most one of the predictor's batches at a time."""
    threat = at_budget(predictor, threat, budget)
    found = Found(tokens.clone(), *torch.zeros(2, len(tokens), dtype=torch.float64))
    with seeded(seed, predictor.device), differentiable(predictor):
        for rows, length in _parts(lengths, predictor.batch_size):
            rows_there = rows.to(tokens.device)
            part = Part(
                predictor.encode(tokens[rows_there, :length].to(predictor.device)),
                targets[rows.to(targets.device)].to(predictor.device),
                _cut(threat.take(rows.to(threat.tokens.device)), length),
            )
            model = Logits(predictor, part.points, part.threat.permitted)
            points = relax(model, part, budget).to(predictor.device)
            found.tokens[rows_there, :length] = rounded(points, part.threat).to(tokens.device)
            found.forwards[rows] = model.forwards / len(rows)
            found.gradients[rows] = model.gradients / len(rows)
    return checked(found, threat)


def rounded(points: Tensor, threat: BoundThreat) -> Tensor:
    """(M, L) members: the edits, at most the budget, at which relaxed points moved most towards another letter."""
    return threat.best_response(points.detach() - threat.clean.to(points.dtype)).tokens


def at_budget(predictor: Predictor, threat: BoundThreat, budget: int) -> BoundThreat:
    if predictor.task not in ("binary", "classification"):
        raise ValueError(f"peers attack classes; the task is {predictor.task}")
    if threat.costs is not None:
        raise ValueError("peers know no costs; take a threat whose switches all cost one")
    return threat.with_budget(torch.full_like(threat.budget, budget))


def checked(found: Found, threat: BoundThreat) -> Found:
    inside = threat.contains(found.tokens.to(threat.tokens.device))
    if not bool(inside.all()):
        raise RuntimeError(f"{int((~inside).sum())} of {len(inside)} sequences lie outside the threat")
    return found


def _parts(lengths: Tensor, size: int) -> Iterator[tuple[Tensor, int]]:
    """Rows (on the CPU) of one length, at most so many at a time."""
    lengths = lengths.cpu()
    for length in sorted(set(lengths.tolist())):
        rows = torch.nonzero(lengths == length).flatten()
        for start in range(0, len(rows), size):
            yield rows[start : start + size], length


def _cut(threat: BoundThreat, length: int) -> BoundThreat:
    """The threat on the first columns, behind which there is only padding."""
    return BoundThreat(
        tokens=threat.tokens[:, :length],
        permitted=threat.permitted[:, :, :length],
        clean=threat.clean[:, :, :length],
        budget=threat.budget,
        costs=None,
        unit=threat.unit,
        blocked=threat.blocked[:, :length],
    )


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """The global generators, the only ones that foolbox uses, seeded within and as before after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def differentiable(predictor: Predictor) -> AbstractContextManager[object]:
    """cuDNN cannot back-propagate through a recurrent layer in evaluation mode; without it, forwards slow down too."""
    recurrent = any(isinstance(part, nn.RNNBase) for part in predictor.module.modules())
    if recurrent and predictor.device.type == "cuda":
        return torch.backends.cudnn.flags(enabled=False)
    return nullcontext()


def needed(module: str, package: str) -> Any:
    """Import a peer. Raises MissingPeerError that says what to install."""
    threads = torch.get_num_threads()
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if (error.name or "").partition(".")[0] == module.partition(".")[0]:
            raise MissingPeerError(f"{package} is not installed; pip install 'seqrobust[bench]'") from error
        raise MissingPeerError(f"{package} cannot be imported: {error}") from error
    finally:
        torch.set_num_threads(threads)  # numba, which ledidi brings, sets it
