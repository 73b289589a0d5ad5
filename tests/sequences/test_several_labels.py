"""Several labels in one field are told from class names, however they are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from seqrobust.errors import DataError, LabelError
from seqrobust.run.starting.starter import starter_config
from seqrobust.sequences import encode_targets
from seqrobust.sequences.checks import check
from seqrobust.sequences.data_config import DataConfig, load_data
from seqrobust.sequences.readers import read_sequences, read_table
from seqrobust.sequences.readers.candidates import label_columns
from seqrobust.sequences.several_labels import label_fields, label_matrix
from seqrobust.sequences.summary import describe

LABELS = ("cyt", "mem", "nuc")
TRUTH = np.random.default_rng(3).integers(0, 2, (40, 3))


def _names(row: np.ndarray) -> list[str]:
    return [name for name, has in zip(LABELS, row, strict=True) if has]


WRITTEN: dict[str, Callable[[np.ndarray], str]] = {
    "semicolon": lambda row: ";".join(_names(row)),
    "semicolon behind each": lambda row: "".join(f"{name}; " for name in _names(row)).strip(),
    "bar": lambda row: "|".join(_names(row)),
    "comma": lambda row: ", ".join(_names(row)),
    "slash": lambda row: "/".join(_names(row)),
    "Python": lambda row: str(_names(row)),
    "JSON": lambda row: str(_names(row)).replace("'", '"'),
    "numpy": lambda row: str(np.array(_names(row), object)),
    "bits": lambda row: "".join(map(str, row)),
    "vector": lambda row: str(row.tolist()),
    "numpy vector": str,
    "digits and spaces": lambda row: " ".join(map(str, row)),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_they_are_recognised_and_read(how: str, tmp_path: Path) -> None:
    texts = [WRITTEN[how](row) for row in TRUTH]
    assert label_fields(texts) is not None
    labels = None if "cyt" in str(texts) else LABELS
    known, values = label_matrix(texts, labels, "y")
    assert known == LABELS
    assert (values == TRUTH).all()
    # Of a known column, a single field is enough.
    for row in (0, 5, 9):
        assert (label_matrix(texts[row : row + 1], LABELS, "y")[1] == TRUTH[row]).all()
    sequence = "ACGTACGTAC"
    rows = [f"{sequence}\t{text}\t{('train', 'test')[row % 2]}" for row, text in enumerate(texts)]
    (tmp_path / "x.tsv").write_text("\n".join(["sequence\tlabel\tsplit", *rows]) + "\n")
    assert "task: multilabel" in starter_config(tmp_path / "x.tsv", None)
    with pytest.raises(DataError, match="doubtful") as caught:
        load_data(DataConfig(path=tmp_path / "x.tsv"), "classification", 0)
    assert "several labels at once" in str(caught.value.found)
    assert "multilabel" in str(caught.value.fix)
    records = read_sequences(tmp_path / "x.tsv").sequences
    assert any("several labels at once" in problem.text for problem in check(records))
    assert not any("no value" in problem.text for problem in check(records, "multilabel"))
    (counted,) = describe(records).classes.values()
    assert [sum(counts.values()) for counts in counted.values()] == TRUTH.sum(0).tolist()


@pytest.mark.parametrize(
    "texts",
    [
        ["kinase, serine", "kinase, tyrosine", "other"],
        ["CD4+", "CD8+", "CD4-"],
        ["Yes", "No"],
        ["1.1.1.1", "2.7.7.6"],
        ["1,5", "2,5", "1,7"],
        ["100", "010", "001"],
        ["01", "10"],
        ["A/B", "C"],
        ["signal peptide", "signal anchor", "peptide"],
        [""],
        [],
    ],
)
def test_class_names_stay_class_names(texts: list[str]) -> None:
    assert label_fields(texts) is None


def test_names_that_hold_the_separator_are_known_as_they_stand() -> None:
    known, values = label_matrix(["a, b", "c"], ["a, b", "c"], "y")
    assert known == ("a, b", "c")
    assert values.tolist() == [[1, 0], [0, 1]]


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(LabelError, match="unknown labels"):
        label_matrix(["a|z", "a"], ["a", "b"], "y")
    with pytest.raises(DataError, match="places"):
        label_matrix(["011", "110"], ["a", "b"], "y")
    with pytest.raises(DataError, match="not even 0"):
        label_matrix(["011", ""], None, "y")


def test_lists_in_cells_of_parquet(tmp_path: Path) -> None:
    names, bits = [_names(row) for row in TRUTH], [row.tolist() for row in TRUTH]
    for cells, labels in ((names, None), (bits, LABELS)):
        pd.DataFrame({"sequence": ["ACGTAC"] * 40, "label": cells}).to_parquet(tmp_path / "x.parquet")
        raw = read_sequences(tmp_path / "x.parquet").sequences.targets
        assert raw is not None
        targets = encode_targets(raw, "multilabel", labels)
        assert targets.labels == LABELS
        assert (targets.values == TRUTH).all()


def test_columns_of_zeros_and_ones_are_found(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sequence": ["ACGTAC"] * 40, **{name: TRUTH[:, i] for i, name in enumerate(LABELS)}})
    frame["other"], frame["flag"] = np.arange(40), TRUTH[:, 0].astype(bool)
    frame.to_csv(tmp_path / "x.csv", index=False)
    assert label_columns(read_table(tmp_path / "x.csv")) == [*LABELS, "flag"]
    made = yaml.safe_load(starter_config(tmp_path / "x.csv", None))
    assert made["task"] == "multilabel"
    assert made["data"]["target"] == [*LABELS, "flag"]
    targets = load_data(
        DataConfig(path=tmp_path / "x.csv", target=tuple(made["data"]["target"])), "multilabel", 0
    ).targets
    assert (targets.values == TRUTH[:, [0, 1, 2, 0]]).all()
