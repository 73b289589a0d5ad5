"""A base that moves from call to call: caches are patched, dropped or made anew, and the answers never tell."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from neighbours_zoo import CASES, Net, bases, conv, edited, predictor_for, shaken, truth
from torch import Tensor, nn

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.neighbours import Edits, NeighbourScores
from seqrobust.neighbours.incremental import Incremental
from seqrobust.neighbours.service import MOST_PATCHES

TOLERANCE = 3e-5
NETWORKS = [
    "residual in place, pools",
    "inception",
    "gelu, max pool 3 stride 2 padding 1, conv, L 59",
    "tanh, max pool 7 ceil, conv, L 59",
    "log of abs, amax",
    "mean and max",
    "flatten linear",
    "two flattens",
    "global amax, ReLU",
    "position multiplied, relu",
    "pad with value, mean",
    "crop, amax",
    "reverse complement max",
    "reverse complement cat",
    "flip positions and add, mean",
    "squeeze excite",
    "u net",
    "GRU behind convs",
    "GRU 1 bi h both",
    "LSTM 2 bi mean and last",
    "two GRUs, one backwards",
    "convs behind GRU",
    "conv sum is the output",
    "linear model",
]
"""Every kind of head, and every way to write a layer back."""


def some(base: Tensor, rows: list[int], count: int, generator: torch.Generator, letters: int = DNA.size) -> Edits:
    """Random candidates of some of the records: none to three edits each, unknown letters among them."""
    drawn = torch.randint(len(rows), (count,), generator=generator)
    length = int((base != letters + 1).sum(1)[rows].min())
    start = torch.randint(length, (count, 1), generator=generator)
    position = (start + torch.randint(9, (count, 3), generator=generator)).clamp(max=length - 1)
    position[torch.rand(count, 3, generator=generator) < 0.4] = -1
    letter = torch.randint(letters + 1, (count, 3), generator=generator)
    return Edits(torch.tensor(rows)[drawn], position, letter)


def moved(base: Tensor, most: int, generator: torch.Generator, letters: int = DNA.size) -> Tensor:
    """The base with none to ``most`` letters of every record drawn anew, within a few columns or anywhere."""
    base = base.clone()
    lengths = (base != letters + 1).sum(1)
    for row in range(len(base)):
        for _ in range(int(torch.randint(most + 1, (), generator=generator))):
            column = int(torch.randint(int(lengths[row]), (), generator=generator))
            base[row, column] = int(torch.randint(letters + 1, (), generator=generator))
    return base


def agrees(found: Tensor, expected: Tensor) -> None:
    error = float((found - expected).abs().max()) / max(float(expected.abs().max()), 1e-3)
    assert error <= TOLERANCE, f"off by {error:.2g} of the outputs' scale"


@pytest.mark.parametrize("name", NETWORKS)
def test_a_base_that_moves(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    module, generator = case.module(), torch.Generator().manual_seed(7)
    commits = _count_commits(monkeypatch)
    predictor = predictor_for(module)
    base = bases(4, case.length)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        for step in range(MOST_PATCHES + 10):
            rows = [[0, 1, 2, 3], [2], [0, 3], [1, 2]][step % 4]
            edits = some(base, rows, 7, generator)
            agrees(scores.logits(base, edits), truth(module, edited(base, *edits)))
            base = moved(base, 6 if step % 3 == 0 else 1, generator)
        fresh = NeighbourScores(predictor, way="incremental")
        edits = some(base, [0, 1, 2, 3], 30, generator)
        agrees(scores.logits(base, edits), fresh.logits(base, edits))
    assert len(commits) > 10


@pytest.mark.parametrize("name", ["inception", "GRU behind convs", "mean and max", "flatten linear"])
def test_more_patches_than_are_allowed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    module, generator = case.module(), torch.Generator().manual_seed(8)
    commits = _count_commits(monkeypatch)
    predictor, base = predictor_for(module), bases(2, case.length)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        for step in range(3 * MOST_PATCHES):
            base[:, step % case.length] = (base[:, step % case.length] + 1) % DNA.size
            edits = some(base, [0, 1], 5, generator)
            agrees(scores.logits(base, edits), truth(module, edited(base, *edits)))
    assert len(commits) > 2 * MOST_PATCHES


def _count_commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    commits: list[int] = []
    plain = Incremental.logits

    def counted(self: Incremental, *args: Any, commit: bool = False, **more: Any) -> Tensor:
        if commit:
            commits.append(1)
        return plain(self, *args, commit=commit, **more)

    monkeypatch.setattr(Incremental, "logits", counted)
    return commits


@pytest.mark.parametrize("name", ["inception", "GRU behind convs", "global amax, ReLU"])
def test_a_move_while_only_the_record_itself_is_asked_for(name: str) -> None:
    case = CASES[name]
    module, generator = case.module(), torch.Generator().manual_seed(9)
    predictor, base = predictor_for(module), bases(3, case.length)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        for step in range(12):
            # Record 0 by its own letters, which is answered from the cache; record 1 by an edit; record 2 now and then.
            there = base[:, 5].long()
            record = torch.tensor([0, 1, 2][: 2 + (step % 4 == 0)])
            letter = torch.stack([there[0], (there[1] + 1) % 4, (there[2] + 2) % 4])[: len(record), None]
            edits = Edits(record, torch.full((len(record), 1), 5), letter)
            agrees(scores.logits(base, edits), truth(module, edited(base, *edits)))
            base = moved(base, 3, generator)


@pytest.mark.parametrize("name", ["inception", "GRU behind convs", "mean and max", "flatten linear"])
def test_records_dropped_and_added(name: str) -> None:
    case = CASES[name]
    module, generator = case.module(), torch.Generator().manual_seed(10)
    predictor, everything = predictor_for(module), bases(6, case.length)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        for rows in ([0, 1, 2], [1, 2], [1, 2, 5], [5, 4, 3, 2, 1, 0], [3], [4], [0, 1, 2]):
            base = everything[rows]
            edits = some(base, list(range(len(rows))), 20, generator)
            agrees(scores.logits(base, edits), truth(module, edited(base, *edits)))


@pytest.mark.parametrize(
    "name", ["inception", "GRU behind convs", "takes lengths", "global mean, ReLU", "GRU 1 bi h both"]
)
@pytest.mark.parametrize("memory", [None, 1])
def test_lengths_beside_each_other(name: str, memory: int | None) -> None:
    case = CASES[name]
    module, generator = case.module(), torch.Generator().manual_seed(11)
    predictor, base = predictor_for(module), bases(7, case.length)
    lengths = [case.length, case.length - 1, 19, 19, case.length, 20, 19]
    for row, length in enumerate(lengths):
        base[row, length:] = DNA.padding
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental", memory=memory)
        for _ in range(4):
            edits = some(base, list(range(7)), 40, generator)
            tokens = edited(base, *edits)
            sizes = [lengths[row] for row in edits.record.tolist()]
            expected = [truth(module, row[None, :size]) for row, size in zip(tokens, sizes, strict=True)]
            agrees(scores.logits(base, edits), torch.cat(expected))
            base = moved(base, 2, generator)
    assert scores.counts["plain"] == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_one_record_at_a_time_gives_equal_scores(name: str) -> None:
    case = CASES[name]
    predictor, base = predictor_for(case.module()), bases(5, case.length)
    edits = some(base, [0, 1, 2, 3, 4], 60, torch.Generator().manual_seed(12))
    with predictor.attached():
        wide = NeighbourScores(predictor, way="incremental").logits(base, edits)
        narrow = NeighbourScores(predictor, way="incremental", memory=1).logits(base, edits)
    agrees(narrow, wide)


@pytest.mark.parametrize("name", ["inception", "GRU behind convs", "flatten linear"])
def test_the_order_of_candidates_does_not_matter(name: str) -> None:
    case = CASES[name]
    predictor, base = predictor_for(case.module()), bases(5, case.length)
    generator = torch.Generator().manual_seed(13)
    edits = some(base, [0, 1, 2, 3, 4], 60, generator)
    order = torch.randperm(60, generator=generator)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        agrees(scores.logits(base, edits.take(order)), scores.logits(base, edits)[order])


@pytest.mark.parametrize("way", ["incremental", "auto", "plain"])
def test_no_candidates_and_none_that_change_anything(way: Any) -> None:
    module = CASES["inception"].module()
    predictor, base = predictor_for(module), bases(2, 60)
    nothing = torch.zeros(0, dtype=torch.int64)
    with predictor.attached():
        scores = NeighbourScores(predictor, way=way)
        assert scores.logits(
            base, Edits(nothing, nothing[:, None].expand(0, 3), nothing[:, None].expand(0, 3))
        ).shape == (0, 3)
        none = Edits(torch.tensor([1, 0, 1]), torch.full((3, 2), -1), torch.zeros(3, 2, dtype=torch.int64))
        agrees(scores.logits(base, none), truth(module, base[[1, 0, 1]]))


def test_candidates_without_slots() -> None:
    module = CASES["inception"].module()
    predictor, base = predictor_for(module), bases(2, 60)
    empty = torch.zeros(3, 0, dtype=torch.int64)
    with predictor.attached():
        found = NeighbourScores(predictor, way="incremental").logits(base, Edits(torch.tensor([1, 0, 1]), empty, empty))
    agrees(found, truth(module, base[[1, 0, 1]]))


@pytest.mark.parametrize("unknown", ["zeros", "uniform"])
@pytest.mark.parametrize("alphabet", [DNA, PROTEIN], ids=["DNA", "protein"])
def test_alphabets_and_unknown_letters(alphabet: Any, unknown: Any) -> None:
    size = alphabet.size
    module = shaken(
        Net(
            lambda s, x: s.h(torch.cat([s.c(x).relu().amax(2), x.mean(2), s.r(x.transpose(1, 2))[0].mean(1)], 1)),
            c=conv(size, padding=2),
            r=nn.GRU(size, 6, batch_first=True),
            h=nn.Linear(8 + size + 6, 3),
        ),
        f"alphabet {size}",
    )
    generator = torch.Generator().manual_seed(14)
    predictor = predictor_for(module, alphabet=alphabet, unknown=unknown)
    base = bases(4, 50, alphabet=alphabet)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        for _ in range(8):
            edits = some(base, [0, 1, 2, 3], 30, generator, size)
            agrees(scores.logits(base, edits), truth(module, edited(base, *edits), alphabet=alphabet, unknown=unknown))
            base = moved(base, 4, generator, size)
    assert scores.counts["plain"] == 0


@pytest.mark.parametrize("name", ["flatten linear", "takes lengths", "inception"])
def test_records_padded_to_the_size_of_the_input(name: str) -> None:
    module, generator = CASES[name].module(), torch.Generator().manual_seed(15)
    predictor = predictor_for(module, input_length=60)
    base = bases(3, 48)
    base[1, 40:] = DNA.padding
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        for _ in range(4):
            edits = some(base, [0, 1, 2], 30, generator)
            tokens = nn.functional.pad(edited(base, *edits), (0, 12), value=DNA.padding)
            if name == "takes lengths":
                encoded = predictor.encode(tokens)
                expected = module(encoded, lengths=(tokens != DNA.padding).sum(1)).detach()
            else:
                expected = truth(module, tokens)
            agrees(scores.logits(base, edits), expected)
            base = moved(base, 2, generator)


def test_probabilities_are_turned_back() -> None:
    module = shaken(Net(lambda s, x: s.h(s.c(x).relu().mean(2)).softmax(1), c=conv(), h=nn.Linear(8, 3)), "softmax")
    predictor, base = predictor_for(module, scale="probabilities"), bases(3, 60)
    edits = some(base, [0, 1, 2], 40, torch.Generator().manual_seed(16))
    with predictor.attached():
        found = NeighbourScores(predictor, way="incremental").logits(base, edits)
    agrees(found, truth(module, edited(base, *edits)).log())


@pytest.mark.parametrize("name", ["inception", "GRU behind convs", "squeeze excite"])
def test_the_way_that_is_chosen_gives_the_same(name: str) -> None:
    case = CASES[name]
    module, generator = case.module(), torch.Generator().manual_seed(17)
    predictor, base = predictor_for(module), bases(3, case.length)
    with predictor.attached():
        scores = NeighbourScores(predictor)
        for _ in range(3):
            edits = some(base, [0, 1, 2], 700, generator)
            agrees(scores.logits(base, edits), truth(module, edited(base, *edits)))
            base = moved(base, 2, generator)
    assert sum(scores.counts.values()) == 2100


def test_a_renewed_service_does_not_remember() -> None:
    case = CASES["mean and max"]
    predictor, generator = predictor_for(case.module()), torch.Generator().manual_seed(18)
    base = bases(3, case.length)
    edits = some(base, [0, 1, 2], 40, generator)
    with predictor.attached():
        first = NeighbourScores(predictor, way="incremental")
        alone = first.logits(base, edits)
        for _ in range(3):
            other = moved(base, 3, generator)
            first.logits(other, some(other, [0, 1, 2], 20, generator))
        assert torch.equal(first.renewed().logits(base, edits), alone)
