"""Copies and original face the same sequences, and are compared record by record."""

from __future__ import annotations

import pandas as pd
import pytest

from seqrobust.analysis.compress.pooled import against, of_all, stands


def rows(success: list[bool | None], **more: list[bool | None]) -> pd.DataFrame:
    hit = pd.array(success, dtype="boolean")
    said = ["b" if one else "a" for one in success]
    table = pd.DataFrame({"success": hit, "clean_prediction": "a", "target": "a", "adversarial_prediction": said})
    return table.assign(**{name: pd.array(values, dtype="boolean") for name, values in more.items()})


def test_a_copy_that_is_the_original_differs_by_nothing() -> None:
    # Either attack finds what the other misses; each alone leaves half, both together a quarter.
    original = rows([True, True, False, False] * 5)
    copy = rows([True, False, True, False] * 5, original_still_works=[True, True, False, False] * 5)
    copy = copy.assign(fools_original=pd.array([True, False, True, False] * 5, dtype="boolean"))
    found = against(copy, original, "classification")
    assert found["standing"] == found["original_standing"] == 0.25
    assert found["less_original"]["difference"] == 0
    assert found["less_original"]["p_value"] == 1
    assert of_all(original, [copy], "classification")["standing"] == 0.25


def test_a_weaker_copy_is_told_by_pairs() -> None:
    original = rows([False] * 12)
    copy = rows([True] * 8 + [False] * 4, original_still_works=[False] * 12, fools_original=[False] * 12)
    found = against(copy, original, "classification")
    assert found["less_original"]["difference"] == pytest.approx(-8 / 12)
    assert found["less_original"]["p_value"] == pytest.approx(2 / 2**8)


def test_of_a_regression_the_records_that_were_attacked_count() -> None:
    table = rows([True, False, None])
    shown = table["success"].isna().to_numpy()
    assert stands(table, shown, "regression")[:2].tolist() == [0, 1]
    assert pd.isna(stands(table, shown, "regression")[2])
