"""The other strand in training: letters and what may be edited turn round together, within each record's own length."""

from __future__ import annotations

import numpy as np
import torch
from Bio.Seq import reverse_complement

from seqrobust.alphabet import DNA
from seqrobust.sequences import SequenceSet
from seqrobust.training.data import Batch, with_reverse_complements


def turned_batch() -> tuple[list[str], Batch, torch.Tensor, Batch]:
    """Ragged texts, their batch, the chosen records, and the batch with those turned."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGTN"), int(size))) for size in rng.integers(1, 12, 40)]
    sequences = SequenceSet.from_texts(texts, DNA)
    tokens = torch.tensor(sequences.tokens)
    batch = Batch(
        tokens=tokens,
        lengths=torch.tensor(sequences.lengths),
        targets=torch.arange(40),
        editable=(tokens < DNA.size) & torch.from_numpy(rng.random(tokens.shape) < 0.5),
        budget=torch.arange(40) % 3,
    )
    chosen = torch.from_numpy(rng.random(40) < 0.5)
    return texts, batch, chosen, with_reverse_complements(batch, chosen, DNA)


def test_letters_turn_as_biopython_turns_them() -> None:
    texts, _, chosen, turned = turned_batch()
    wanted = [reverse_complement(text) if flip else text for text, flip in zip(texts, chosen.tolist(), strict=True)]
    assert turned.tokens.dtype == torch.uint8
    assert torch.equal(turned.tokens, torch.tensor(SequenceSet.from_texts(wanted, DNA).tokens))


def test_what_may_be_edited_turns_with_them() -> None:
    _, batch, chosen, turned = turned_batch()
    assert turned.editable.dtype == torch.bool
    for row, length in enumerate(batch.lengths.tolist()):
        before, after = batch.editable[row, :length], turned.editable[row, :length]
        assert torch.equal(after, before.flip(0) if chosen[row] else before)
        assert not turned.editable[row, length:].any()


def test_the_rest_of_the_batch_stays() -> None:
    _, batch, _, turned = turned_batch()
    for name in ("lengths", "targets", "budget"):
        assert torch.equal(getattr(batch, name), getattr(turned, name))
