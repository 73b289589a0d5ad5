"""Whether an interrupted run can be gone on from: its last checkpoint is whole, and of the same model."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from seqrobust.errors import ConfigError, SeqRobustError

_UNREADABLE = (RuntimeError, EOFError, OSError, KeyError, pickle.UnpicklingError)


def resumable(path: Path, module: nn.Module) -> Path | None:
    """The checkpoint to go on from, or None where no epoch was finished.

    Raises SeqRobustError for one that cannot be read, ConfigError where it holds the weights of another model.
    """
    if not path.exists():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    except _UNREADABLE as error:
        raise SeqRobustError(
            f"the checkpoint of the interrupted run cannot be read: {_in_short(error)}\n"
            f"  where: {path}\n"
            "  what to do: train again from the start"
        ) from None
    if _shapes(found) != _shapes(module.state_dict()):
        raise ConfigError(
            "the interrupted run trained another model",
            where=str(path),
            fix="give the model and hyper-parameters it began with, or train again from the start",
        )
    return path


def _in_short(error: Exception) -> str:
    """The first sentence of an error that may have none."""
    return next(iter(str(error).splitlines()), type(error).__name__).split(". ")[0]


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}
