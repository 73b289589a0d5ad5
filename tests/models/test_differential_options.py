"""Options that say how a model reads, alone and together, against plain calls with an encoding written out here."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from random_modules import FORMS, Numbers, Random
from torch import Tensor, nn

import seqrobust as sr

LENGTH = 14
_OTHER_STRAND = str.maketrans("ACGTN", "TGCAN")


class Turned(nn.Module):
    """Takes letters first or last."""

    def __init__(self, inner: nn.Module, *, last: bool) -> None:
        super().__init__()
        self.inner, self.last = inner, last

    def forward(self, x: Tensor) -> Any:
        return self.inner(x.transpose(1, 2) if self.last else x)


def encoded(text: str, how: dict[str, Any]) -> Numbers:
    """(4, length) as the model is to see a text."""
    x, order = np.zeros((4, len(text))), how.get("letters", "ACGT")
    for place, letter in enumerate(text):
        if letter in order:
            x[order.index(letter), place] = 1
        elif how["unknown"] == "uniform":
            x[:, place] = 0.25
    gap = how.get("input_length", len(text)) - len(text)
    left = {"right": 0, "left": gap, "both": gap // 2}[how.get("pad", "right")]
    return np.pad(x, ((0, 0), (left, gap - left)))


def plain(module: nn.Module, form: tuple[Any, ...], text: str, how: dict[str, Any]) -> Numbers:
    """(outputs,) logits of a text, or their mean over both strands."""

    def strand(one: str) -> Numbers:
        given = torch.tensor(encoded(one, how)[None]).float()
        with torch.no_grad():
            raw = module(given.transpose(1, 2).contiguous() if how["layout"] == "NLC" else given)
        found: Numbers = form[4](raw.double().numpy().reshape(1, -1))[0]
        return found

    if not how["average_strands"]:
        return strand(text)
    return (strand(text) + strand(text.translate(_OTHER_STRAND)[::-1])) / 2


def options() -> list[dict[str, Any]]:
    found = []
    for unknown, strands, size, layout, letters, alone, pad in itertools.product(
        ("zeros", "uniform"), (False, True), (0, LENGTH), ("NCL", "NLC"), ("", "TGAC"), (False, True), ("right", "left")
    ):
        how = {"unknown": unknown, "average_strands": strands, "layout": layout, "one_by_one": alone}
        if size:
            found.append(how | {"input_length": size, "pad": pad} | ({"letters": letters} if letters else {}))
        elif pad == "right":
            found.append(how | ({"letters": letters} if letters else {}))
    return found


def compare(form: tuple[Any, ...], how: dict[str, Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = Turned(Random(rng, 4, LENGTH, form[2], form[3]), last=how["layout"] == "NLC").eval()
    if module.inner.kind == "flat" and "input_length" not in how:
        return
    sizes = rng.integers(7, LENGTH, 6)
    texts = ["".join(rng.choice(list("ACGTN"), size, p=[0.23, 0.23, 0.23, 0.23, 0.08])) for size in sizes]
    model = sr.wrap(module, alphabet="DNA", task=form[1], **how)
    table = sr.predict(model, sr.records(texts, alphabet="DNA")).table
    start = "prediction" if form[1] == "regression" else "output_"
    found = table[[one for one in table if str(one).startswith(start)]].to_numpy(float)
    expected = np.array([plain(module, form, text, how) for text in texts])
    usable = np.isfinite(expected) & (np.abs(expected) < 12)
    np.testing.assert_allclose(found[usable], expected[usable], rtol=2e-3, atol=2e-3, err_msg=str(how))


def test_some_options() -> None:
    everything = {"unknown": "uniform", "average_strands": True, "layout": "NLC", "one_by_one": False}
    for seed, form in enumerate(FORMS[::6]):
        compare(form, everything | {"input_length": LENGTH, "pad": "left", "letters": "TGAC"}, seed)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS, ids=[form[0] for form in FORMS])
def test_all_options(form: tuple[Any, ...]) -> None:
    for seed, how in enumerate(options()):
        compare(form, how, seed)
