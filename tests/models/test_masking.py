"""Masked layers against the same layers applied to each record by itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqrobust.models.masking import (
    MaskedBatchNorm,
    global_features,
    max_pool,
    reversed_within,
    valid_positions,
    zero_padding,
)

LENGTHS = torch.tensor([11, 7, 1, 10])
WIDTH = 11


def features(channels: int = 5) -> tuple[Tensor, Tensor]:
    """Features with rubbish, not zeros, behind each record's end: no layer may look there."""
    valid = valid_positions(LENGTHS, WIDTH)
    assert valid is not None
    drawn = torch.randn(len(LENGTHS), channels, WIDTH, generator=torch.Generator().manual_seed(1)) - 3
    return drawn.where(valid[:, None, :], torch.tensor(1e4)), valid


def test_nothing_is_masked_where_records_fill_the_batch() -> None:
    assert valid_positions(None, 5) is None
    assert valid_positions(torch.tensor([5, 5]), 5) is None
    valid = valid_positions(torch.tensor([5, 2]), 5)
    assert valid is not None
    assert valid.sum(1).tolist() == [5, 2]


def test_batch_norm_sees_real_positions_only() -> None:
    """Output, running statistics and gradients are those of a plain batch norm over the valid columns."""
    values, valid = features()
    masked, plain = MaskedBatchNorm(5), nn.BatchNorm1d(5)
    for norm in (masked, plain):
        nn.init.constant_(norm.weight, 1.5)
        nn.init.constant_(norm.bias, 0.5)
    first, second = values.clone().requires_grad_(True), values.clone().requires_grad_(True)
    real = plain(second.transpose(1, 2)[valid])
    out = masked(first, valid)
    torch.testing.assert_close(out.transpose(1, 2)[valid], real)
    assert not out.transpose(1, 2)[~valid].any()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(masked.state_dict()[name], value)
    real.square().sum().backward()
    out.square().sum().backward()
    torch.testing.assert_close(first.grad, second.grad)


def test_batch_norm_is_the_plain_one_on_full_batches() -> None:
    values = torch.randn(3, 5, 6, generator=torch.Generator().manual_seed(2))
    masked, plain = MaskedBatchNorm(5), nn.BatchNorm1d(5)
    assert torch.equal(masked(values), plain(values))
    assert torch.equal(masked.eval()(values), plain.eval()(values))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 20])
def test_max_pool_is_that_of_each_record(size: int) -> None:
    values, valid = features()
    pooled, windows = max_pool(values, valid, size)
    assert windows is not None
    for row, length in enumerate(LENGTHS.tolist()):
        alone = torch.stack([part.amax(1) for part in values[row, :, :length].split(size, dim=1)], dim=1)
        assert windows[row].sum() == alone.shape[1]
        assert torch.equal(pooled[row][:, windows[row]], alone)


def test_max_pool_leaves_zeros_behind_the_end() -> None:
    values, valid = features()
    pooled, windows = max_pool(zero_padding(values, valid), valid, 2)
    assert windows is not None
    assert not pooled.transpose(1, 2)[~windows].any()


def test_global_features_are_those_of_each_record() -> None:
    values, valid = features()
    found = global_features(values, valid)
    for row, length in enumerate(LENGTHS.tolist()):
        own = values[[row], :, :length]
        torch.testing.assert_close(found[[row]], torch.cat([own.amax(2), own.mean(2)], dim=1))
        torch.testing.assert_close(found[[row]], global_features(own, None))


def test_reversal_turns_each_record_and_back() -> None:
    steps = features()[0].transpose(1, 2)
    turned = reversed_within(steps, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.equal(turned[row, :length], steps[row, :length].flip(0))
    assert torch.equal(reversed_within(turned, LENGTHS), steps)
    assert torch.equal(reversed_within(steps, None), steps.flip(1))


def test_recurrence_equals_torchs_own_on_packed_records() -> None:
    """Two plain layers and a reversal against ``nn.GRU(bidirectional=True)`` with packed sequences."""
    from seqrobust.models.architectures.recurrent import BidirectionalGRU

    ours, theirs = BidirectionalGRU(4, 3), nn.GRU(4, 3, batch_first=True, bidirectional=True)
    weights = {
        f"{name}{end}": value
        for layer, end in ((ours.onward, ""), (ours.backward_, "_reverse"))
        for name, value in layer.state_dict().items()
    }
    theirs.load_state_dict(weights)
    steps = torch.randn(4, WIDTH, 4, generator=torch.Generator().manual_seed(3))
    packed = nn.utils.rnn.pack_padded_sequence(steps, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    valid = valid_positions(LENGTHS, WIDTH)
    found = zero_padding(ours(steps, LENGTHS).transpose(1, 2), valid).transpose(1, 2)
    torch.testing.assert_close(found, functional.pad(expected, (0, 0, 0, WIDTH - expected.shape[1])))
