"""Which device a model runs on, and how many records suit it."""

from __future__ import annotations

import torch

from seqrobust.errors import ModelError


def resolve_device(name: str) -> torch.device:
    """The device of a name; ``auto`` takes a CUDA device where there is one. Raises ModelError for an absent one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError("the device cannot be used", found=f"{name}: {str(error).splitlines()[0]}") from None
    return device


def suitable_batch(device: torch.device, *, recurrent: bool) -> int:
    """Records per batch that suit a device.

    On a CPU a convolution's batch should stay in the cache; a recurrence has little work a step, and wants rows.
    """
    return 64 if device.type == "cpu" and not recurrent else 256
