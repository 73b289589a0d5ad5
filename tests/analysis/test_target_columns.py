"""The column of the targets is found by what the model knows: its name in training, or the names of the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.asked import ModelOnData, Opening
from seqrobust.analysis.subject import Subject, known_targets
from seqrobust.errors import DataError
from seqrobust.models import ModelCard
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.sequences import Task
from seqrobust.sequences.data_source import Columns, DataSource

MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.layer = nn.Linear(4, outputs)

    def forward(self, x):
        return 5 * self.layer(x.mean(2))


def one():
    return Net(1)


def two():
    return Net(2)
"""


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def opened(
    folder: Path, header: str, task: Task, labels: tuple[str, ...], columns: Columns | None = None
) -> tuple[Subject, list[str]]:
    (folder / "model.py").write_text(MODEL)
    rows = [f"r{i}\t{text}\t{i % 2}\t{(i + 1) % 2}" for i, text in enumerate(["ACGTAC", "GGGTTT", "ACACAC", "TTTTGA"])]
    (folder / "data.tsv").write_text(f"id\tsequence\t{header}\n" + "\n".join(rows) + "\n")
    factory = "two" if task == "multilabel" or (len(labels) == 2 and task == "regression") else "one"
    source = ModelSource(model=f"{folder / 'model.py'}:{factory}", alphabet="DNA", task=task, labels=labels)
    asked = ModelOnData(model=source, data=DataSource(path=folder / "data.tsv", columns=columns or Columns()))
    heard = Heard()
    return asked.open(Opening(device="cpu", progress=heard), action="attacked"), heard.said


@pytest.mark.parametrize(
    ("header", "task", "labels", "found"),
    [
        ("activity\tnoise", "regression", ("activity",), ["activity"]),
        ("noise\tactivity", "regression", ("activity", "noise"), ["activity", "noise"]),
        ("nucleus\tmembrane", "multilabel", ("membrane", "nucleus"), ["membrane", "nucleus"]),
        ("label\tactivity", "regression", ("activity",), ["activity"]),  # before a usual name
        ("label\tactivity", "regression", ("growth",), ["label"]),
        ("Activity\tnoise", "regression", ("activity",), None),  # another spelling is another name
        ("nucleus\tother", "multilabel", ("membrane", "nucleus"), None),
        ("0\t1", "binary", ("0", "1"), None),  # names of classes are no names of columns
    ],
)
def test_names_of_outputs_are_names_of_columns(
    header: str, task: Task, labels: tuple[str, ...], found: Sequence[str] | None, tmp_path: Path
) -> None:
    subject, said = opened(tmp_path, header, task, labels)
    if found is None:
        assert subject.targets is None
        return
    assert subject.sequences.targets is not None
    assert list(subject.sequences.targets.columns) == found
    assert any(text.startswith("targets from column") and all(name in text for name in found) for text in said)


@pytest.mark.parametrize(
    ("header", "task", "labels", "words"),
    [
        ("Activity\tnoise", "regression", ("activity",), "'Activity' is not 'activity'"),
        ("nucleus\tother", "multilabel", ("membrane", "nucleus"), "there is 'nucleus'"),
        ("nucleus\tother", "multilabel", ("cytosol", "golgi"), None),
    ],
)
def test_a_column_that_hardly_misses_is_told(
    header: str, task: Task, labels: tuple[str, ...], words: str | None, tmp_path: Path
) -> None:
    subject, said = opened(tmp_path, header, task, labels)
    assert subject.targets is None
    assert any("some are missing" in text for text in said) == (words is not None)
    assert any((words or "the clean prediction stands for the truth") in text for text in said)


def test_named_outputs_are_not_paired_by_place_and_unnamed_ones_are_told(tmp_path: Path) -> None:
    named = Columns(targets=("noise", "activity"))
    with pytest.raises(DataError, match="some are missing"):
        opened(tmp_path, "activity\tnoise", "regression", ("a", "b"), named)
    (tmp_path / "model.py").write_text(MODEL)
    source = ModelSource(model=f"{tmp_path / 'model.py'}:two", alphabet="DNA", task="multilabel")
    heard = Heard()
    asked = ModelOnData(model=source, data=DataSource(path=tmp_path / "data.tsv", columns=named))
    subject = asked.open(Opening(device="cpu", progress=heard), action="attacked")
    assert subject.targets is not None
    assert subject.targets.values.tolist() == [[(i + 1) % 2, i % 2] for i in range(4)]
    assert "the model's outputs have no names: taken to be noise, activity, in this order" in heard.said


def test_what_is_named_and_what_is_not_wanted_come_first(tmp_path: Path) -> None:
    named, _ = opened(tmp_path, "activity\tnoise", "regression", ("activity",), Columns(targets=("noise",)))
    assert named.sequences.targets is not None
    assert list(named.sequences.targets.columns) == ["noise"]
    unwanted, _ = opened(tmp_path, "activity\tnoise", "regression", ("activity",), Columns(unlabelled=True))
    assert unwanted.targets is None


class Silence(nn.Module):
    def forward(self, encoded: Tensor) -> Tensor:
        return encoded.sum((1, 2))[:, None]


@pytest.mark.parametrize(
    ("provenance", "expected"),
    [
        ({"targets": ["kind"]}, [("kind",)]),
        ({"config": {"data": {"target": "kind"}}}, [("kind",)]),
        ({"config": {"data": {"target": ["a", "b"]}}}, [("a", "b")]),
        ({"config": {"data": {"target": None}}}, []),
        ({"config": "a text of another tool", "targets": 3}, []),
        ({}, []),
    ],
)
def test_a_checkpoint_knows_what_the_column_was_called(provenance: dict[str, object], expected: object) -> None:
    predictor = Predictor(Silence(), alphabet=DNA, task="binary", labels=("no", "yes"), device="cpu", scale="logits")
    card = ModelCard(
        alphabet=DNA,
        task="binary",
        labels=("no", "yes"),
        architecture="cnn",
        hyperparameters={},
        input_length=None,
        unknown="zeros",
        provenance=provenance,
    )
    assert known_targets(predictor, card) == expected
