"""Logits of many small random modules against plain calls of them, turned to logits by formulas written out here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_modules import FORMS, Random, close, plainly
from torch import Tensor

import seqrobust as sr
from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.models import Predictor
from seqrobust.sequences.encoding import one_hot


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
                close(found, plainly(module, sequences, alphabet, turned)[:, : found.shape[1]])
        sr.ism(module, records, **how).save(tmp_path / str(number))
        with np.load(tmp_path / str(number) / "ism.npz") as archive:
            reference, scores = archive["reference"], archive["scores"]
        close(reference, plainly(module, texts, alphabet, turned))
        for letter, place in zip(rng.integers(alphabet.size, size=4), rng.integers(length, size=4), strict=True):
            mutants = [text[:place] + alphabet.letters[letter] + text[place + 1 :] for text in texts]
            close(scores[:, letter, place], plainly(module, mutants, alphabet, turned))
