"""Which shadow model trains on which records, and in what order: drawn from a seed, the same however they are trained.

Models come in pairs of complementary halves, so that every record is in exactly half of the models and every model
trains on half of the records.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import DataError


def assign_records(
    records: int, models: int, *, seed: int, clusters: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """(models, records) which model trains on which record.

    Args:
        records, models: how many; an odd last model has a half of its own.
        seed: of the halves.
        clusters: (records,) records that stay together, so that no model trains on a relative of what it left out. The
            halves are then as equal as clusters allow, larger ones placed first.

    Raises DataError where a half would have fewer than two records.
    """
    if models < 1 or records < 4:
        raise DataError("shadow models train on halves", expected="4 records and a model, or more", found=str(records))
    if clusters is not None and np.shape(clusters) != (records,):
        raise DataError("a cluster of each record", expected=f"({records},)", found=str(np.shape(clusters)))
    units = np.arange(records) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    sizes = np.bincount(units)
    halves = np.zeros((models, records), bool)
    for model in range(0, models, 2):
        drawn = np.random.default_rng(np.random.SeedSequence([seed, model])).permutation(len(sizes))
        halves[model] = _half(sizes, drawn)[units]
        if model + 1 < models:
            halves[model + 1] = ~halves[model]
    if min(int(halves.sum(1).min()), int((~halves).sum(1).min())) < 2:
        raise DataError("a half has fewer than two records", fix="give more records, or clusters at a higher identity")
    return halves


def _half(sizes: NDArray[np.int64], drawn: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(units,) which are in: in drawn order, larger before smaller, each to the lighter side."""
    if (sizes == 1).all():
        inside = np.zeros(len(sizes), bool)
        inside[drawn[: len(drawn) // 2]] = True
        return inside
    inside, balance = np.zeros(len(sizes), bool), 0
    coin = drawn[0] % 2 == 0
    for unit in drawn[np.argsort(-sizes[drawn], kind="stable")]:
        inside[unit] = balance < 0 or (balance == 0 and coin)
        balance += int(sizes[unit]) if inside[unit] else -int(sizes[unit])
    return inside


def batches(inside: NDArray[np.bool_], batch_size: int, *, seed: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """An epoch's steps: (models, b) numbers of records, each model's own, every row in an order of its own.

    All models take as many steps of the same sizes: where one trains on more records than another, it leaves out as
    many, others each epoch. A last batch of a single record is left out, for there is no spread to normalise it by.
    """
    size = int(inside.sum(1).min())
    order = np.stack(
        [
            np.random.default_rng(np.random.SeedSequence([seed, model, epoch])).permutation(np.flatnonzero(own))[:size]
            for model, own in enumerate(inside)
        ]
    )
    for start in range(0, size, batch_size):
        rows = order[:, start : start + batch_size]
        if rows.shape[1] > 1 or size == 1:
            yield rows


def steps_an_epoch(inside: NDArray[np.bool_], batch_size: int) -> int:
    """How many steps :func:`batches` gives."""
    size = int(inside.sum(1).min())
    whole, rest = divmod(size, batch_size)
    return whole + int(rest > 1 or size == 1)
