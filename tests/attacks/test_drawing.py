"""A sample keeps the classes' shares and holds the rare ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqrobust.attacks.drawing import drawn
from seqrobust.sequences import Targets


def of_sizes(sizes: list[int]) -> Targets:
    labels = tuple(map(str, range(len(sizes))))
    values = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    return Targets(task="classification", labels=labels, values=values)


@given(st.lists(st.integers(1, 60), min_size=2, max_size=5), st.data())
def test_a_sample_is_of_the_records_and_holds_every_class(sizes: list[int], data: st.DataObject) -> None:
    targets = of_sizes(sizes)
    count = data.draw(st.integers(len(sizes), sum(sizes)))
    chosen = drawn(targets, sum(sizes), count, seed=1)
    assert len(set(chosen.tolist())) == len(chosen) == count
    found = np.bincount(targets.values[chosen], minlength=len(sizes))
    if max(sizes) > 3 * min(sizes):
        assert (found >= 1).all()
        shares = np.array(sizes) * count / sum(sizes)
        # Rounding moves a class by less than one, and the places of the rare come from the others.
        assert (np.abs(found - shares) <= len(sizes)).all()


def test_one_in_a_hundred_is_always_there() -> None:
    targets = of_sizes([990, 10])
    for seed in range(20):
        assert np.bincount(targets.values[drawn(targets, 1000, 50, seed=seed)]).tolist() == [49, 1]


def test_even_classes_and_unknown_ones_are_drawn_plainly() -> None:
    plain = np.sort(np.random.default_rng(3).permutation(40)[:11])
    assert (drawn(of_sizes([20, 20]), 40, 11, seed=3) == plain).all()
    assert (drawn(None, 40, 11, seed=3) == plain).all()
