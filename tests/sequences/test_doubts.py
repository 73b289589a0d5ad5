"""Target columns that look like something other than they are read as: said, warned of, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqrobust.errors import DataError
from seqrobust.sequences import Task, encode_targets
from seqrobust.sequences.checks import check
from seqrobust.sequences.data_config import DataConfig, load_data
from seqrobust.sequences.doubts import doubts
from seqrobust.sequences.readers import Columns, read_sequences

RANDOM = np.random.default_rng(0)
MEASURED = [f"{value:.3f}" for value in RANDOM.normal(size=60)]


def said(values: list[object], task: Task | None = None) -> str:
    return "\n".join(f"{doubt.text}; {doubt.fix}" for doubt in doubts(pd.Series(values, name="y"), task))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([*MEASURED, "<LOD", "<LOD"], ["2 of 62 values are no numbers ('<LOD')", "no measurements"]),
        ([*MEASURED, "NaN", "n.d."], ["2 of 62 values", "'NaN', 'n.d.'"]),
        ([*MEASURED, "1,012.5"], ["1 of 61 values", "'1,012.5'"]),
        ([value.replace(".", ",") for value in MEASURED], ["60 of 60 values", "decimal point"]),
        ([f"1,0{i:02d}.5" for i in range(60)], ["60 of 60 values", "thousands"]),
        ([f"id{i}" for i in range(60)], ["60 different values in 60 records"]),
        (["1", "1.0", "0", "0.0"], ["'1' and '1.0' are one number", "'0' and '0.0'"]),
        (["Pos", "pos", "POS", "neg"], ["'POS' and 'Pos' and 'pos' differ in case only, and are 3 classes"]),
        (["1", "0", "NA", "NA"], ["'NA' (2 records) looks like a missing value"]),
        (["a", "b", "#N/A", "nan"], ["'#N/A' and 'nan' (2 records)"]),
        (list(range(9)) * 9, ["whole numbers from 0 to 8, read as 9 classes", "--task regression"]),
        ([*RANDOM.normal(1, 0.1, 60), 1e6], ["1e+06 in record 61", "100%"]),
        (["1", "inf", "0"] * 9, ["9 infinite values, the first in record 2"]),
        ([1] * 30 + [1_000_000] + [1] * 30, ["1e+06 in record 31"]),
    ],
)
def test_a_doubt_is_said(values: list[object], words: list[str]) -> None:
    text = said(values)
    for word in words:
        assert word in text, text


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["0", "1"] * 30, None),
        ([0] * 99 + [1], None),
        (["+", "-", "N"] * 20, None),
        (["EI", "IE", "N"] * 20, None),
        (list(range(9)) * 9, "classification"),
        (list(range(9)) * 9, "regression"),
        (MEASURED, None),
        (MEASURED, "regression"),
        (np.exp(RANDOM.normal(size=600)).tolist(), None),
        ([f"{i};{i + 1}" for i in range(60)], "multilabel"),
        (["1.1.1.1", "2.7.7.6"] * 20, None),
        (["", "a", "b"] * 9, None),
    ],
)
def test_an_ordinary_column_raises_none(values: list[object], task: Task | None) -> None:
    assert said(values, task) == ""


def test_a_doubt_is_a_notice_and_a_warning(tmp_path: Path) -> None:
    rows = "".join(f"r{i},ACGTACGTAC{'ACGT'[i % 4]},{value}\n" for i, value in enumerate([*MEASURED, "<LOD"]))
    (tmp_path / "x.csv").write_text("id,sequence,y\n" + rows)
    loaded = read_sequences(tmp_path / "x.csv", columns=Columns(targets=("y",)))
    assert any("'<LOD'" in notice for notice in loaded.notices)
    assert any("'<LOD'" in problem.text for problem in check(loaded.sequences))


def test_one_class_in_two_spellings_is_refused() -> None:
    with pytest.raises(DataError, match="two ways"):
        encode_targets(pd.DataFrame({"y": ["1", "1.0", "0", "0.0"]}), "classification")
    assert encode_targets(pd.DataFrame({"y": ["1.1", "1.10", "007", "7"]}), "classification").outputs == 4


def test_a_class_may_be_spelled_as_a_float() -> None:
    targets = encode_targets(pd.DataFrame({"y": ["1.0", "0.0", "1"]}), "binary", ["0", "1"])
    assert targets.values.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["1", "0", "NA"], "binary", ["NA looks like a missing value", "--where"]),
        (["Pos", "pos", "neg"], "binary", ["case only"]),
        (["a", "b", "c"], "binary", ["--task classification"]),
        (["1.5", ""], "regression", ["missing", "drop these rows", "record 2"]),
        (["1.5", "NA"], "regression", ["drop these rows"]),
        (["1.5", "0,5"], "regression", ["decimal point"]),
        (["1.5", "1,012.5"], "regression", ["between thousands"]),
        (["1.5", "<LOD"], "regression", ["beyond a limit"]),
        (["1.5", "< 0.1"], "regression", ["beyond a limit"]),
        (["1.5", "high"], "regression", ["--task classification"]),
        (["a", ""], "classification", ["drop these rows"]),
    ],
)
def test_the_advice_leads_somewhere(values: list[str], task: Task, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        encode_targets(pd.DataFrame({"y": values}), task)
    for word in words:
        assert word in str(caught.value), caught.value


@pytest.mark.parametrize("text", ["1e-3", "1E5", "+2", "-.5", " 7 ", "0x10"])
def test_numbers_are_what_python_reads(text: str) -> None:
    raw = pd.DataFrame({"y": [text, "1"]})
    try:
        expected = float(text)
    except ValueError:
        with pytest.raises(DataError):
            encode_targets(raw, "regression")
        return
    np.testing.assert_allclose(encode_targets(raw, "regression").values[0, 0], expected)


TAUGHT = {
    "missing": ["0", "1", "0", "1", "NA", "1", "0", "0", "1", "1", "0", "1"],
    "case": ["Pos", "neg", "pos", "neg", "Pos", "neg", "pos", "neg", "Pos", "neg", "neg", "pos"],
    "measured": [f"{0.1 * step:.1f}" for step in range(11)] + ["<LOD"],
}


@pytest.mark.parametrize("kind", TAUGHT)
def test_doubtful_classes_are_not_learnt_unless_they_are_named(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        "id,sequence,label",
        *(f"r{i},{''.join(rng.choice(list('ACGT'), 20))},{y}" for i, y in enumerate(TAUGHT[kind])),
    ]
    (tmp_path / "x.csv").write_text("\n".join(rows) + "\n")
    config = DataConfig(path=tmp_path / "x.csv", alphabet="DNA")
    with pytest.raises(DataError, match="the classes to learn are doubtful") as caught:
        load_data(config, "classification", 0)
    assert "data.labels" in str(caught.value.fix)
    named = config.model_copy(update={"labels": tuple(dict.fromkeys(TAUGHT[kind]))})
    assert len(load_data(named, "classification", 0).sequences) == 12
