"""Answers that are no number, gradients that are none, answers that change: told of the records they are of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor, nn

import seqrobust as sr
from seqrobust.errors import ModelError

TEXTS = [*["".join(letters) for letters in product("ACGT", repeat=3)][::5], "GGGA", "GGAA"]


class Counts(nn.Module):
    """How many G more than one and a half, passed through whatever is done to it."""

    def __init__(self, change: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(x, x[:, 2].sum(1, keepdim=True) - 1.5)


def attacked(change: Callable[[Tensor, Tensor], Tensor], **settings: object) -> object:
    model = sr.wrap(Counts(change), alphabet="DNA", task="binary", device="cpu")
    return sr.attack(model, sr.records(TEXTS, alphabet="DNA"), "1..2", random_draws=1, **settings)


def brute(text: str, edits: int) -> bool:
    """Whether so many edits move the count of G over the line."""
    count, length = text.count("G"), len(text)
    return count + min(edits, length - count) >= 2 if count < 2 else count - min(edits, count) < 2


def all_found(found: object) -> bool:
    table = found.table  # type: ignore[attr-defined]
    text_of = dict(zip([f"seq{number + 1}" for number in range(len(TEXTS))], TEXTS, strict=True))
    success = table["success"].astype("boolean").fillna(value=False)
    return all(brute(text_of[i], k) == hit for i, k, hit in zip(table["id"], table["budget"], success, strict=True))


NO_GRADIENT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "detached": lambda x, z: z.detach(),
    "labels": lambda x, z: (z > 0).float(),
    "a look-up": lambda x, z: (x.argmax(1) == 2).float().sum(1, keepdim=True) - 1.5,
}


@pytest.mark.parametrize("case", NO_GRADIENT)
def test_models_without_gradients_are_attacked_by_default(case: str) -> None:
    found = attacked(NO_GRADIENT[case])
    assert all_found(found)
    assert any("no gradient" in notice and "go on" in notice for notice in found.notices)  # type: ignore[attr-defined]


def test_an_attack_that_follows_gradients_alone_is_refused() -> None:
    with pytest.raises(ModelError, match="follow nothing else"):
        attacked(NO_GRADIENT["detached"], attacks="discrete_pgd")


def test_a_gradient_that_is_no_number_is_zero_and_its_record_named() -> None:
    steep = lambda x, z: z + torch.sqrt(torch.relu(x[:, :1, 0] - 0.5) * 0)  # noqa: E731
    found = attacked(steep)
    assert all_found(found)
    assert found.metrics["no_gradient"]["n"] > 0  # type: ignore[attr-defined]


def test_a_sequence_without_an_answer_is_left_out_and_its_record_named() -> None:
    lost = lambda x, z: z.masked_fill(x[:, 3:4, 0] > 0.5, torch.nan)  # noqa: E731
    found = attacked(lost)
    table = found.table  # type: ignore[attr-defined]
    kept = [f"seq{number + 1}" for number, text in enumerate(TEXTS) if text[0] != "T"]
    assert sorted(set(table["id"])) == sorted(kept)
    assert not table["adversarial_sequence"].str.startswith("T").any()
    assert found.metrics["not_finite"]["n"] > 0  # type: ignore[attr-defined]
    assert any("left out" in notice and "seq" in notice for notice in found.notices)  # type: ignore[attr-defined]


def test_every_record_seen_whole_is_known_exactly() -> None:
    found = attacked(lambda x, z: z)
    for row in found.metrics["budgets"]:  # type: ignore[attr-defined]
        at = found.table[found.table["budget"] == row["budget"]]  # type: ignore[attr-defined]
        assert row["exact"] == int(at["exact"].sum())
        assert row["exact"] >= int(at["success"].sum())
    assert found.metrics["budgets"][0]["exact"] == len(TEXTS)  # type: ignore[attr-defined]


def test_a_model_that_draws_much_tells_the_error_of_its_draws() -> None:
    torch.manual_seed(0)
    found = attacked(lambda x, z: z + 3 * torch.randn_like(z))
    last = found.metrics["budgets"][-1]  # type: ignore[attr-defined]
    assert last["draw_error"] > 0.02
    assert last["exact"] == 0, "of a random model nothing is known exactly"
    assert any("draws" in notice and "--samples" in notice for notice in found.notices)  # type: ignore[attr-defined]
    edits = found.table["n_edits"][found.table["success"].fillna(value=False)]  # type: ignore[attr-defined]
    assert bool((edits > 0).all())
