"""A predictor says what its module says: whatever the batch, the lengths, the device or the shape of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from predictor_toys import (
    DEVICES,
    KINDS,
    LENGTH,
    Convolution,
    Ending,
    gradient,
    logits,
    made,
    one_by_one,
    tokens,
    wrap,
)
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.errors import ModelError
from seqrobust.models import ARCHITECTURES, Predictor
from seqrobust.models.predictor import ROWS, Gradient
from seqrobust.sequences import Task
from seqrobust.sequences.encoding import one_hot

# --- what it says is what the module says


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_outputs_and_gradients_are_the_bare_modules(kind: str, ragged: bool, device: str) -> None:
    """A recurrence, too, has its gradient in evaluation mode, on a GPU as well."""
    module, rows = made(kind), tokens(ragged=ragged)
    expected, slopes = one_by_one(module, rows)
    predictor = wrap(module, device=device, batch_size=8)
    torch.testing.assert_close(logits(predictor, rows), expected, rtol=1e-4, atol=1e-5)
    found = gradient(predictor, rows)
    torch.testing.assert_close(found.logits.cpu(), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.value.cpu(), expected.square().sum(1), rtol=1e-4, atol=1e-5)
    # Behind its end a record has no letters to change; what slope a convolution sees there is nobody's business.
    letters = (rows != DNA.padding)[:, None, :]
    torch.testing.assert_close(found.gradient.cpu() * letters, slopes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_records_of_any_length_can_be_checked_first(kind: str, device: str) -> None:
    predictor = wrap(made(kind), checked=False, device=device)
    predictor.check(tokens(ragged=True))
    assert predictor.labels == ("0", "1", "2")


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_agrees_with_finite_differences(kind: str) -> None:
    """In double precision, at relaxed points between the letters, along random directions."""
    module, rows = made(kind).double().eval(), tokens(6)
    generator = torch.Generator().manual_seed(4)
    points = torch.rand(6, 4, LENGTH, generator=generator, dtype=torch.float64).softmax(1)
    direction = torch.randn(points.shape, generator=generator, dtype=torch.float64)
    found = gradient(wrap(module, checked=False), rows, points).gradient
    step = 1e-5
    with torch.no_grad():
        ahead, behind = (module(points + sign * step * direction).square().sum(1) for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    torch.testing.assert_close((found * direction).sum((1, 2)), slope, rtol=1e-3, atol=1e-4)


def test_the_objective_is_told_which_rows_it_sees() -> None:
    """Also in batches that are filled up."""
    predictor, rows = wrap(made("convolution"), batch_size=8), tokens(19)
    wanted = torch.arange(19) % 3
    with predictor.attached():
        found = predictor.gradient(
            predictor.encode(rows), predictor.lengths(rows), lambda out, at: out.gather(1, wanted[at][:, None])[:, 0]
        )
    assert torch.equal(found.value, found.logits[torch.arange(19), wanted])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_batches_and_neighbours_change_nothing(kind: str, ragged: bool) -> None:
    """Not a bit in our own architectures, whose layers are wide; torch rounds tiny matrices of others by their row."""
    module, rows = made(kind), tokens(53, ragged=ragged)
    whole, tolerance = wrap(module, batch_size=256), 0 if kind in ARCHITECTURES else 1e-6
    expected, slopes = logits(whole, rows), gradient(whole, rows).gradient
    for size in (1, 7, 16, 40):
        predictor = wrap(module, batch_size=size)
        # Fewer rows than these take other paths through torch's kernels.
        near = tolerance if size >= ROWS else 1e-5
        torch.testing.assert_close(logits(predictor, rows), expected, rtol=0, atol=near)
        torch.testing.assert_close(gradient(predictor, rows).gradient, slopes, rtol=0, atol=near)
    order = torch.randperm(53, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(logits(whole, rows[order]), expected[order], rtol=0, atol=tolerance)
    torch.testing.assert_close(logits(whole, rows[9:10]), expected[9:10], rtol=0, atol=tolerance)


def test_unknown_letters_are_encoded_as_asked() -> None:
    module, rows = made("convolution"), tokens()
    zeros, uniform = (logits(wrap(module, unknown=unknown), rows) for unknown in ("zeros", "uniform"))
    assert not torch.equal(zeros[0], uniform[0])
    assert torch.equal(zeros[1:], uniform[1:])


@pytest.mark.parametrize("width", [LENGTH, LENGTH + 6])
def test_records_are_padded_to_a_fixed_input(width: int) -> None:
    """Whatever the width of the batch they come in."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(4 * 15, 3))
    rows = nn.functional.pad(tokens(ragged=True), (0, width - LENGTH), value=DNA.padding)
    predictor = wrap(module, input_length=15)
    expected = module(nn.functional.pad(one_hot(rows[:, :LENGTH], DNA), (0, 3)))
    torch.testing.assert_close(logits(predictor, rows), expected.detach())
    with pytest.raises(ModelError, match=r"longer than the model's input(.|\n)*--max-length 15"):
        predictor.check(tokens(length=16))


def test_what_was_asked_is_counted() -> None:
    """Records, not filled-up rows; a check is free."""
    predictor = wrap(made("convolution"), batch_size=8)
    assert (predictor.forwards, predictor.gradients) == (0, 0)
    logits(predictor, tokens(11))
    gradient(predictor, tokens(5))
    logits(predictor, tokens(3))
    assert (predictor.forwards, predictor.gradients) == (14, 5)


def test_no_records_give_no_logits() -> None:
    assert logits(wrap(made("convolution")), tokens()[:0]).shape == (0, 3)


# --- the module is given back


def _state(module: nn.Module) -> list[Any]:
    weights = [(weight.requires_grad, weight.device, weight.clone()) for weight in module.parameters()]
    return [[part.training for part in module.modules()], weights, [part.clone() for part in module.buffers()]]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fails", [False, True])
def test_the_module_is_given_back_as_it_came(fails: bool, device: str) -> None:
    module = made("convolution")
    module.features[1].eval()
    module.head.weight.requires_grad_(False)
    module.tied = module.head
    before = _state(module)
    predictor = wrap(module, device=device)
    try:
        with predictor.attached():
            assert not any(part.training for part in module.modules())
            assert not any(weight.requires_grad for weight in module.parameters())
            assert {weight.device.type for weight in module.parameters()} == {device}
            predictor.logits(tokens())
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    after = _state(module)
    assert after[0] == before[0]
    assert [item[:2] for item in after[1]] == [item[:2] for item in before[1]]
    assert all(torch.equal(new[2], old[2]) for new, old in zip(after[1], before[1], strict=True))
    assert all(map(torch.equal, after[2], before[2])), "running statistics stay as they were"


def test_gradients_do_not_pile_up_in_the_module() -> None:
    module = made("convolution")
    gradient(wrap(module), tokens())
    assert all(weight.grad is None for weight in module.parameters())


# --- logits, whatever shape the answer has


def test_shapes_of_a_binary_answer() -> None:
    """One column, none, or two of which the difference counts."""
    expected = logits(wrap(Ending(lambda out: out, 1), "binary"), tokens())
    assert expected.shape == (20, 1)
    assert torch.equal(logits(wrap(Ending(lambda out: out[:, 0], 1), "binary"), tokens()), expected)
    pair = logits(wrap(Ending(lambda out: torch.cat([out - 1, 2 * out], 1), 1), "binary"), tokens())
    torch.testing.assert_close(pair, expected + 1)


def test_a_flat_regression() -> None:
    predictor = wrap(Ending(lambda out: out[:, 0].sigmoid()), "regression")
    assert logits(predictor, tokens()).shape == (20, 1)
    assert predictor.notices == [], "a value between 0 and 1 is a value"


PROBABILITIES: dict[str, tuple[Task, int, Callable[[Tensor], Tensor]]] = {
    "softmax": ("classification", 3, lambda out: out.softmax(1)),
    "two of a pair": ("binary", 2, lambda out: out.softmax(1)),
    "sigmoid": ("binary", 1, nn.Sigmoid()),
    "flat sigmoid": ("binary", 1, lambda out: out[:, 0].sigmoid()),
    "multilabel": ("multilabel", 4, nn.Sigmoid()),
}


@pytest.mark.parametrize("case", PROBABILITIES)
def test_probabilities_are_noticed_and_turned_back(case: str) -> None:
    """Logits to within 1e-4, and the gradient of a margin; of a softmax the differences, which are all that counts."""
    task, outputs, end = PROBABILITIES[case]
    rows, plain, ended = tokens(64), Ending(lambda out: out, outputs), Ending(end, outputs)
    for module in (plain, ended):
        _standardise(module.inner, rows)
    predictor, own = wrap(ended, task, checked=False), wrap(plain, task, scale="logits")
    predictor.check(rows)
    assert predictor.scale == "probabilities"
    assert "log-odds are read" in predictor.notices[0]
    found, expected = (_margins(item, rows, task) for item in (predictor, own))
    assert expected.value.std() > 0.1
    torch.testing.assert_close(found.value, expected.value, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.gradient, expected.gradient, rtol=1e-3, atol=1e-4)


def _standardise(module: Convolution, rows: Tensor) -> None:
    """Change the head so that each logit has mean 0 and standard deviation 1.5 over the rows."""
    with torch.no_grad():
        out = module.eval()(one_hot(rows, DNA))
        scale = 1.5 / out.std(0)
        module.head.bias.copy_((module.head.bias - out.mean(0)) * scale)
        module.head.weight *= scale[:, None]


def _margins(predictor: Predictor, rows: Tensor, task: Task) -> Gradient:
    def margin(out: Tensor, _: Tensor) -> Tensor:
        return out[:, 1] - out[:, 0] if task == "classification" else out.sum(1)

    with predictor.attached():
        return predictor.gradient(predictor.encode(rows), predictor.lengths(rows), margin)


@pytest.mark.parametrize(
    ("task", "end"),
    [
        ("classification", lambda out: out),
        ("classification", lambda out: out.log_softmax(1)),
        ("classification", lambda out: out.sigmoid()),
        ("multilabel", lambda out: 3 * out),
        ("binary", lambda out: 8 * out[:, 0]),
    ],
)
def test_logits_are_not_taken_for_probabilities(task: Task, end: Callable[[Tensor], Tensor]) -> None:
    predictor = wrap(Ending(end), task)
    assert predictor.scale == "logits"
    assert not any("probabilities" in notice for notice in predictor.notices)


def _softmax_by_hand(out: Tensor) -> Tensor:
    powers = (5000 * (out - out.amax(1, keepdim=True))).exp()
    return powers / powers.sum(1, keepdim=True)


def test_saturated_probabilities_are_told_and_stay_finite() -> None:
    predictor = wrap(Ending(_softmax_by_hand))
    assert "20 of 20 records are saturated" in predictor.notices[0]
    assert logits(predictor, tokens()).isfinite().all()
    assert gradient(predictor, tokens()).gradient.isfinite().all()


def test_what_the_user_says_about_the_scale_holds() -> None:
    module = Ending(lambda out: out.softmax(1))
    assert torch.equal(logits(wrap(module, scale="logits"), tokens()).sum(1).round(decimals=4), torch.ones(20))
    few = wrap(Ending(lambda out: out[:, :1].sigmoid()), "binary", scale="probabilities")
    torch.testing.assert_close(logits(few, tokens()), logits(wrap(made("convolution")), tokens())[:, :1])


def test_labels_are_numbered_where_none_are_given() -> None:
    assert wrap(made("convolution")).labels == ("0", "1", "2")
    assert wrap(made("convolution", 1), "binary").labels == ("0", "1")
    with pytest.raises(ModelError, match="not known yet"):
        _ = wrap(made("convolution"), checked=False).outputs


class Small(nn.Module):
    """A network that so many rows are too much for, which it says as a graphics card or the system would."""

    def __init__(self, most: int, words: str = "") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.most, self.words, self.seen = made("convolution"), most, words, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = max(self.seen, len(x))
        if len(x) > self.most:
            raise RuntimeError(self.words)
        found: torch.Tensor = self.inner(x)
        return found


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("most", [1, 3, 8, 16, 20, 47])
def test_no_batch_is_larger_than_asked(most: int, ragged: bool) -> None:
    module, rows = Small(most, "too many rows"), tokens(70, ragged=ragged)
    predictor, usual = wrap(module, batch_size=most), wrap(module.inner)
    for one in (predictor, usual):
        one.check(rows)
    with predictor.attached(), usual.attached():
        torch.testing.assert_close(predictor.logits(rows), usual.logits(rows), rtol=0, atol=1e-6)
        found, expected = (
            one.gradient(one.encode(rows), one.lengths(rows), lambda logits, _: logits[:, 0]).gradient
            for one in (predictor, usual)
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert module.seen <= most


@pytest.mark.parametrize(
    "words", ["CUDA out of memory. Tried", "DefaultCPUAllocator: can't allocate memory: you tried"]
)
def test_batches_are_halved_until_memory_is_enough(words: str) -> None:
    rows, usual = tokens(70), wrap(Small(1000).inner)
    usual.check(rows)
    for moment in ("check", "later"):
        module = Small(5 if moment == "check" else 1000, words)
        predictor = wrap(module)
        predictor.check(rows)
        module.most = 5
        with predictor.attached(), usual.attached():
            torch.testing.assert_close(predictor.logits(rows), usual.logits(rows), rtol=0, atol=1e-6)
        assert predictor.batch_size == 4
        assert [text for text in predictor.notices if "--batch-size 4" in text]
    with pytest.raises(ModelError, match="not enough memory for a single record"):
        wrap(Small(0, words))
    with pytest.raises(ModelError, match="fails on a batch"):
        wrap(Small(0, "something else"))


def test_a_batch_size_set_later_holds_too() -> None:
    predictor, rows = wrap(made("convolution")), tokens(40, ragged=True)
    with predictor.attached():
        whole = predictor.logits(rows)
        for size, held in ((7, 7), (16, 16), (31, 16), (100, 96)):
            predictor.batch_size = size
            assert predictor.batch_size == held
            torch.testing.assert_close(predictor.logits(rows), whole, rtol=0, atol=1e-6)


def test_a_batch_holds_something() -> None:
    with pytest.raises(ModelError, match="at least one record"):
        wrap(made("convolution"), batch_size=0)
