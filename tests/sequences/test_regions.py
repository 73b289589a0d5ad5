"""Regions against loops over plain lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrobust.errors import DataError, ThreatError
from seqrobust.sequences import Region, Regions, format_regions, parse_regions

WIDTH = 12
NAMES = ("exon", "BINDING[NAD(+)]", "BINDING[Fe:S]", "site 1")

region = st.builds(
    lambda name, start, length: Region(name, start, min(start + length, WIDTH)),
    st.sampled_from(NAMES),
    st.integers(0, WIDTH - 1),
    st.integers(1, WIDTH),
)
record_lists = st.lists(st.lists(region, max_size=5), min_size=1, max_size=6)


@given(record_lists, st.sets(st.sampled_from(NAMES), min_size=1))
def test_cover_paints_what_a_loop_paints(rows: list[list[Region]], wanted: set[str]) -> None:
    regions = Regions.from_lists(rows)
    wanted &= set(regions.names)
    expected = np.zeros((len(rows), WIDTH), bool)
    for record, row in enumerate(rows):
        for name, start, end in row:
            for position in range(start, end):
                expected[record, position] |= name in wanted
    np.testing.assert_array_equal(regions.cover(sorted(wanted), (len(rows), WIDTH)), expected)


@given(record_lists, st.data())
def test_take_gives_what_a_loop_gives(rows: list[list[Region]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8))
    regions = Regions.from_lists(rows)
    taken = regions.take(np.array(chosen, np.int64))
    assert [taken.of(i) for i in range(len(chosen))] == [rows[i] for i in chosen]
    assert taken.names == regions.names


@given(record_lists, st.integers(1, WIDTH))
def test_cropping_cuts_at_the_length(rows: list[list[Region]], length: int) -> None:
    cropped = Regions.from_lists(rows).cropped(length)
    for record, row in enumerate(rows):
        assert cropped.of(record) == [Region(n, s, min(e, length)) for n, s, e in row if s < length]


@given(st.lists(region, max_size=6))
def test_text_survives(row: list[Region]) -> None:
    assert parse_regions(format_regions(row)) == row


@pytest.mark.parametrize("text", ["exon", "exon:3", "exon:a-b", ":3-5", "exon:-3-5", "exon:5-", "exon:1.0-2"])
def test_text_that_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        parse_regions(f"ok:1-2;{text}")


def test_names_with_stars_and_brackets() -> None:
    regions = Regions.from_lists([[Region(name, 0, 1) for name in NAMES]])
    assert regions.named("BINDING*") == ["BINDING[NAD(+)]", "BINDING[Fe:S]"]
    assert regions.named("BINDING[NAD(+)]") == ["BINDING[NAD(+)]"]
    assert regions.named("*") == list(NAMES)
    with pytest.raises(ThreatError, match="no region has that name") as caught:
        regions.named("intron")
    assert "exon" in str(caught.value)


def test_a_name_that_only_dropped_records_had_stays_known() -> None:
    regions = Regions.from_lists([[Region("exon", 0, 1)], []]).take(np.array([1]))
    assert not regions.cover(["exon"], (1, 4)).any()
