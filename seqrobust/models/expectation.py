"""Expectation over a model's own randomness: the same draws for every sequence, and torch's generators left alone.

A module with dropout that stays on, or with noise layers, says something else each time it is asked. What it says on
average is a function that can be attacked (expectation over transformation: Athalye et al. 2018). Each sample has a
seed of its own, from which torch's generators start anew for every sequence, as if that stood alone in its batch: so
all sequences meet the same draws (common random numbers), and differences between them are due to their letters.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

SAME = 1e-4
"""Share of an output's size by which two answers may differ and still count as the same."""

_TF32 = 2.0**-10


def sample_seed(seed: int, sample: int) -> int:
    """The seed of one sample of a run, below 2 ** 63."""
    words = np.random.SeedSequence([seed, sample]).generate_state(2, np.uint32)
    return (int(words[0]) << 31) ^ int(words[1])


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Within it the generators of torch, for CPU and device, of NumPy and of Python start from the seed; after it, they
    are where they were."""
    on_gpu = device.type == "cuda"
    index = (torch.cuda.current_device() if device.index is None else device.index) if on_gpu else 0
    with torch.random.fork_rng(devices=[index] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.default_generators[index].manual_seed(seed)
        numbers, pythons = np.random.get_state(), random.getstate()  # noqa: NPY002
        np.random.seed(seed % (1 << 32))  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numbers)  # noqa: NPY002
            random.setstate(pythons)


def differ(one: Tensor, other: Tensor, share: float = SAME) -> bool:
    """Whether answers (m, T) or (T,) to the same questions differ by more than rounding may do on any device.

    Each output is measured by its own size, so that a large one does not hide what happens to a small one. Two
    infinities of one sign are the same answer.
    """
    if not one.numel():
        return False
    one, other = (answer.reshape(-1, answer.shape[-1]) for answer in (one, other))
    same = (one == other) | (one.isnan() & other.isnan())
    allowed = share * torch.maximum(one.abs(), other.abs()).nan_to_num(posinf=0.0).amax(0)
    return bool((~same & ~((one - other).abs() <= allowed)).any())


def rounding_share(module: nn.Module, device: torch.device, rounding: float = 0.0) -> float:
    """The share of their size by which a module's outputs may be rounded otherwise beside other records.

    ``rounding`` is the last place, as a share, of the coarsest numbers that it is known to compute with.
    """
    types = {weight.dtype for weight in module.parameters() if weight.is_floating_point()}
    coarse = max((rounding, *(torch.finfo(dtype).eps for dtype in types)))
    if device.type == "cuda" and (torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32):
        coarse = max(coarse, _TF32)
    return max(SAME, 4 * coarse)


def each_alone(function: Callable[[Tensor], Tensor], encoded: Tensor) -> Tensor:
    """(N, outputs) of a function of batches, each of the N records as if it were the whole batch.

    Random numbers are drawn as for one record, and are the same for all. Raises whatever torch says of an operation it
    cannot do so for, such as a recurrent layer.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop")
        out: Tensor = torch.func.vmap(lambda row: function(row[None])[0], randomness="same")(encoded)
    return out


def can_stand_alone(function: Callable[[Tensor], Tensor], encoded: Tensor, device: torch.device, seed: int) -> bool:
    """Whether :func:`each_alone` works for a function, and gives what records by themselves give, on a few records."""
    try:
        with seeded(device, seed):
            together = each_alone(function, encoded)
    except Exception:  # whatever torch or a stranger's module raises
        return False
    alone = []
    for record in encoded:
        with seeded(device, seed):
            alone.append(function(record[None])[0])
    return not differ(together, torch.stack(alone)) if alone else True
