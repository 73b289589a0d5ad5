"""The Python API: the same answers as the command line, from whatever a person has in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import seqrobust as sr
from seqrobust.errors import ConfigError, DataError, ModelError
from seqrobust.sequences import SequenceSet

TEXTS = ["ACGTACGTTTGACA", "TTTTACGATCGATC", "GGGACCATTAGACC", "ACGTNCGTTTGACA"]

SOURCE = """
import torch
from torch import nn

def build():
    torch.manual_seed(3)
    pooled = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1))
    return nn.Sequential(pooled, nn.Flatten(), nn.Linear(8, 1))
"""


def net() -> nn.Module:
    space: dict[str, Callable[[], nn.Module]] = {}
    exec(SOURCE, space)
    return space["build"]()


def encoded(texts: list[str]) -> Tensor:
    array = torch.zeros(len(texts), 4, max(map(len, texts)))
    for row, text in enumerate(texts):
        for place, letter in enumerate(text):
            if letter in "ACGT":
                array[row, "ACGT".index(letter), place] = 1
    return array


def test_the_public_names() -> None:
    assert list(sr.__all__) == sorted(sr.__all__)
    for name in sr.__all__:
        assert getattr(sr, name).__doc__, name
    with pytest.raises(AttributeError):
        _ = sr.nothing_of_that_name  # type: ignore[attr-defined]


def test_texts_arrays_and_files_are_one(tmp_path: Path) -> None:
    threat = sr.Substitutions(2)
    (tmp_path / "records.fa").write_text("".join(f">seq{n}\n{text}\n" for n, text in enumerate(TEXTS, 1)))
    wrapped = sr.wrap(net(), alphabet="DNA", task="binary", device="cpu")
    forms: list[SequenceSet | list[str] | Tensor | np.ndarray | Path] = [
        sr.records(TEXTS, alphabet="DNA"), TEXTS, encoded(TEXTS), encoded(TEXTS).numpy(), tmp_path / "records.fa"
    ]  # fmt: skip
    first, *others = (sr.attack(wrapped, form, threat).table for form in forms)
    for other in others:
        pd.testing.assert_frame_equal(first, other)


def test_what_is_written_is_what_the_command_writes(tmp_path: Path, run: Callable[..., int]) -> None:
    (tmp_path / "net.py").write_text(SOURCE)
    rows = [f"r{n}\t{text}\t{n % 2}\tcore:2-5" for n, text in enumerate(TEXTS)]
    (tmp_path / "data.tsv").write_text("id\tsequence\tlabel\tregions\n" + "\n".join(rows) + "\n")
    call = ["--task", "binary", "--alphabet", "DNA", "--budget", "1..2", "--protect", "core", "--seed", 5]
    out = tmp_path / "typed"
    arguments = ["--model", f"{tmp_path / 'net.py'}:build", "--data", tmp_path / "data.tsv", "--out", out]
    assert run("attack", *arguments, *call) == 0
    records = sr.read(tmp_path / "data.tsv", alphabet="DNA")
    found = sr.attack(net(), records, sr.Substitutions(2, protect="core"), task="binary", seed=5)
    found.save(tmp_path / "called")
    for name in ("results.parquet", "adversarial.fa", "metrics.json"):
        assert (out / name).read_bytes() == (tmp_path / "called" / name).read_bytes(), name
    assert (tmp_path / "called" / "report.html").read_text().startswith("<!doctype html>")
    with pytest.raises(ConfigError, match="holds a run"):
        found.save(out)


def test_a_module_is_given_back_as_it_came() -> None:
    module = net().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    sr.attack(module, TEXTS, 1, task="binary", alphabet="DNA", attacks="quick")
    assert module.training
    assert all(weight.requires_grad for weight in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_scores_are_those_of_the_module() -> None:
    module = net().eval()
    found = sr.attack(module, TEXTS[:3], 2, task="binary")
    last = found.table[found.table["budget"] == 2]
    with torch.no_grad():
        logits = module(encoded(last["adversarial_sequence"].tolist()))[:, 0].numpy()
    # The score of a binary answer is the margin of the clean prediction, which stands for the truth here.
    sign = np.where(last["clean_prediction"] == "1", 1, -1)
    np.testing.assert_allclose(last["adversarial_score"], sign * logits, rtol=1e-5, atol=1e-6)


def test_a_notebook_shows_a_page_and_a_picture() -> None:
    found = sr.attack(net(), TEXTS, 1, task="binary", alphabet="DNA", attacks="quick")
    assert "<iframe" in found._repr_html_()
    assert found.plot().axes
    assert found.metrics["n"] == 4


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: sr.attack(net(), TEXTS, 1), ModelError, "what the model predicts"),
        (lambda: sr.attack(net(), TEXTS, 1, task="binary", atacks="quick"), ConfigError, "did you mean attacks"),
        (lambda: sr.attack(net(), "ACGT", 1, task="binary", alphabet="DNA"), DataError, "ACGT"),
        (lambda: sr.records("ACGT"), DataError, "list of sequences"),
        (lambda: sr.records(encoded(TEXTS)), DataError, "what its letters are"),
        (lambda: sr.records(encoded(TEXTS).transpose(1, 2), alphabet="DNA"), DataError, "not one-hot"),
        (lambda: sr.records(encoded(TEXTS) / 2, alphabet="DNA"), DataError, "not one-hot"),
        (lambda: sr.attack(sr.wrap(net(), alphabet="RNA", task="binary"), sr.records(TEXTS), 1), DataError, "RNA"),
    ],
)
def test_what_cannot_be_used_is_refused(call: Callable[[], object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_threats_are_values() -> None:
    assert sr.Substitutions(5, protect="core") == sr.Substitutions("1..5", protect=["core"])
    assert sr.Codons("2", region="CDS", table=11).moves == "codons:CDS:11"
    assert sr.Indels(1, anchor="free").moves == "indels:free"


def test_one_name_stands_for_a_list_of_one() -> None:
    for methods in ("enumeration", ("enumeration",), ["enumeration"], "enumeration,bounds"):
        found = sr.certify(net(), TEXTS, 1, task="binary", alphabet="DNA", methods=methods)
        assert set(found.table["method"].dropna()) <= {"enumeration", "attack", "bounds"}
    whole = sr.attribute(net(), TEXTS, task="binary", alphabet="DNA", methods="saliency")
    assert len(whole.table)
    with pytest.raises(ConfigError, match="unknown"):
        sr.certify(net(), TEXTS, 1, task="binary", alphabet="DNA", methods="enumerations")
