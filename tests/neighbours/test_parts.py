"""The parts of the engine one by one, against loops in Python."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbours_zoo import CASES, bases, predictor_for
from torch import Tensor, nn

from seqrobust.neighbours import Edits, apply_edits
from seqrobust.neighbours import windows as windows_module
from seqrobust.neighbours.edits import differences, effective_edits, spans
from seqrobust.neighbours.operations import Convolution, Offset, Sliding, Stretch
from seqrobust.neighbours.plan import classes
from seqrobust.neighbours.windows import MANY_RUNS, Chunk, Columns, cut, place_

LENGTH = 12


# Edits ---------------------------------------------------------------------------------------------------------------


@st.composite
def edits_and_base(draw: st.DrawFn) -> tuple[Tensor, Edits]:
    rows, count, slots = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 4))

    def table(low: int, high: int, *shape: int) -> Tensor:
        size = int(np.prod(shape))
        return torch.tensor(draw(st.lists(st.integers(low, high), min_size=size, max_size=size))).view(*shape)

    base = table(0, 4, rows, 6).to(torch.uint8)
    return base, Edits(table(0, rows - 1, count), table(-1, 5, count, slots), table(0, 4, count, slots))


def by_loop(base: Tensor, edits: Edits) -> list[list[int]]:
    out = []
    for record, places, letters in zip(*(part.tolist() for part in edits), strict=True):
        row = base[record].tolist()
        for place, letter in zip(places, letters, strict=True):
            if place >= 0:
                row[place] = letter
        out.append(row)
    return out


@given(edits_and_base())
def test_edits_are_applied_slot_by_slot(drawn: tuple[Tensor, Edits]) -> None:
    base, edits = drawn
    before = base.clone()
    assert apply_edits(base, edits).tolist() == by_loop(base, edits)
    assert torch.equal(base, before)


@given(edits_and_base())
def test_effective_edits_do_the_same_and_each_does_something(drawn: tuple[Tensor, Edits]) -> None:
    base, edits = drawn
    clean = effective_edits(base, edits)
    assert by_loop(base, clean) == by_loop(base, edits)
    for record, places, after in zip(clean.record.tolist(), clean.position.tolist(), by_loop(base, edits), strict=True):
        real = sorted(p for p in places if p >= 0)
        assert real == [p for p, (a, b) in enumerate(zip(base[record].tolist(), after, strict=True)) if a != b]


@given(edits_and_base())
def test_spans_count_letters_from_first_edit_to_last(drawn: tuple[Tensor, Edits]) -> None:
    _, edits = drawn
    for found, places in zip(spans(edits).tolist(), edits.position.tolist(), strict=True):
        real = [p for p in places if p >= 0]
        assert found == (max(real) - min(real) + 1 if real else 0)


@given(edits_and_base(), st.integers(1, 4))
def test_differences_make_one_of_the_other(drawn: tuple[Tensor, Edits], more: int) -> None:
    base, edits = drawn
    start, moved = base[edits.record], apply_edits(base, edits)
    found = differences(start, moved, edits.position.shape[1] + more)
    assert torch.equal(apply_edits(start, found), moved)
    assert int((found.position >= 0).sum()) == int((start != moved).sum())


# Chunks and windows --------------------------------------------------------------------------------------------------


def chunk_of(places: list[int], records: list[int] | None = None) -> Chunk:
    here = np.array(places, np.int64)
    record = torch.tensor(records if records is not None else [0] * len(places))
    return Chunk(record, torch.as_tensor(here), torch.zeros(len(places), 1, 4), here)


@given(
    st.lists(st.integers(0, LENGTH - 1), min_size=1, max_size=30),
    st.lists(st.integers(-3, 3), min_size=LENGTH, max_size=LENGTH),
)
def test_runs_are_the_offsets_run_length_encoded(places: list[int], offsets: list[int]) -> None:
    by_position = np.array(offsets, np.int64)
    runs = chunk_of(places).runs(Offset(by_position))
    spread = [left for first, stop, left in runs for _ in range(first, stop)]
    assert spread == [offsets[p] for p in places]
    assert [first for first, _, _ in runs] == [0, *[stop for _, stop, _ in runs[:-1]]]
    if len(set(offsets)) > 1:
        assert all(a[2] != b[2] for a, b in pairwise(runs))


@pytest.mark.parametrize("many", [False, True], ids=["slices", "index"])
@pytest.mark.parametrize("add", [False, True], ids=["copy", "add"])
@pytest.mark.parametrize("channels", [1, 3])
def test_windows_are_put_in_place_and_cut_off_at_the_ends(many: bool, add: bool, channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    by_position = np.array([(-4 + 3 * p) % 11 - 4 for p in range(LENGTH)], np.int64)
    places = list(range(LENGTH)) * 2 if many else [0] * 5 + [1] * 6 + [7] * 4
    chunk = chunk_of(places)
    assert (len(chunk.runs(Offset(by_position))) > MANY_RUNS) == many
    target = torch.randn(len(places), 6, channels, generator=generator)
    source = torch.randn(len(places), 4, channels, generator=generator)
    expected = target.clone()
    for row, place in enumerate(places):
        for column in range(4):
            into = column + int(by_position[place])
            if 0 <= into < 6:
                expected[row, into] = source[row, column] + (target[row, into] if add else 0)
    assert torch.equal(place_(target.clone(), source, chunk, Offset(by_position), add=add), expected)


@pytest.mark.parametrize("many", [False, True], ids=["slices", "index"])
@pytest.mark.parametrize("turned", [False, True], ids=["rows first", "channels first in memory"])
def test_windows_are_cut_out(many: bool, turned: bool) -> None:
    by_position = np.array([(5 * p) % 4 for p in range(LENGTH)], np.int64)
    places = list(range(LENGTH)) if many else [0] * 5 + [1] * 6 + [7] * 4
    source = torch.randn(len(places), 9, 3, generator=torch.Generator().manual_seed(1))
    if turned:
        source = source.transpose(1, 2).contiguous().transpose(1, 2)
    found = cut(source, chunk_of(places), Offset(by_position), 5)
    expected = [source[row, by_position[p] : by_position[p] + 5] for row, p in enumerate(places)]
    assert torch.equal(found, torch.stack(expected))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, LENGTH - 1), st.integers(0, 2)), min_size=1, max_size=8),
    st.integers(-LENGTH, LENGTH),
    st.integers(1, 2 * LENGTH),
)
def test_columns_are_read_and_written_within_their_record(where: list[tuple[int, int]], shift: int, width: int) -> None:
    columns = Columns(3, LENGTH, 2, device=torch.device("cpu"), dtype=torch.float32)
    columns.values.copy_(torch.arange(3 * LENGTH * 2).view(3, LENGTH, 2))
    before = columns.values.clone()
    chunk = chunk_of([p for p, _ in where], [r for _, r in where])
    stretch = Stretch(np.arange(LENGTH) + shift, width)
    found = columns.windows(chunk, stretch)
    assert found.shape == (len(where), width, 2)
    for row, (place, record) in enumerate(where):
        for column in range(width):
            if 0 <= place + shift + column < LENGTH:
                assert torch.equal(found[row, column], before[record, place + shift + column])
    alone = chunk_of([where[0][0]], [where[0][1]])
    columns.write(alone, stretch, torch.full((1, width, 2), -1.0))
    expected = before.clone()
    for column in range(width):
        if 0 <= where[0][0] + shift + column < LENGTH:
            expected[where[0][1], where[0][0] + shift + column] = -1
    assert torch.equal(columns.values, expected)


def test_what_stands_outside_a_layer_is_overwritten_whatever_it_is() -> None:
    chunk = chunk_of([0, 5, LENGTH - 1])
    stretch = Stretch(np.arange(LENGTH) - 2, 5)
    columns = torch.full((3, 5, 2), torch.nan)
    columns[0, 2:], columns[1], columns[2, :3] = 1.0, 1.0, 1.0
    found = chunk.filled(columns, stretch, LENGTH, 0)
    assert found.isfinite().all()
    assert float(found.sum()) == 2 * (3 + 5 + 3)
    assert columns.isnan().any(), "the columns given are another's"


@given(
    st.lists(st.integers(-2, 2), min_size=LENGTH, max_size=LENGTH),
    st.lists(st.integers(0, 1), min_size=LENGTH, max_size=LENGTH),
)
def test_positions_that_lie_alike_stand_side_by_side(first: list[int], second: list[int]) -> None:
    rank = classes([np.array(first, np.int64), np.array(second, np.int64)], LENGTH)
    assert sorted(rank.tolist()) == list(range(LENGTH))
    in_order = [(first[p], second[p]) for p in np.argsort(rank)]
    assert len([1 for a, b in pairwise(in_order) if a != b]) + 1 == len(set(in_order))


@pytest.mark.parametrize(("many", "count"), [(True, 40), (False, 40)])
def test_both_ways_of_moving_are_used(many: bool, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many positions in a chunk go by index, few by slices; both give what the plain module gives."""
    from neighbours_zoo import edited, truth

    from seqrobust.neighbours import NeighbourScores

    used: list[bool] = []
    original = windows_module._place_by_index

    def seen(*args: object, **more: object) -> Tensor:
        used.append(True)
        return original(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(windows_module, "_place_by_index", seen)
    case = CASES["flatten cat behind"] if many else CASES["gelu, max pool 5 stride 2, conv, L 60"]
    module, base = case.module(), bases(2, case.length)
    position = torch.arange(count)[:, None] if many else torch.full((count, 1), 17)
    record = torch.arange(count) % 2
    edits = Edits(record, position, (base[record[:, None], position].long() + 1) % 4)
    predictor = predictor_for(module)
    with predictor.attached():
        found = NeighbourScores(predictor, way="incremental").logits(base, edits)
    assert bool(used) == many
    assert torch.allclose(found, truth(module, edited(base, *edits)), atol=1e-5)


# Geometry ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(1, 3),
    st.integers(20, 40),
    st.sampled_from([1, 2, 4]),
)
def test_reached_columns_hold_all_that_change(
    kernel: int, stride: int, padding: int, dilation: int, length: int, span: int
) -> None:
    sliding = Sliding(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    layer = Convolution(weight=torch.ones(1, 1, kernel, dtype=torch.float64), sliding=sliding)
    edited = torch.zeros(length, 1, length, dtype=torch.float64)
    for place in range(length):
        edited[place, 0, place : place + span] = 1
    weight = torch.ones(1, 1, kernel, dtype=torch.float64)
    out = nn.functional.conv1d(edited, weight, stride=stride, padding=padding, dilation=dilation)[:, 0]
    reached = layer.reached(Stretch(np.arange(length), span))
    for place in range(length):
        hit = torch.nonzero(out[place]).flatten().tolist()
        assert all(reached.start[place] <= h < reached.start[place] + reached.width for h in hit)
    whole = layer.needed(reached)
    for place in range(length):
        for h in torch.nonzero(out[place]).flatten().tolist():
            first = h * stride - padding
            assert whole.start[place] <= first
            assert first + sliding.reach < whole.start[place] + whole.width
