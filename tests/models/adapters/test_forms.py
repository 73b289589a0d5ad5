"""Models in other forms than one-hot (N, K, L) to (N, T): scores of edited sequences, gradients and attacks are those
of plain calls, and of wrappers written by hand, outside the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqrobust as sr
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.adapters.form import Form
from tests.models.adapters.drawing import LENGTH, drawn, encoded, net


class Around(nn.Module):
    """A net between two functions."""

    def __init__(self, inner: nn.Module, before: Callable[[Tensor], Tensor], after: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.net, self.before, self.after = inner, before, after

    def forward(self, x: Any) -> Any:
        return self.after(self.net(self.before(x)))


@dataclass
class Answer:
    counts: Tensor
    profile: Tensor


def as_is(x: Any) -> Any:
    return x


@dataclass
class Case:
    """A model, what is said of its form, and a wrapper written by hand, from one-hot ACGT to (N, T)."""

    model: nn.Module
    form: dict[str, Any]
    by_hand: Callable[[Tensor], Tensor]
    task: Any = "regression"


def cases() -> dict[str, Case]:
    one, four, five, three = net(), net(outputs=4), net(5), net(outputs=3 * LENGTH)
    tracks = lambda out: out.view(len(out), LENGTH, 3)  # noqa: E731
    return {
        "channel-last": Case(Around(one, lambda x: x.transpose(1, 2), as_is), {"layout": "NLC"}, one),
        "image": Case(Around(one, lambda x: x[:, 0], as_is), {"layout": "N1CL"}, one),
        "image, letters last": Case(
            Around(one, lambda x: x[:, 0].transpose(1, 2), as_is), {"layout": "N1LC"}, one
        ),
        "columns of an image": Case(Around(one, lambda x: x[:, :, 0], as_is), {"layout": "NC1L"}, one),
        "in one row": Case(
            Around(one, lambda x: x.view(len(x), LENGTH, 4).transpose(1, 2), as_is), {"layout": "N(LC)"}, one
        ),
        "a row of rows": Case(Around(one, lambda x: x.view(len(x), 4, LENGTH), as_is), {"layout": "N(CL)"}, one),
        "AGCT": Case(one, {"letters": "AGCT"}, lambda x: one(x[:, [0, 2, 1, 3]])),
        "TGCA, channel-last": Case(
            Around(one, lambda x: x.transpose(1, 2), as_is),
            {"letters": "tgca", "layout": "NLC"},
            lambda x: one(x[:, [3, 2, 1, 0]]),
        ),
        "NACGT": Case(five, {"letters": "NACGT"}, lambda x: five(torch.cat([1 - x.sum(1, keepdim=True), x], 1))),
        "A-CGT": Case(
            five, {"letters": "A-CGT"}, lambda x: five(torch.cat([x[:, :1], 0 * x[:, :1], x[:, 1:]], 1))
        ),
        "dict": Case(
            Around(four, as_is, lambda out: {"logits": out[:, :2], "extra": None}),
            {"output_of": "logits"},
            lambda x: four(x)[:, :2],
            "classification",
        ),
        "dict by key": Case(
            Around(four, as_is, lambda out: {"log-counts": out}), {"output_of": "['log-counts'][:, 2]"},
            lambda x: four(x)[:, 2:3],
        ),
        "tuple": Case(Around(four, as_is, lambda out: (out[:, :3], out[:, 3:])), {"output_of": "[1]"},
                      lambda x: four(x)[:, 3:]),
        "fields": Case(Around(four, as_is, lambda out: Answer(out[:, :1], out[:, 1:])),
                       {"output_of": ".profile.mean(1) + counts[:, 0]"},
                       lambda x: (four(x)[:, 1:].mean(1) + four(x)[:, 0])[:, None]),
        "bins and tracks": Case(Around(three, as_is, tracks), {"output_of": "[:, 5, 1]"},
                                lambda x: three(x).view(-1, LENGTH, 3)[:, 5, 1:2]),
        "difference of tracks": Case(
            Around(three, as_is, tracks), {"output_of": "[:, 4:9, 0].mean(1) - log(exp(output[:, 7, 2]) + 1)"},
            lambda x: (three(x).view(-1, LENGTH, 3)[:, 4:9, 0].mean(1)
                       - torch.log(torch.exp(three(x).view(-1, LENGTH, 3)[:, 7, 2]) + 1))[:, None],
        ),
        "side by side": Case(Around(four, as_is, lambda out: (out[:, :1], out[:, 1:])),
                             {"output_of": "output[0], output[1][:, 2]"}, lambda x: four(x)[:, [0, 3]],
                             "classification"),
        "double": Case(net().double(), {}, lambda x: net()(x)),
    }  # fmt: skip


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_scores_gradients_and_attacks_are_those_of_a_wrapper_written_by_hand(name: str) -> None:
    case = CASES[name]
    texts = drawn(12, seed=1)
    model = sr.wrap(case.model, alphabet="DNA", task=case.task, device="cpu", **case.form)
    records = sr.records(texts, alphabet="DNA")
    found = sr.attack(
        model, records, 2, attacks="quick", goal="untargeted" if case.task == "classification" else "up", seed=0
    )
    rows = found.table[found.table["edits"] != ""]
    assert len(rows) >= 6
    columns = [name for name in rows.columns if name.startswith("adversarial_output_")] or ["adversarial_prediction"]
    with torch.no_grad():
        plain = case.by_hand(encoded(rows["adversarial_sequence"].tolist()))
    np.testing.assert_allclose(rows[columns].to_numpy(float), plain.numpy(), atol=1e-5)

    points = torch.rand(4, 4, LENGTH).softmax(1)
    own = model.gradient(points, torch.full((4,), LENGTH), lambda out, _: out.sum(1))
    mine = points.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(case.by_hand(mine).sum(), mine)
    torch.testing.assert_close(own.gradient, slope, atol=1e-5, rtol=1e-4)


def test_an_unknown_letter_has_its_own_channel() -> None:
    five = net(5)
    model = sr.wrap(five, alphabet="DNA", task="regression", letters="ACGTN", device="cpu")
    text = "ACGTNNACGTACGTACGTACGTAC"
    records = sr.records([text], alphabet="DNA")
    with torch.no_grad():
        plain = five(encoded([text], "ACGTN"))
    model.check(torch.tensor(records.tokens))
    torch.testing.assert_close(model.logits(torch.tensor(records.tokens)), plain)


@pytest.mark.parametrize(
    ("side", "before"), [("right", 0), ("left", 6), ("both", 3)], ids=["behind", "before", "either side"]
)
def test_records_are_filled_up_on_the_side_that_is_said(side: str, before: int) -> None:
    model = sr.wrap(net(), alphabet="DNA", task="regression", input_length=LENGTH, pad=side, device="cpu")
    texts = [*drawn(3, seed=2, length=18), *drawn(2, seed=3, length=24), *drawn(2, seed=4, length=17)]
    records = sr.records(texts, alphabet="DNA")
    model.check(torch.tensor(records.tokens))
    got = model.logits(torch.tensor(records.tokens))
    for row, text in enumerate(texts):
        gap = LENGTH - len(text)
        left = {"right": 0, "left": gap, "both": gap // 2}[side]
        assert len(text) != 18 or left == before
        plain = torch.zeros(1, 4, LENGTH)
        plain[:, :, left : left + len(text)] = encoded([text])
        with torch.no_grad():
            torch.testing.assert_close(got[row], net()(plain)[0])
        alone = model.function(1, len(text))(encoded([text]))
        torch.testing.assert_close(got[row], alone[0].detach())


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"layout": "LCN"}, "order of axes"),
        ({"layout": "NC"}, "order of axes"),
        ({"output_of": "__class__"}, "private"),
        ({"output_of": "output.__dict__"}, "private"),
        ({"output_of": "open('x')"}, "no function 'open'"),
        ({"output_of": "output.backward()"}, "no function 'backward'"),
        ({"output_of": "[x for x in output]"}, "cannot be read"),
        ({"output_of": "lambda: 1"}, "Lambda"),
        ({"output_of": "output["}, "cannot be read"),
        ({"output_of": ""}, "cannot be read"),
        ({"output_of": "1 if output else 2"}, "IfExp"),
        ({"output_of": "+" * 4000 + "output"}, "cannot be read"),
        ({"output_of": "output ** 2 @ output"}, "MatMult"),
        ({"takes": "tokens"}, "numbers"),
        ({"vocabulary": "A=1"}, "no tokens"),
        ({"takes": "strings", "letters": "ACGT"}, "no channels"),
        ({"takes": "words"}, "unknown value"),
        ({"pad": "middle"}, "unknown value"),
    ],
)
def test_a_form_that_cannot_be_is_refused(form: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Form(**form)


@pytest.mark.parametrize("letters", ["ACG", "ACGTT", "ACGX", "ACGTZ", ""])
def test_channels_hold_every_letter_once(letters: str) -> None:
    with pytest.raises(ConfigError, match="each letter once"):
        sr.wrap(net(), alphabet="DNA", task="regression", letters=letters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("logit", "no such part"),
        ("logits[:, 9]", "no such part"),
        ("logits['a']", "no such part"),
        ("extra", "does not return a tensor|another shape"),
        ("logits.mean(7)", "cannot be worked out"),
        ("logits + extra", "cannot be worked out"),
    ],
)
def test_an_output_that_is_not_there_is_told_beside_those_that_are(text: str, said: str) -> None:
    model = sr.wrap(
        Around(net(outputs=3), as_is, lambda out: {"logits": out, "extra": None}),
        alphabet="DNA", task="classification", output_of=text, device="cpu",
    )  # fmt: skip
    with pytest.raises(ModelError, match=said):
        model.check(torch.tensor(sr.records(drawn(3, seed=1), alphabet="DNA").tokens))
