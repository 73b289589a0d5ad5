"""A sample of records that is no worse than chance at holding what is rare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrobust.measures import uneven
from seqrobust.sequences import Targets
from seqrobust.tasks import task_of


def drawn(targets: Targets | None, records: int, count: int, *, seed: int) -> NDArray[np.int64]:
    """(count,) numbers of records, rising, drawn without replacement.

    Where classes are uneven, each has the places that its share comes to, and one at least where there are as many
    places as classes: a plain draw of 50 holds no record of a class of one in a hundred more often than not. Of several
    labels, and where nothing is known of the truth, the draw is plain.
    """
    order = np.random.default_rng(seed).permutation(records)
    if targets is None or not task_of(targets.task).exclusive:
        return np.sort(order[:count])
    classes = targets.values.astype(np.int64)[order]
    names, sizes = np.unique(classes, return_counts=True)
    if not uneven(sizes.tolist()) or count < len(names):
        return np.sort(order[:count])
    places = _places(sizes, count)
    kept = [order[classes == name][:share] for name, share in zip(names.tolist(), places.tolist(), strict=True)]
    return np.sort(np.concatenate(kept))


def _places(sizes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """How many of each class: shares rounded by largest remainders, those that come to none raised to one."""
    wanted = sizes * count / sizes.sum()
    places: NDArray[np.int64] = np.maximum(np.floor(wanted).astype(np.int64), 1)
    while places.sum() < count:
        # Never more than there are: shares add up to a count below the number of records.
        places[np.argmax(np.where(places < sizes, wanted - places, -np.inf))] += 1
    while places.sum() > count:
        places[np.argmax(np.where(places > 1, places - wanted, -np.inf))] -= 1
    return places
