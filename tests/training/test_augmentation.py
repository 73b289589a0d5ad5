"""Augmentation by evolution: each kind of change against all that it could have been, and when it ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from Bio.Seq import reverse_complement
from torch import Tensor
from training_toys import logits, toy, trained

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.sequences import SequenceSet
from seqrobust.training import augmentation, prediction_metrics
from seqrobust.training.augmentation import KINDS, evolved
from seqrobust.training.data import Batch

DELETION, INSERTION, TRANSLOCATION, INVERSION, SUBSTITUTION = range(KINDS)


def random_batch(alphabet: Alphabet, sizes: tuple[int, int] = (1, 45), seed: int = 0) -> tuple[list[str], Batch]:
    rng = np.random.default_rng(seed)
    letters = [*alphabet.letters, alphabet.any_letter]
    texts = ["".join(rng.choice(letters, int(size))) for size in rng.integers(*sizes, 60)]
    sequences = SequenceSet.from_texts(texts, alphabet)
    tokens = torch.tensor(sequences.tokens)
    # A letter is editable if it is the alphabet's first: so it can be seen whether the two move together.
    batch = Batch(tokens, torch.tensor(sequences.lengths), torch.arange(60), tokens == 0, torch.full((60,), 3))
    return texts, batch


def texts_of(batch: Batch, alphabet: Alphabet) -> list[str]:
    names = alphabet.letters + alphabet.any_letter + "-"
    return ["".join(names[t] for t in row).rstrip("-") for row in batch.tokens.tolist()]


def only(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(count: int, device: torch.device) -> Tensor:
        return (torch.arange(KINDS) == kind).expand(count, -1)

    monkeypatch.setattr(augmentation, "_chosen_kinds", chosen)


def possible(text: str, kind: int, alphabet: Alphabet) -> set[str]:
    """All that a text may become, ``?`` for any new letter."""
    found, length = set(), len(text)
    for size in range(1, max(1, length // 10) + 1):
        for start in range(length - size + 1):
            cut, new = text[:start] + text[start + size :], "?" * size
            stretch = text[start : start + size]
            if kind == DELETION:
                found |= {cut + new, new + cut}
            elif kind == INSERTION:
                before, after = text[:start] + new + text[start:], text[: start + size] + new + text[start + size :]
                found |= {before[:length], after[-length:]}
            elif kind == TRANSLOCATION:
                found |= {text[size:] + text[:size], text[-size:] + text[:-size]}
            else:
                other = reverse_complement(stretch) if alphabet is DNA else stretch[::-1]
                found.add(text[:start] + other + text[start + size :])
    return found


@pytest.mark.parametrize("kind", [DELETION, INSERTION, TRANSLOCATION, INVERSION])
@pytest.mark.parametrize("alphabet", [DNA, PROTEIN], ids=lambda alphabet: alphabet.name)
def test_each_kind_of_change(kind: int, alphabet: Alphabet, monkeypatch: pytest.MonkeyPatch) -> None:
    only(kind, monkeypatch)
    texts, batch = random_batch(alphabet)
    torch.manual_seed(1)
    seen: dict[int, set[str]] = {}
    for _ in range(15):
        new = evolved(batch, alphabet)
        for row, (text, after) in enumerate(zip(texts, texts_of(new, alphabet), strict=True)):
            assert len(after) == len(text)
            seen.setdefault(row, set()).add(after)
            patterns = possible(text, kind, alphabet)
            fits = [p for p in patterns if all(x in ("?", y) for x, y in zip(p, after, strict=True))]
            assert fits, (text, after)
    assert np.mean([len(found) for found in seen.values()]) > 3


def test_substitutions(monkeypatch: pytest.MonkeyPatch) -> None:
    only(SUBSTITUTION, monkeypatch)
    _, batch = random_batch(DNA, (200, 300))
    torch.manual_seed(0)
    new = evolved(batch, DNA)
    letters = batch.tokens < 4
    assert torch.equal(new.tokens[~letters], batch.tokens[~letters])
    assert torch.equal(new.editable, batch.editable)
    # A twentieth of the letters is drawn anew, three of four draws change it.
    changed = (new.tokens != batch.tokens)[letters].float().mean().item()
    assert changed == pytest.approx(0.05 * 0.75, abs=0.006)


@pytest.mark.parametrize("kind", [DELETION, INSERTION, TRANSLOCATION])
def test_what_may_be_edited_moves_with_its_letter(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a record of A's, which may be edited, among other letters, which may not, neither may a new A."""
    only(kind, monkeypatch)
    _, batch = random_batch(DNA, (20, 60))
    torch.manual_seed(2)
    new = evolved(batch, DNA)
    assert (new.tokens[new.editable] == 0).all()
    left = new.editable.sum(1) / batch.editable.sum(1).clamp(min=1)
    assert (left <= 1).all()
    assert left.mean() > 0.8


def test_one_or_two_kinds_a_record() -> None:
    torch.manual_seed(0)
    chosen = augmentation._chosen_kinds(4000, torch.device("cpu"))
    assert set(chosen.sum(1).tolist()) == {1, 2}
    assert torch.allclose(chosen.float().mean(0), torch.tensor(1.5 / KINDS), atol=0.03)


def test_full_batches_and_single_letters() -> None:
    tokens = torch.randint(4, (5, 1), dtype=torch.uint8)
    batch = Batch(tokens, None, torch.arange(5), tokens >= 0, torch.ones(5, dtype=torch.int64))
    new = evolved(batch, DNA)
    assert new.tokens.shape == (5, 1)
    assert (new.tokens < 4).all()


def test_training_learns_and_ends_on_plain_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(batch: Batch, alphabet: Alphabet) -> Batch:
        calls.append(len(batch.tokens))
        return evolved(batch, alphabet)

    monkeypatch.setattr("seqrobust.training.module.evolved", counted)
    data, fresh = toy("binary"), toy("binary", seed=1)
    result = trained(data, tmp_path, epochs=10, augment="evolution", augment_until=0.65)
    assert sum(calls) == 7 * 160
    assert prediction_metrics(fresh.targets, logits(result.model, fresh))["accuracy"] > 0.85
