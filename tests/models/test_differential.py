"""Logits of many small random modules against plain calls of them, turned to logits by formulas written out here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import seqrobust as sr
from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.models import Predictor
from seqrobust.sequences import Task
from seqrobust.sequences.encoding import one_hot

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def _same(raw: Numbers) -> Numbers:
    return raw


def _logit(p: Numbers) -> Numbers:
    return np.log(p / (1 - p))


def _pair(raw: Numbers) -> Numbers:
    return raw[:, 1:] - raw[:, :1]


def _log_ratio(p: Numbers) -> Numbers:
    return np.log(p[:, 1:] / p[:, :1])


FORMS: list[tuple[str, Task, int, Callable[[Tensor], Tensor], Callable[[Numbers], Numbers]]] = [
    ("logits", "classification", 4, lambda out: out, _same),
    ("softmax", "classification", 4, lambda out: out.softmax(1), np.log),
    ("log_softmax", "classification", 3, lambda out: out.log_softmax(1), _same),
    ("mean of softmaxes", "classification", 3, lambda out: (out.softmax(1) + (out / 2).softmax(1)) / 2, np.log),
    ("lone logit", "binary", 1, lambda out: out, _same),
    ("flat logit", "binary", 1, lambda out: out[:, 0], _same),
    ("lone sigmoid", "binary", 1, torch.sigmoid, _logit),
    ("flat sigmoid", "binary", 1, lambda out: out.squeeze(1).sigmoid(), _logit),
    ("mean of sigmoids", "binary", 3, lambda out: out.sigmoid().mean(1), _logit),
    ("pair of logits", "binary", 2, lambda out: out, _pair),
    ("pair of probabilities", "binary", 2, lambda out: out.softmax(1), _log_ratio),
    ("column of a softmax", "binary", 2, lambda out: out.softmax(1)[:, 1], _logit),
    ("labels", "multilabel", 5, lambda out: out, _same),
    ("labels' sigmoids", "multilabel", 5, torch.sigmoid, _logit),
    ("values", "regression", 2, lambda out: out, _same),
    ("a value between 0 and 1", "regression", 1, torch.sigmoid, _same),
    ("flat value", "regression", 1, lambda out: out[:, 0], _same),
]


class Random(nn.Module):
    """One of five bodies of random size, and an end."""

    def __init__(self, rng: np.random.Generator, letters: int, length: int, outputs: int, end: Any) -> None:
        super().__init__()
        width = int(rng.integers(2, 12))
        self.kind, self.end = str(rng.choice(["pooled", "flat", "recurrent", "attention", "in place"])), end
        self.conv = nn.Conv1d(letters, width, int(rng.choice([1, 3, 5])), padding="same")
        self.norm = nn.BatchNorm1d(width) if rng.random() < 0.5 else nn.Identity()
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=bool(rng.random() < 0.5))
        self.query = nn.Linear(width, 1)
        features = {"flat": width * length, "recurrent": width * (1 + self.gru.bidirectional)}
        self.head = nn.Linear(features.get(self.kind, width), outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "in place":
            x -= x.mean(1, keepdim=True)
        steps = F.relu(self.norm(self.conv(x)))
        if self.kind == "flat":
            pooled = steps.flatten(1)
        elif self.kind == "recurrent":
            pooled = self.gru(steps.transpose(1, 2))[0].mean(1)
        elif self.kind == "attention":
            pooled = (steps * self.query(steps.transpose(1, 2)).softmax(1).transpose(1, 2)).sum(2)
        else:
            pooled = steps.amax(2)
        out: Tensor = self.end(3 * self.head(pooled))
        return out


def _tokens(rng: np.random.Generator, alphabet: Alphabet, n: int, length: int, *, ragged: bool) -> Tensor:
    drawn = torch.tensor(rng.integers(0, alphabet.size, (n, length)), dtype=torch.uint8)
    drawn[0, 2] = alphabet.unknown
    if ragged:
        sizes = torch.tensor(rng.integers(6, length + 1, (n, 1)))
        drawn[torch.arange(length) >= sizes] = alphabet.padding
    return drawn


@pytest.mark.parametrize("form", FORMS, ids=[form[0] for form in FORMS])
def test_logits_are_those_of_plain_calls(form: tuple[Any, ...]) -> None:
    """Three modules of 17 forms each: full, double and half precision, of any length, in odd batches, and alone."""
    name, task, outputs, end, turned = form
    for number, dtype in enumerate([torch.float32, torch.float64, torch.bfloat16]):
        rng = np.random.default_rng([number, sum(map(ord, name))])
        alphabet, length, n = (DNA, PROTEIN)[int(rng.integers(2))], int(rng.integers(8, 30)), int(rng.integers(1, 40))
        with torch.random.fork_rng():
            torch.manual_seed(number)
            module = Random(rng, alphabet.size, length, outputs, end).to(dtype)
        rows = _tokens(rng, alphabet, n, length, ragged=module.kind != "flat" and number % 2 == 0)
        found = []
        for size, apart in ((int(rng.choice([1, 16, 64])), False), (None, True)):
            predictor = Predictor(module, alphabet=alphabet, task=task, device="cpu", batch_size=size, one_by_one=apart)
            predictor.check(rows)
            with predictor.attached():
                found.append(predictor.logits(rows).double().numpy())
        module.eval()
        with torch.no_grad():
            alone = [one_hot(row[row != alphabet.padding][None], alphabet).to(dtype) for row in rows]
            raw = torch.cat([module(record.clone()) for record in alone]).double().numpy()
        expected = turned(raw.reshape(n, -1))
        # A bfloat16 holds two digits, and a probability near 1 that many of its distance from 1.
        coarse = dtype == torch.bfloat16
        usable = np.isfinite(expected) & (np.abs(expected) < (3.0 if coarse else 12.0))
        for one in found:
            assert one.shape == expected.shape
            np.testing.assert_allclose(
                one[usable], expected[usable], rtol=0.05 if coarse else 1e-3, atol=0.1 if coarse else 1e-3
            )


def _plainly(module: nn.Module, texts: list[str], alphabet: Alphabet, turned: Callable[[Numbers], Numbers]) -> Numbers:
    """(n, outputs) logits of texts by one plain call each."""
    dtype = next(module.parameters()).dtype
    answers = []
    for text in texts:
        encoded = torch.zeros(1, alphabet.size, len(text), dtype=dtype)
        for place, letter in enumerate(text):
            if letter in alphabet.letters:
                encoded[0, alphabet.letters.index(letter), place] = 1
        with torch.no_grad():
            answers.append(module(encoded).double().numpy().reshape(1, -1))
    return turned(np.concatenate(answers))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=[form[0] for form in FORMS])
def test_scores_of_commands_are_those_of_plain_calls(form: tuple[Any, ...], tmp_path: Path) -> None:
    """What ``attack`` and ``evaluate`` write of clean and edited sequences, and what ``ism`` writes of every letter."""
    name, task, outputs, end, turned = form
    for number, dtype in enumerate([torch.float32, torch.float64, torch.float32]):
        rng = np.random.default_rng([7, number, sum(map(ord, name))])
        alphabet, length = (DNA, PROTEIN)[int(rng.integers(2))], int(rng.integers(8, 16))
        with torch.random.fork_rng():
            torch.manual_seed(number)
            module = Random(rng, alphabet.size, length, outputs, end).to(dtype).eval()
        texts = ["".join(rng.choice(list(alphabet.letters), length)) for _ in range(6)]
        records = sr.records(texts, alphabet=alphabet.name)
        text_of = dict(zip(records.ids, texts, strict=True))
        how: dict[str, Any] = {"task": task, "alphabet": alphabet.name}
        goal: dict[str, Any] = {"goal": "up", "delta": 0.1} if task == "regression" else {}
        quick: dict[str, Any] = {"methods": ("one_step", "random"), "probe_records": 2}
        for table in (
            sr.attack(module, records, 2, attacks=("one_step",), random_draws=1, **how, **goal).table,
            sr.evaluate(module, records, 1, random_draws=1, **quick, **how, **goal).table,
        ):
            asked = {"clean": [text_of[one] for one in table["id"]], "adversarial": list(table["adversarial_sequence"])}
            for kind, sequences in asked.items():
                columns = [column for column in table if str(column).startswith(f"{kind}_output_")]
                found = table[columns or [f"{kind}_prediction"]].to_numpy(float)
                _close(found, _plainly(module, sequences, alphabet, turned)[:, : found.shape[1]])
        sr.ism(module, records, **how).save(tmp_path / str(number))
        with np.load(tmp_path / str(number) / "ism.npz") as archive:
            reference, scores = archive["reference"], archive["scores"]
        _close(reference, _plainly(module, texts, alphabet, turned))
        for letter, place in zip(rng.integers(alphabet.size, size=4), rng.integers(length, size=4), strict=True):
            mutants = [text[:place] + alphabet.letters[letter] + text[place + 1 :] for text in texts]
            _close(scores[:, letter, place], _plainly(module, mutants, alphabet, turned))


def _close(found: Numbers, expected: Numbers) -> None:
    """Equal up to single precision, where a probability still tells how far it is from 0 and 1."""
    usable = np.isfinite(expected) & (np.abs(expected) < 12)
    assert found.shape == expected.shape
    assert usable.any()
    np.testing.assert_allclose(found[usable], expected[usable], rtol=1e-3, atol=1e-3)
