"""Caches that follow a moving base, are bounded in memory, and are not trusted unseen."""

from __future__ import annotations

import pytest
import torch
from neighbours_zoo import CASES, bases, edited, predictor_for, truth
from torch import Tensor, nn

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.errors import InternalError
from seqrobust.models import build_model
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import Edits, NeighbourScores, apply_edits
from seqrobust.neighbours.operations import Convolution

MOVING = [
    "conv bn relu",
    "residual in place",
    "global amax, ReLU",
    "inception",
    "GRU 1 bi mean",
    "reverse complement max",
]


def single_edits(base: Tensor, letters: int = DNA.size) -> Edits:
    """Every letter at every position of every record."""
    records, length = base.shape
    record, position, letter = torch.meshgrid(
        torch.arange(records), torch.arange(length), torch.arange(letters), indexing="ij"
    )
    return Edits(record.flatten(), position.flatten()[:, None], letter.flatten()[:, None])


def moved(base: Tensor, edits_each: list[int], generator: torch.Generator) -> Tensor:
    """The base with so many letters of each record drawn anew."""
    base = base.clone()
    for row, count in enumerate(edits_each):
        place = torch.randperm(base.shape[1], generator=generator)[:count]
        base[row, place] = torch.randint(4, (count,), generator=generator).to(base.dtype)
    return base


@pytest.mark.parametrize("name", MOVING)
def test_caches_follow_the_base(name: str) -> None:
    case, generator = CASES[name], torch.Generator().manual_seed(0)
    module, base = case.module(), bases(4, case.length)
    predictor = predictor_for(module, case.task)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        for step in range(40):
            edits = single_edits(base)
            chosen = torch.randperm(len(edits.record), generator=generator)[:60]
            edits = edits.take(chosen[edits.record[chosen] != step % 5])  # not every record is asked about every time
            expected = truth(module, edited(base, *edits), case.task)
            torch.testing.assert_close(scores.logits(base, edits), expected, atol=3e-5, rtol=1e-4)
            base = moved(base, [1, step % 3, 0 if step % 2 else 4, 7 if step == 20 else 1], generator)


def test_patching_does_not_run_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["conv bn relu"]
    predictor = predictor_for(case.module(), case.task)
    base = bases(4, case.length)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        scores.logits(base, single_edits(base))
        monkeypatch.setattr("seqrobust.neighbours.reference.Reference.compute", _never)
        base = moved(base, [1, 2, 3, 0], torch.Generator().manual_seed(0))
        expected = truth(predictor.module, edited(base, *single_edits(base)), case.task)
        torch.testing.assert_close(scores.logits(base, single_edits(base)), expected, atol=3e-5, rtol=1e-4)


def _never(*_: object) -> None:
    raise AssertionError("computed in full")


@pytest.mark.parametrize("memory", [1, 40_000, 1 << 30])
def test_memory_changes_nothing_but_how_many_records_are_held(memory: int) -> None:
    case = CASES["residual in place"]
    predictor = predictor_for(case.module(), case.task)
    base = bases(7, case.length)
    with predictor.attached():
        scores = NeighbourScores(predictor, memory=memory, way="incremental")
        found = scores.logits(base, single_edits(base))
    expected = truth(predictor.module, edited(base, *single_edits(base)), case.task)
    torch.testing.assert_close(found, expected, atol=3e-5, rtol=1e-4)


@pytest.mark.parametrize("unknown", ["zeros", "uniform"])
@pytest.mark.parametrize("alphabet", [DNA, PROTEIN], ids=lambda alphabet: alphabet.name)
@pytest.mark.parametrize("architecture", ["cnn", "gru", "cnn_gru"])
def test_records_of_all_lengths_together(architecture: str, alphabet: Alphabet, unknown: str) -> None:
    model = build_model(architecture, alphabet_size=alphabet.size, outputs=2, input_length=None).eval()
    predictor = Predictor(
        model,
        alphabet=alphabet,
        task="classification",
        labels=["a", "b"],
        unknown=unknown,
        device="cpu",
        scale="logits",
    )
    lengths = [1, 7, 40, 40, 23]
    base = torch.full((len(lengths), 40), alphabet.padding, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    for row, length in enumerate(lengths):
        base[row, :length] = torch.randint(alphabet.size + 1, (length,), generator=generator).to(torch.uint8)
    edits = single_edits(base, alphabet.size)
    edits = edits.take(base[edits.record, edits.position[:, 0]] != alphabet.padding)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        found = scores.logits(base, edits)
        plain = predictor.logits(apply_edits(base, edits))
    assert scores.counts["incremental"] == len(edits.record)
    torch.testing.assert_close(found, plain, atol=2e-6, rtol=2e-5)


def test_no_candidates() -> None:
    predictor = predictor_for(CASES["conv bn relu"].module(), "classification")
    base = bases(2, 60)
    with predictor.attached():
        found = NeighbourScores(predictor).logits(base, single_edits(base).take(torch.zeros(0, dtype=torch.int64)))
    assert found.shape == (0, 3)


def test_few_candidates_are_not_worth_a_trace() -> None:
    predictor = predictor_for(CASES["conv bn relu"].module(), "classification")
    base = bases(1, 60)
    with predictor.attached():
        scores = NeighbourScores(predictor)
        scores.logits(base, single_edits(base))
    assert scores.counts == {"plain": 240, "incremental": 0}


def test_a_wrong_engine_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Convolution.of_changed
    monkeypatch.setattr(Convolution, "of_changed", lambda self, change: right(self, change) * 1.1)
    module = CASES["conv bn relu"].module()
    predictor = predictor_for(module, "classification")
    base = bases(8, 60)
    edits = single_edits(base)
    with predictor.attached():
        with pytest.raises(InternalError, match="differ"):
            NeighbourScores(predictor, way="incremental").logits(base, edits)
        monkeypatch.setattr("seqrobust.neighbours.service.predicted_cost", _cheap)
        scores = NeighbourScores(predictor)
        found = scores.logits(base, edits)
        again = scores.logits(base, edits)
    expected = truth(module, edited(base, *edits), "classification")
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(again, expected, atol=1e-5, rtol=1e-5)
    assert len(scores.notices) == 1
    assert "differ" in scores.notices[0]


def _cheap(*_: object) -> object:
    from seqrobust.neighbours.cost import Cost

    return Cost(plain_macs=10, incremental_macs=1, plain=1.0, incremental=1e-3)


def test_the_layer_in_the_way_is_named() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Conv1d(4, 8, 1)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.read = nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.project(x).transpose(1, 2)
            return self.read(self.attention(y, y, y, need_weights=False)[0].mean(1))

    predictor = predictor_for(Attends().eval(), "classification")
    base = bases(8, 60)
    with predictor.attached():
        scores = NeighbourScores(predictor)
        scores.logits(base, single_edits(base))
    assert scores.counts["incremental"] == 0
    assert "attention" in scores.notices[0]


def test_a_service_for_other_records_answers_as_a_new_one() -> None:
    predictor = predictor_for(CASES["conv bn relu"].module(), "classification")
    first, second = bases(8, 60), moved(bases(8, 60), [60] * 8, torch.Generator().manual_seed(1))
    with predictor.attached():
        scores = NeighbourScores(predictor)
        scores.logits(first, single_edits(first))
        again = scores.renewed().logits(second, single_edits(second))
        new = NeighbourScores(predictor).logits(second, single_edits(second))
    assert torch.equal(again, new)
