"""A zoo of nets that hide their gradients, draw, remember or lose numbers, against what is true by enumeration.

Every test asks as a user would, with nothing said but the model, its records and the budgets. The whole zoo is slow; a
few nets, one of each kind that once went wrong, run every day.
"""

from __future__ import annotations

import pytest
from zoo_list import zoo
from zoo_nets import Animal
from zoo_run import Outcome, outcome

ZOO = {animal.name: animal for animal in zoo()}
EVERYDAY = ("sigmoid of 50 z", "detached labels", "no number at TAG", "detector, constant below")


def _right(found: Outcome) -> None:
    """Nothing is missed at one edit, next to nothing at two, nothing is made up, and no false claim is made."""
    animal = found.animal
    if animal.kind == "refused":
        assert found.refused
        return
    assert not found.refused
    assert found.wrong == []
    if animal.kind != "random":
        assert found.made_up == (0, 0)
        assert found.missed[0] == 0
        assert found.missed[1] <= found.exact[1] / 100
    if animal.kind == "honest" and found.verdict:
        assert found.verdict == "none"


@pytest.mark.parametrize("name", EVERYDAY)
def test_what_can_be_flipped_is_found(name: str) -> None:
    _right(outcome(ZOO[name], count=6, length=11))


@pytest.mark.parametrize("name", [name for name, animal in ZOO.items() if animal.kind == "refused"])
def test_what_is_no_function_of_a_sequence_is_refused(name: str) -> None:
    _right(outcome(ZOO[name], count=8, length=11))


@pytest.mark.slow
@pytest.mark.parametrize("animal", ZOO.values(), ids=ZOO)
def test_the_whole_zoo_attacked(animal: Animal) -> None:
    _right(outcome(animal, count=24, length=20))


@pytest.mark.slow
@pytest.mark.parametrize("animal", ZOO.values(), ids=ZOO)
def test_the_whole_zoo_evaluated(animal: Animal) -> None:
    _right(outcome(animal, count=18, length=14, evaluate=True))


@pytest.mark.parametrize(
    ("name", "said"), [("no number at TAG", "no number"), ("gradient of no number", "zeros stand")]
)
def test_bad_records_are_named(name: str, said: str) -> None:
    found = outcome(ZOO[name], count=24, length=11)
    assert any(said in notice and "r" in notice for notice in found.notices)
