"""A record gets one answer: whatever stands beside it, whenever it is asked about; or that is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqrobust.alphabet import DNA
from seqrobust.errors import ModelError
from seqrobust.models import Predictor
from seqrobust.neighbours import Edits, NeighbourScores, apply_edits
from seqrobust.sequences.encoding import one_hot

LENGTH = 20


def tokens(n: int = 10, *, ragged: bool = False) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(4, (n, LENGTH), generator=generator).to(torch.uint8)
    if ragged:
        drawn[torch.arange(LENGTH) >= torch.randint(8, LENGTH + 1, (n, 1), generator=generator)] = DNA.padding
    return drawn


class Net(nn.Module):
    """Two logits of the features of a convolution, which something may happen to on the way."""

    def __init__(self, between: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv, self.head = nn.Conv1d(4, 8, 5, padding=2), nn.Linear(8, 2)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        features = F.relu(self.conv(x)).amax(2)
        out: Tensor = self.head(features if self.between is None else self.between(features))
        return out


class SoftmaxOverBatch(Net):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).softmax(0)


class BatchFirstForgotten(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.gru, self.head = nn.GRU(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.gru(x.transpose(1, 2))[0][:, -1]) * 6
        return out


class Quantised(Net):
    """Features rounded to 8 bits whose scale is that of the batch, as dynamic quantisation does."""

    def forward(self, x: Tensor) -> Tensor:
        features = F.relu(self.conv(x)).amax(2)
        scale = features.max() / 127
        out: Tensor = self.head((features / scale).round() * scale)
        return out


class MeanOfPadding(Net):
    """Takes lengths, and does not heed them."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        out: Tensor = self.head(F.relu(self.conv(x)).mean(2)) * 6
        return out


class LargeBeside(Net):
    """Mixes the batch in a small output beside a large one."""

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        return torch.cat([out - out.mean(0), torch.full_like(out[:, :1], 1e7)], 1)


DEPENDENT: dict[str, Callable[[], nn.Module]] = {
    "softmax over the batch": SoftmaxOverBatch,
    "batch first forgotten": BatchFirstForgotten,
    "batch statistics": lambda: Net(nn.BatchNorm1d(8, track_running_stats=False)),
    "dynamic quantisation": Quantised,
    "minus the batch's mean": lambda: Net(lambda out: out - out.mean(0)),
    "place in the batch": lambda: Net(lambda out: out + 0.01 * torch.arange(len(out))[:, None]),
    "size of the batch": lambda: Net(lambda out: out / len(out)),
    "beside a large output": LargeBeside,
}


def checked(module: nn.Module, rows: Tensor | None = None, **more: Any) -> Predictor:
    predictor = Predictor(module, **{"alphabet": DNA, "task": "regression", "device": "cpu"} | more)
    predictor.check(tokens() if rows is None else rows)
    return predictor


@pytest.mark.parametrize("n", [1, 2, 10, 40])
@pytest.mark.parametrize("case", DEPENDENT)
def test_a_model_that_mixes_the_batch_is_refused(case: str, n: int) -> None:
    with pytest.raises(ModelError) as caught:
        checked(DEPENDENT[case](), tokens(n))
    if n == 1 and case == "batch statistics":
        assert "statistics of the batch" in str(caught.value), "it fails by itself"
        return
    assert "other records of its batch" in str(caught.value)
    assert "--one-by-one" in str(caught.value.fix)


def test_lengths_that_are_not_heeded_are_noticed() -> None:
    assert not checked(MeanOfPadding()).stochastic, "no padding, no difference"
    with pytest.raises(ModelError, match="other records of its batch"):
        checked(MeanOfPadding(), tokens(ragged=True))


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize(
    "case",
    ["softmax over the batch", "batch first forgotten", "dynamic quantisation", "place in the batch"],
)
def test_one_by_one_every_record_is_a_call_of_its_own(case: str, ragged: bool) -> None:
    """Logits, gradients and neighbours are those of plain calls with one record."""
    module, rows = DEPENDENT[case](), tokens(ragged=ragged)
    predictor = checked(module, rows, one_by_one=True, batch_size=7)

    def alone(record: Tensor) -> tuple[Tensor, Tensor]:
        encoded = one_hot(record[record != DNA.padding][None], DNA).requires_grad_(True)
        out = module.eval()(encoded)
        (slope,) = torch.autograd.grad(out.square().sum(), encoded)
        return out.detach(), F.pad(slope, (0, LENGTH - encoded.shape[2]))

    expected, slopes = (torch.cat(parts) for parts in zip(*map(alone, rows), strict=True))
    edits = Edits(torch.arange(10).repeat(120), (torch.arange(1200) % 8)[:, None], (torch.arange(1200) % 4)[:, None])
    with predictor.attached():
        torch.testing.assert_close(predictor.logits(rows), expected)
        assert (predictor.forwards, predictor.rows_sent) == (10, 10), "nothing is filled up"
        points = predictor.encode(rows)
        found = predictor.gradient(points, predictor.lengths(rows), lambda out, _: out.square().sum(1))
        scores = NeighbourScores(predictor).logits(rows, edits)
    torch.testing.assert_close(found.gradient, slopes, rtol=1e-4, atol=1e-5)
    edited = apply_edits(rows, edits)[:60]
    torch.testing.assert_close(scores[:60], torch.cat([alone(record)[0] for record in edited]))


def test_models_that_heed_only_the_record_are_not_accused() -> None:
    """Among them ill-conditioned, coarse and tiny ones, whose rounding depends on the batch."""
    harmless: list[nn.Module] = [
        Net(),
        Net(nn.BatchNorm1d(8)),
        Net(nn.LayerNorm(8)),
        Net(lambda out: out * 1e6 - 1e6 * out.detach().round()),
        Net(lambda out: out * 1e-8),
        Net(lambda out: out * 1e4),
        Net(lambda out: out.bfloat16().float()),
        Net().bfloat16(),
        Net().half(),
        nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 64), nn.Softplus(), nn.Linear(64, 3)),
    ]
    for module in harmless:
        assert not checked(module).stochastic
    assert not checked(Net(), tokens(ragged=True)).stochastic


class Squeezing(Net):
    """Loses the axis of records where there is one: it cannot be asked about one alone, and need not be."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).squeeze()


def test_a_model_that_fails_on_a_single_record_is_asked_about_several() -> None:
    assert not checked(Squeezing()).stochastic


# --- memory


class Carrying(nn.Module):
    """Goes on from the hidden state of the last call."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.gru, self.head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 2)
        self.state: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        state = self.state if self.state is not None and self.state.shape[1] == len(x) else None
        steps, self.state = self.gru(x.transpose(1, 2), state)
        self.state = self.state.detach()
        out: Tensor = self.head(steps.mean(1))
        return out


class Counting(Net):
    """Says more with every question."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("asked", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.asked += 1
        return super().forward(x) + 0.01 * self.asked


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("kind", [Carrying, Counting])
def test_a_model_that_remembers_is_refused(kind: type[nn.Module], one_by_one: bool) -> None:
    with pytest.raises(ModelError, match="remembers what it was asked"):
        checked(kind(), one_by_one=one_by_one)


class Overwriting(Net):
    """Writes every answer into one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = torch.zeros(64, 2)

    def forward(self, x: Tensor) -> Tensor:
        self.kept[: len(x)] = super().forward(x)
        return self.kept[: len(x)]


def test_an_answer_that_the_next_call_overwrites_is_kept() -> None:
    rows = tokens(50)
    predictor = checked(Overwriting(), batch_size=16)
    with predictor.attached(), torch.no_grad():
        found = predictor.logits(rows)
        torch.testing.assert_close(found, Net()(one_hot(rows, DNA)))


# --- rare randomness


class Rarely(Net):
    """Stochastic depth that stays on: now and then all records of a batch lose a block."""

    def __init__(self, draw: Callable[[], float], rate: float = 0.05) -> None:
        super().__init__()
        self.draw, self.rate = draw, rate

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (0.5 if self.draw() < self.rate else 1.0)


class Held(Rarely):
    """With a generator of its own."""

    def __init__(self, generator: Any) -> None:
        super().__init__(lambda: 1.0)
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.generator, torch.Generator):
            drawn = float(torch.rand((), generator=self.generator))
        else:
            drawn = float(self.generator.random())
        return Net.forward(self, x) * (0.5 if drawn < 1e-4 else 1.0)


@pytest.mark.parametrize("rate", [0.05, 1e-6])
def test_randomness_is_known_however_rarely_it_shows(rate: float) -> None:
    predictor = checked(Rarely(lambda: float(torch.rand(())), rate), samples=3)
    assert predictor.stochastic
    assert any("random" in notice for notice in predictor.notices)


@pytest.mark.parametrize("make", [lambda: torch.Generator(), lambda: np.random.default_rng(0)])
def test_a_generator_that_a_part_holds_is_looked_at(make: Callable[[], Any]) -> None:
    assert checked(Held(make()), samples=3).stochastic


def test_a_source_that_is_not_seen_shows_in_many_questions() -> None:
    """Nor is it taken for memory."""
    rng = np.random.default_rng(1)
    predictor = checked(Rarely(lambda: float(rng.random()), 0.2), samples=3)
    assert predictor.stochastic


def test_a_seed_of_its_own_makes_no_model_random() -> None:
    def seeded(out: Tensor) -> Tensor:
        torch.manual_seed(7)
        return out + torch.randn(out.shape[1])

    before = torch.random.get_rng_state()
    assert not checked(Net(seeded)).stochastic
    assert torch.equal(torch.random.get_rng_state(), before)
