"""Small random modules of many forms, and what plain calls of them answer, by formulas written out here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import seqrobust as sr
from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.sequences import SequenceSet, Task

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


def plainly(module: nn.Module, texts: list[str], alphabet: Alphabet, turned: Callable[[Numbers], Numbers]) -> Numbers:
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


def close(found: Numbers, expected: Numbers) -> None:
    """Equal up to single precision, where a probability still tells how far it is from 0 and 1."""
    usable = np.isfinite(expected) & (np.abs(expected) < 12)
    assert found.shape == expected.shape
    assert usable.any()
    np.testing.assert_allclose(found[usable], expected[usable], rtol=1e-3, atol=1e-3)


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A random module, random records, and what plain calls make of any text.

    Targets are what the module predicts, but for every fifth record.
    """

    form: tuple[Any, ...]
    number: int
    n: int = 6
    dtype: torch.dtype = torch.float32

    @property
    def task(self) -> Task:
        task: Task = self.form[1]
        return task

    @cached_property
    def alphabet(self) -> Alphabet:
        return (DNA, PROTEIN)[self.number % 2]

    @cached_property
    def length(self) -> int:
        return int(self._rng(1).integers(8, 12))

    @cached_property
    def module(self) -> Random:
        return self.another(0)

    def another(self, seed: int) -> Random:
        """A module of the same form, with other weights."""
        with torch.random.fork_rng():
            torch.manual_seed(100 * self.number + seed)
            made = Random(self._rng(2 + seed), self.alphabet.size, self.length, self.form[2], self.form[3])
            return made.to(self.dtype).eval()

    @cached_property
    def texts(self) -> list[str]:
        rng = self._rng(0)
        return ["".join(rng.choice(list(self.alphabet.letters), self.length)) for _ in range(self.n)]

    @cached_property
    def records(self) -> SequenceSet:
        return sr.records(
            self.texts,
            alphabet=self.alphabet.name,
            targets=self._columns(),
            regions=[{"core": (2, 5)}] * self.n,
        )

    @cached_property
    def text_of(self) -> dict[str, str]:
        return dict(zip(self.records.ids, self.texts, strict=True))

    @property
    def how(self) -> dict[str, Any]:
        """What has to be said of a module."""
        return {"task": self.task, "alphabet": self.alphabet.name}

    @property
    def goal(self) -> dict[str, Any]:
        return {"goal": "up", "delta": 0.1} if self.task == "regression" else {}

    def plain(self, texts: Sequence[str], module: nn.Module | None = None) -> Numbers:
        """(n, outputs) logits by one plain call each."""
        return plainly(module or self.module, list(texts), self.alphabet, self.form[4])

    @cached_property
    def truth(self) -> Numbers:
        """(N,) classes, (N, T) labels or values: what the records' targets are."""
        logits = self.plain(self.texts)
        spoilt = np.arange(self.n) % 5 == 4
        if self.task == "regression":
            return logits + 0.25 * spoilt[:, None]
        if self.task == "classification":
            return (logits.argmax(1) + spoilt) % logits.shape[1]
        if self.task == "binary":
            return ((logits[:, 0] > 0) ^ spoilt).astype(float)
        return ((logits > 0) ^ spoilt[:, None]).astype(float)

    def margins(self, logits: Numbers, truth: Numbers) -> Numbers:
        """(n,) by how much what is true leads."""
        if self.task == "classification":
            own = np.arange(logits.shape[1]) == truth[:, None]
            led: Numbers = logits[own] - np.where(own, -np.inf, logits).max(1)
            return led
        led = ((2 * truth.reshape(len(logits), -1) - 1) * logits).min(1)
        return led

    def truth_of(self, ids: Sequence[str]) -> Numbers:
        """The truth of records by id."""
        place = {name: row for row, name in enumerate(self.records.ids)}
        found: Numbers = self.truth[[place[name] for name in ids]]
        return found

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.number, stream, sum(map(ord, self.form[0]))])

    def _columns(self) -> Any:
        if self.task in ("regression", "multilabel"):
            columns = self.truth.T if self.task == "regression" else self.truth.T.astype(int)
            return {str(index): list(column) for index, column in enumerate(columns)}
        return [str(int(value)) for value in self.truth]
