"""A stranger's module hears what a plain call of one's own would tell it, and its faults are told as they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqrobust.alphabet import DNA
from seqrobust.errors import ModelError
from seqrobust.models import Predictor
from seqrobust.models.checks.calling import in_words
from seqrobust.models.modes import evaluation_mode
from seqrobust.neighbours import Edits, NeighbourScores, apply_edits
from seqrobust.sequences.encoding import one_hot

LENGTH = 30


def tokens(n: int = 10, *, ragged: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(4, (n, LENGTH), generator=generator).to(torch.uint8)
    if ragged:
        drawn[torch.arange(LENGTH) >= torch.randint(9, LENGTH + 1, (n, 1), generator=generator)] = DNA.padding
    return drawn


class Net(nn.Module):
    """Two outputs of a convolution."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv, self.head = nn.Conv1d(4, 8, 5, padding=2), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(F.relu(self.conv(x)).amax(2)) * 6
        return out


def checked(module: nn.Module, rows: Tensor | None = None, **more: Any) -> Predictor:
    predictor = Predictor(module, **{"alphabet": DNA, "task": "classification", "device": "cpu"} | more)
    predictor.check(tokens() if rows is None else rows)
    return predictor


def plainly(module: nn.Module, rows: Tensor, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Outputs and the gradient of the sum of their squares by one plain call with a copy that is no leaf."""
    points = one_hot(rows, DNA).requires_grad_(True)
    out = evaluation_mode(module)(points.clone().to(dtype)).float()
    (slope,) = torch.autograd.grad(out.square().sum(), points)
    return out.detach(), slope


def agree(predictor: Predictor, rows: Tensor, expected: Tensor, slopes: Tensor) -> None:
    """Logits and gradient, whatever the batch size."""
    with predictor.attached():
        for size in (16, 64):
            predictor.batch_size = size
            torch.testing.assert_close(predictor.logits(rows), expected, rtol=1e-4, atol=1e-5)
            points = predictor.encode(rows)
            kept = points.clone()
            found = predictor.gradient(points, predictor.lengths(rows), lambda out, _: out.square().sum(1))
            torch.testing.assert_close(found.gradient, slopes, rtol=1e-3, atol=1e-4)
            assert torch.equal(points, kept), "nobody writes into what was given"


# --- in place


class Shifts(Net):
    def forward(self, x: Tensor) -> Tensor:
        x -= 0.25
        return super().forward(x)


class WritesAPart(Net):
    def forward(self, x: Tensor) -> Tensor:
        x[:, :, :3] = 0
        x[:, 1] *= 2
        return super().forward(x.relu_())


class FillsMissing(Net):
    def forward(self, x: Tensor) -> Tensor:
        x.masked_fill_(x.sum(1, keepdim=True) == 0, 0.25)
        return super().forward(x)


@pytest.mark.parametrize("kind", [Shifts, WritesAPart, FillsMissing])
def test_a_module_may_write_into_its_input(kind: type[nn.Module]) -> None:
    """Also where strands are averaged, and where neighbours are scored from caches."""
    rows = tokens(40)
    rows[3, 4] = DNA.unknown
    predictor = checked(kind(), rows)
    assert not predictor.stochastic
    agree(predictor, rows, *plainly(kind(), rows))
    both = checked(kind(), rows, average_strands=True)
    with both.attached(), torch.no_grad():
        there = one_hot(rows, DNA)
        back = there.flip(1, 2)
        torch.testing.assert_close(both.logits(rows), (kind()(there.clone()) + kind()(back.clone())) / 2)
    edits = Edits(
        torch.arange(40).repeat(60), (torch.arange(2400) % LENGTH)[:, None], (torch.arange(2400) % 4)[:, None]
    )
    with predictor.attached(), torch.no_grad():
        scores = NeighbourScores(predictor, way="auto")
        found = scores.logits(rows, edits)
        torch.testing.assert_close(found, kind()(one_hot(apply_edits(rows, edits), DNA)), rtol=1e-4, atol=1e-4)


# --- lengths


class Packs(nn.Module):
    """Needs lengths, for a packed sequence."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.gru, self.head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(
            x.transpose(1, 2), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        out: Tensor = self.head(self.gru(packed)[1][0]) * 6
        return out


class FailsOnNone(Packs):
    """Has a default that it cannot work with."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        assert lengths is not None
        return super().forward(x, lengths)


class MeanUpTo(Net):
    """A default that is no None."""

    def forward(self, x: Tensor, lengths: Any = -1) -> Tensor:
        kept = torch.arange(x.shape[2]) < torch.as_tensor(lengths)[:, None]
        out: Tensor = self.head((F.relu(self.conv(x)) * kept[:, None]).amax(2)) * 6
        return out


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("kind", [Packs, FailsOnNone, MeanUpTo])
def test_lengths_are_told_to_those_that_need_them(kind: type[nn.Module], ragged: bool) -> None:
    rows, module = tokens(20, ragged=ragged), kind()
    predictor = checked(kind(), rows)
    with torch.no_grad():
        alone = [row[row != DNA.padding][None] for row in rows]
        expected = torch.cat([module(one_hot(row, DNA), lengths=torch.tensor([row.shape[1]])) for row in alone])
    with predictor.attached():
        torch.testing.assert_close(predictor.logits(rows), expected, rtol=1e-4, atol=1e-5)


# --- modes


class OwnTrain(Net):
    """A training loop that is called train, and one that is called eval."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)
        self.called = False

    def train(self, data: Any, epochs: int = 1) -> None:  # type: ignore[override]
        self.called = True

    def eval(self, data: Any = None) -> float:  # type: ignore[override]
        self.called = True
        return 0.0

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.drop(F.relu(self.conv(x)).amax(2))) * 6
        return out


class Frozen(Net):
    """Keeps torch's signature: in whatever mode, its dropout is on, and that is meant."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bool] = []

    def train(self, mode: bool = True) -> Frozen:
        self.told.append(mode)
        return super().train(mode)


def test_a_method_called_train_is_not_called() -> None:
    module = OwnTrain()
    predictor = checked(module)
    assert not predictor.stochastic, "and dropout is off all the same"
    assert module.drop.training
    with predictor.attached():
        assert not module.drop.training
    assert not module.called


def test_a_train_of_torchs_own_kind_is_told_the_mode() -> None:
    module = nn.Sequential(Frozen(), nn.Dropout(0.5))
    checked(module)
    assert module[0].told == [False]
    assert module.training
    assert module[0].training


def test_programs_without_modes() -> None:
    """Exported and frozen ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = one_hot(tokens(4), DNA)
        batch = torch.export.Dim("batch", min=1, max=4096)
        exported: Any = torch.export.export(Net().eval(), (example,), dynamic_shapes=({0: batch},)).module()
        frozen: Any = torch.jit.freeze(torch.jit.trace(Net().eval(), example))
    for module in (exported, frozen):
        predictor = checked(module)
        with predictor.attached():
            torch.testing.assert_close(predictor.logits(tokens()), plainly(Net(), tokens())[0], rtol=1e-4, atol=1e-5)


# --- number types


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_a_module_is_asked_in_its_own_number_type(dtype: torch.dtype) -> None:
    rows = tokens(20)
    predictor = checked(Net().to(dtype), rows)
    assert any(f"computes in {str(dtype).removeprefix('torch.')}" in notice for notice in predictor.notices)
    expected, _ = plainly(Net().to(dtype), rows, dtype)
    tolerance = 0.0 if dtype == torch.float64 else 0.1
    with predictor.attached():
        torch.testing.assert_close(predictor.logits(rows), expected, rtol=1e-6, atol=max(tolerance, 1e-6))
        edits = Edits(torch.arange(20).repeat(60), (torch.arange(1200) % 9)[:, None], (torch.arange(1200) % 4)[:, None])
        found = NeighbourScores(predictor).logits(rows, edits)
        with torch.no_grad():
            plain = evaluation_mode(Net().to(dtype))(one_hot(apply_edits(rows, edits), DNA).to(dtype)).float()
        torch.testing.assert_close(found, plain, rtol=1e-4, atol=max(tolerance, 1e-4))


def test_a_module_that_takes_float32_is_left_alone() -> None:
    class Inside(Net):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.double())

    predictor = checked(Inside().double())
    assert not predictor.caller.casts
    agree(predictor, tokens(), *plainly(Inside().double(), tokens()))


# --- what cannot be called is told


class NeedsMask(Net):
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return super().forward(x * mask)


class Embeds(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.table(x).mean(1))
        return out


class OneRow(Net):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(1, 4, LENGTH))


class Fails(Net):
    def __init__(self, fails: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.fails = fails

    def forward(self, x: Tensor) -> Any:
        return self.fails(super().forward(x))


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (NeedsMask(), "as its mask"),
        (Embeds(), "argmax(1)"),
        (OneRow(), "--one-by-one"),
        (Fails(lambda out: out @ torch.zeros(2, 2, dtype=torch.float64)), "model.float()"),
        (Fails(lambda out: {"logits": out, "hidden": [out, None]}), "dict of 'logits' (10, 2), 'hidden' list of [0]"),
        (Fails(lambda out: (out, out[:, :1])), "tuple of [0] (10, 2), [1] (10, 1)"),
        (Fails(lambda out: out.detach().numpy()), "ndarray (10, 2)"),
        (Fails(lambda out: out.to(torch.complex64)), "complex"),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, nn.Module) else item[:12],
)
def test_what_to_do_about_a_module_that_cannot_be_called(module: nn.Module, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        checked(module)
    assert said in str(caught.value)
    assert caught.value.fix


def test_one_row_at_a_time() -> None:
    predictor = checked(OneRow(), one_by_one=True)
    agree(predictor, tokens(), *plainly(Net(), tokens()))


def test_a_tensor_of_a_kind_of_its_own() -> None:
    """As fastai returns."""

    class Named(Tensor):
        pass

    agree(checked(Fails(lambda out: out.as_subclass(Named))), tokens(), *plainly(Net(), tokens()))


def test_long_answers_are_shortened() -> None:
    assert in_words(tuple(range(20))).endswith("and 12 more")


# --- counts


def test_rows_that_were_sent_are_counted() -> None:
    """By a counter inside the module."""

    class Metered(Net):
        sent = 0

        def forward(self, x: Tensor) -> Tensor:
            self.sent += len(x)
            return super().forward(x)

    for strands in (False, True):
        module = Metered()
        predictor = checked(module, average_strands=strands)
        assert predictor.rows_sent == 0, "a check is free"
        module.sent = 0
        with predictor.attached():
            predictor.logits(tokens(1))
            predictor.logits(tokens(20, ragged=True))
            predictor.gradient(one_hot(tokens(5), DNA), torch.full((5,), LENGTH), lambda out, _: out.sum(1))
        assert predictor.rows_sent == module.sent > predictor.forwards + predictor.gradients == 26
