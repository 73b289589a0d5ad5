"""Functions and estimators as models: scores are what they say, none is trusted further than that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import seqrobust as sr
from seqrobust.alphabet import DNA
from seqrobust.errors import ModelError
from seqrobust.models.adapters.functions import BlackBox, linear_of_kmers
from seqrobust.models.kmers import KmerModel
from tests.models.adapters.drawing import drawn, encoded, net

TEXTS = drawn(40, seed=11)
CLASSES = ["b", "a", "c"]


def fitted(last: Any, truth: Any) -> Pipeline:
    return make_pipeline(CountVectorizer(analyzer="char", ngram_range=(2, 2), lowercase=False), last).fit(TEXTS, truth)


def scored(found: Any, plain: Any) -> None:
    """Written outputs are those of a plain call."""
    rows = found.table[found.table["edits"] != ""]
    columns = [name for name in rows.columns if name.startswith("adversarial_output_")] or ["adversarial_prediction"]
    assert len(rows)
    expected = np.asarray(plain(rows["adversarial_sequence"].tolist()), float).reshape(len(rows), -1)
    np.testing.assert_allclose(rows[columns].to_numpy(float), expected, atol=1e-5)


def test_a_function_of_texts() -> None:
    weights = np.random.default_rng(0).normal(size=24)

    def score(texts: list[str]) -> list[float]:
        assert all(isinstance(text, str) for text in texts)
        return [float(sum(weights[i] for i, c in enumerate(text) if c == "G")) for text in texts]

    model = sr.wrap(score, alphabet="DNA", task="regression", takes="strings", device="cpu")
    found = sr.attack(model, sr.records(TEXTS[:6]), 1, goal="up", attacks="greedy_all")
    scored(found, score)
    best = [max(score([text[:i] + c + text[i + 1 :] for i in range(24) for c in "ACGT"])) for text in TEXTS[:6]]
    np.testing.assert_allclose(found.table["adversarial_prediction"], best, atol=1e-5)


def test_unknown_letters_reach_a_function_as_they_are() -> None:
    seen: list[str] = []

    def count(texts: list[str]) -> list[float]:
        seen.extend(texts)
        return [float(text.count("N")) for text in texts]

    model = sr.wrap(count, alphabet="DNA", task="regression", takes="strings", device="cpu")
    tokens = torch.tensor(sr.records(["ACGNNT", "ACG", "NNNN"], alphabet="DNA").tokens)
    model.check(tokens)
    assert model.logits(tokens)[:, 0].tolist() == [2, 0, 4]
    assert {"ACGNNT", "ACG", "NNNN"} <= set(seen)


def test_a_function_of_arrays_in_its_own_axes_and_channels() -> None:
    inner = net()

    def score(array: Any) -> Any:
        assert isinstance(array, np.ndarray)
        assert array.shape[1:] == (24, 4)
        with torch.no_grad():
            return inner(torch.tensor(array).transpose(1, 2)[:, [3, 2, 1, 0]]).numpy()

    model = sr.wrap(score, alphabet="DNA", task="regression", takes="array", layout="NLC", letters="TGCA", device="cpu")
    found = sr.attack(model, sr.records(TEXTS[:4]), 1, goal="down", attacks="greedy_all")
    with torch.no_grad():
        scored(found, lambda texts: inner(encoded(texts)).numpy())


def test_a_module_of_texts() -> None:
    class Texts(nn.Module):
        def forward(self, texts: list[str]) -> Any:
            assert not self.training
            return {"logits": torch.tensor([[float(t.count("A")), float(t.count("C"))] for t in texts])}

    model = sr.wrap(
        Texts().train(), alphabet="DNA", task="classification", takes="strings", output_of="logits", device="cpu"
    )
    found = sr.attack(model, sr.records(TEXTS[:4]), 1, attacks="greedy_all")
    scored(found, lambda texts: [[t.count("A"), t.count("C")] for t in texts])


@pytest.mark.parametrize("last", [LogisticRegression(), DecisionTreeClassifier(max_depth=4, random_state=0)])
def test_probabilities_of_an_estimator_and_its_own_names(last: Any) -> None:
    pipeline = fitted(last, [CLASSES[i % 3] for i in range(40)])
    model = sr.wrap(pipeline, alphabet="DNA", task="classification", device="cpu")
    assert model.labels == ("a", "b", "c")
    found = sr.attack(model, sr.records(TEXTS[:5]), 1, attacks="greedy_all")
    rows = found.table
    truth = pipeline.predict(rows["adversarial_sequence"].tolist())
    assert rows["adversarial_prediction"].tolist() == truth.tolist()
    assert rows["clean_prediction"].tolist() == pipeline.predict(TEXTS[:5]).tolist()


@pytest.mark.parametrize(
    ("last", "task"), [(LogisticRegression(), "binary"), (LinearSVC(), "binary"), (Ridge(), "regression")]
)
def test_a_linear_pipeline_of_kmers_is_a_module(last: Any, task: Any) -> None:
    pipeline = fitted(last, [i % 2 for i in range(40)])
    model = sr.wrap(pipeline, alphabet="DNA", task=task, device="cpu")
    assert isinstance(model.module, KmerModel)
    up = {"goal": "up"} if task == "regression" else {}
    found = sr.attack(model, sr.records(TEXTS[:4]), 2, attacks="greedy_all", **up)
    scored(found, pipeline.predict if task == "regression" else pipeline.decision_function)
    assert task == "regression" or model.labels == ("0", "1")


@pytest.mark.parametrize("counts", [CountVectorizer(analyzer="char", binary=True), TfidfVectorizer(analyzer="char")])
def test_a_pipeline_that_does_more_than_count_is_asked_as_it_is(counts: Any) -> None:
    pipeline = make_pipeline(counts, LogisticRegression()).fit(TEXTS, [i % 2 for i in range(40)])
    assert linear_of_kmers(pipeline, DNA) is None
    assert linear_of_kmers(object(), DNA) is None
    assert linear_of_kmers(fitted(LogisticRegression(), [i % 2 for i in range(40)]), DNA) is not None


def test_decision_values_and_values() -> None:
    binary = fitted(LinearSVC(), [i % 2 for i in range(40)])
    model = sr.wrap(binary, alphabet="DNA", task="binary", device="cpu")
    scored(sr.attack(model, sr.records(TEXTS[:4]), 1, attacks="greedy_all"), binary.decision_function)
    values = fitted(Ridge(), np.linspace(0, 1, 40))
    model = sr.wrap(values, alphabet="DNA", task="regression", device="cpu")
    scored(sr.attack(model, sr.records(TEXTS[:4]), 1, goal="up", attacks="greedy_all"), values.predict)


def test_classes_in_another_order_than_the_labels_are_refused() -> None:
    pipeline = fitted(LogisticRegression(), [CLASSES[i % 3] for i in range(40)])
    with pytest.raises(ModelError, match="another order"):
        sr.wrap(pipeline, alphabet="DNA", task="classification", labels=("b", "a", "c"))


def test_a_classifier_that_gives_only_names_says_one_for_the_class_it_names() -> None:
    class Names:
        classes_ = np.array(["x", "y"])

        def predict(self, texts: list[str]) -> Any:
            return np.array(["y" if "GG" in text else "x" for text in texts])

    model = sr.wrap(Names(), alphabet="DNA", task="classification", device="cpu")  # type: ignore[arg-type]
    tokens = torch.tensor(sr.records(["AGGA", "ACGA"], alphabet="DNA").tokens)
    with torch.no_grad():
        assert model.module(nn.functional.one_hot(tokens.long(), 6)[..., :4].transpose(1, 2).float()).tolist() == [
            [0, 1], [1, 0]
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (lambda texts: 3.0, "a row for each record"),
        (lambda texts: [1.0], "a row for each record"),
        (lambda texts: ["a" for _ in texts], "does not return numbers"),
        (lambda texts: None, "does not return numbers"),
        (lambda texts: [[1.0], [1.0, 2.0]] * len(texts), "inhomogeneous|a row for each record"),
    ],
)
def test_what_is_no_row_for_each_record_is_refused(returned: Any, said: str) -> None:
    model = sr.wrap(returned, alphabet="DNA", task="regression", takes="strings", device="cpu")
    with pytest.raises(ModelError, match=said):
        model.check(torch.tensor(sr.records(["ACGT", "ACGA", "TTTT"], alphabet="DNA").tokens))


def test_alike_records_are_asked_about_once() -> None:
    asked: list[int] = []

    def count(texts: list[str]) -> Any:
        asked.append(len(texts))
        assert len(set(texts)) == len(texts)
        return np.array([[len(text), text.count("A")] for text in texts])

    box = BlackBox(count, DNA)
    assert box(encoded(["ACGA", "TTTT", "ACGA"])).tolist() == [[4, 2], [4, 0], [4, 2]]
    assert asked == [2]


def test_a_function_is_not_taken_for_a_factory_nor_a_factory_for_a_function(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def score(texts):\n    return [float(t.count('G')) for t in texts]\n"
        "def make():\n    return score\n"
        "class Fitted:\n"
        "    classes_ = np.array(['no', 'yes'])\n"
        "    def predict_proba(self, texts):\n"
        "        p = np.array([.1 + .8 * t.count('G') / len(t) for t in texts])\n"
        "        return np.stack([1 - p, p], 1)\n"
        "    def predict(self, texts):\n        return self.classes_[self.predict_proba(texts).argmax(1)]\n"
        "fitted = Fitted()\n"
    )
    records = sr.records(["ACGT", "GGGT"], alphabet="DNA")
    for name in ("score", "make"):
        model = sr.load(f"{tmp_path}/mine.py:{name}", alphabet="DNA", task="regression", takes="strings", device="cpu")
        model.check(torch.tensor(records.tokens))
        assert model.logits(torch.tensor(records.tokens))[:, 0].tolist() == [1, 3]
    for name in ("fitted", "Fitted"):
        model = sr.load(f"{tmp_path}/mine.py:{name}", alphabet="DNA", task="binary", takes="strings", device="cpu")
        model.check(torch.tensor(records.tokens))
        assert model.labels == ("no", "yes")
        p = model.logits(torch.tensor(records.tokens))[:, 0].sigmoid()
        torch.testing.assert_close(p, torch.tensor([0.3, 0.7]))
    with pytest.raises(ModelError, match="--takes strings"):
        sr.load(f"{tmp_path}/mine.py:score", alphabet="DNA", task="regression")
    with pytest.raises(ModelError, match="input is named"):
        sr.load(f"{tmp_path}/mine.py:make", alphabet="DNA", task="regression")
    (tmp_path / "w.pt").write_bytes(b"")
    with pytest.raises(ModelError, match="no torch module"):
        sr.load(
            f"{tmp_path}/mine.py:make", weights=tmp_path / "w.pt", alphabet="DNA", task="regression", takes="strings"
        )
