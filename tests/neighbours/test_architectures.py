"""Every network of the zoo, answered from caches, says what the plain module says of the edited letters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from neighbours_zoo import CASES, bases, edited, predictor_for, truth
from torch import Tensor

from seqrobust.alphabet import DNA
from seqrobust.neighbours import Edits, NeighbourScores

TOLERANCE = 2e-5


def candidates(base: Tensor, count: int, *, seed: int = 1, letters: int = DNA.size, slots: int = 3) -> Edits:
    """Random edits: of every span, at both ends, none at all, the letter that was there, a place twice, unknowns."""
    generator = torch.Generator().manual_seed(seed)

    def draw(high: int, *shape: int) -> Tensor:
        return torch.randint(high, shape, generator=generator)

    length = base.shape[1]
    record = draw(len(base), count)
    span = 2 ** draw(8, count)
    start = (draw(length, count) * 1.4 - 0.2 * length).long()
    position = (start[:, None] + draw(1 << 30, count, slots) % span[:, None]).clamp(0, length - 1)
    letter = draw(letters + 1, count, slots)
    position[torch.rand(count, slots, generator=generator) < 0.25] = -1
    letter[(position < 0) & (draw(2, count, slots) > 0)] = -1
    kind = draw(12, count)
    position[kind == 0, 1] = position[kind == 0, 0]
    position[kind == 1, -1] = position[kind == 1, 0]
    same = (kind == 2)[:, None] & (position >= 0)
    letter[same] = base[record[:, None].expand_as(position)[same], position[same]].long()
    position[kind == 3] = -1
    position[kind == 4, 0], letter[kind == 4, 0] = 0, draw(letters, int((kind == 4).sum()))
    position[kind == 5, -1], letter[kind == 5, -1] = length - 1, draw(letters, int((kind == 5).sum()))
    single = kind > 8
    position[single, 1:] = -1
    return Edits(record, position, letter)


def close(found: Tensor, expected: Tensor, base_says: Tensor | None = None) -> None:
    """Within rounding of outputs of that size."""
    scale = max(float(expected.abs().max()), 1e-3)
    error = float((found - expected).abs().max()) / scale if len(expected) else 0.0
    assert error <= TOLERANCE, f"off by {error:.2g} of the outputs' scale"


@pytest.fixture(autouse=True)
def _no_lasting_autocast() -> Iterator[None]:
    """Tracing leaves the process as it was: autocast that stays on would round whatever is scored next."""
    yield
    left_on = torch.is_autocast_enabled("cpu")
    torch.set_autocast_enabled("cpu", False)
    assert not left_on, "autocast was left on"
    assert torch.is_grad_enabled()


@pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning"
)  # of the modules, not of ours
@pytest.mark.parametrize("name", CASES)
def test_incremental_scores_are_those_of_the_plain_module(name: str) -> None:
    case = CASES[name]
    base = bases(3, case.length)
    module = case.module()
    predictor = predictor_for(module, case.task)
    if any(isinstance(p, torch.nn.parameter.UninitializedParameter) for p in module.parameters()):
        pytest.fail("a zoo module is not initialised")
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        for count, seed in ((130, 1), (5, 2), (1, 3)):
            edits = candidates(base, count, seed=seed)
            expected = truth(module, torch.cat([edited(base, *edits), base]), case.task)
            assert float(expected[: len(base) + count].std(0).max()) > 1e-4 * float(expected.abs().max()) or count < 100
            close(scores.logits(base, edits), expected[:count])
        cost = scores.cost(case.length)
    if case.kind == "plain":
        assert scores.counts["incremental"] == 0
        assert len(scores.notices) == 1
        assert "traced" in scores.notices[0]
    if case.kind in ("local", "works"):
        assert scores.counts["incremental"] > 0
        assert not scores.notices
    if case.kind == "local":
        assert cost is not None
        assert cost.incremental_macs < cost.plain_macs
