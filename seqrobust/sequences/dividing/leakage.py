"""How much of a split a model has seen in training: copies, other strands, and sequences a few letters away.

A model that remembers is right on near copies without having learned anything, and no figure of the split shows it.
Records of one length are compared letter by letter, which finds every near copy; of other records those are found that
share most of their words, as far as so large a set can be looked through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.sequences.dividing.relatives import IDENTITY, near_copies_across
from seqrobust.sequences.encoding import one_hot, reverse_complement
from seqrobust.sequences.labels import same_molecule
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.wording import counted

MOST_LOOKED_AT = 1_000
"""Records of a split that are compared with all training records, a spread of them where there are more."""
MOST_BY_WORDS = 5_000
"""Records up to which those of uneven lengths are compared by their words."""
SOME = 0.05
"""Share of a split from which near copies are said: a few there may be by chance."""
MOST_PRODUCTS, FEWEST = 50_000_000_000, 50
"""Products of letters that comparing may take, some seconds, and records that are compared however many there are."""
_BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class Leak:
    """What of one split stands in training.

    Attributes:
        split: its name.
        looked_at: records of it that were compared.
        copies: of those, on either strand, with the letters of a training record.
        near: others with :data:`~seqrobust.sequences.dividing.relatives.IDENTITY` of the letters of one, or more.
        nearest: median number of letters between a record and the nearest training record, copies included; None where
            records are not of one length.
    """

    split: str
    looked_at: int
    copies: int
    near: int
    nearest: float | None = None

    @property
    def worth_saying(self) -> bool:
        """Whether it may carry what a model scores on that split."""
        return self.copies > 0 or self.near >= SOME * self.looked_at

    @property
    def words(self) -> str:
        """The same in a sentence."""
        letters = "" if self.nearest is None else f"{self.nearest:g} letter{'' if self.nearest == 1 else 's'}"
        near = f"; the median one is {letters} from its nearest" if letters else ""
        return (
            f"of {counted(self.looked_at, 'record')} of the split {self.split} {self.copies} copy a training record "
            f"and {self.near} nearly do ({IDENTITY:.0%} of the letters or more){near}: a model that remembers is "
            "right on these, and may be worse on sequences that are new"
        )

    def plain(self) -> dict[str, Any]:
        """As ``metrics.json`` holds it."""
        return {"looked_at": self.looked_at, "copies": self.copies, "near": self.near, "nearest": self.nearest}


def leaks(sequences: SequenceSet, source: str = "train") -> tuple[Leak, ...]:
    """What of every other split stands in the training records; nothing without splits.

    Records of uneven lengths are not looked through where there are more than :data:`MOST_BY_WORDS`.
    """
    if sequences.splits is None or source not in sequences.splits:
        return ()
    others = [str(name) for name in np.unique(sequences.splits) if name not in (source, "")]
    if len(np.unique(sequences.lengths)) == 1:
        return tuple(_by_letters(sequences, source, name) for name in others)
    if len(sequences) > MOST_BY_WORDS:
        return ()
    near = near_copies_across(sequences, sequences.splits, [source, *others])
    return tuple(_by_words(sequences, source, name, len(near.get((source, name), ()))) for name in others)


def _by_words(sequences: SequenceSet, source: str, name: str, near: int) -> Leak:
    assert sequences.splits is not None
    molecule = same_molecule(sequences)
    here = sequences.splits == name
    copies = int(np.isin(molecule[here], molecule[sequences.splits == source]).sum())
    return Leak(split=name, looked_at=int(here.sum()), copies=copies, near=near)


def _by_letters(sequences: SequenceSet, source: str, name: str) -> Leak:
    """Compared with every training record, on both strands where there are two."""
    assert sequences.splits is not None
    rows = np.flatnonzero(sequences.splits == name)
    train = np.flatnonzero(sequences.splits == source)
    cells = len(train) * sequences.width * sequences.alphabet.size
    most = min(len(rows), MOST_LOOKED_AT, max(FEWEST, MOST_PRODUCTS // max(cells, 1)))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(np.int64))]
    distance = _nearest(sequences, rows, train)
    near = int(((distance > 0) & (distance <= (1 - IDENTITY) * sequences.width + 1e-9)).sum())
    return Leak(
        split=name,
        looked_at=len(rows),
        copies=int((distance == 0).sum()),
        near=near,
        nearest=float(np.median(distance)),
    )


def _nearest(sequences: SequenceSet, rows: NDArray[np.int64], train: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) letters between each row and the nearest training record. Unknown letters are like none."""
    alphabet, tokens = sequences.alphabet, sequences.tokens[rows]
    strands = [tokens, *([reverse_complement(tokens, alphabet)] if alphabet.complement else [])]
    asked = [_flat(one, alphabet) for one in strands]
    best = np.full(len(rows), sequences.width, np.int64)
    for start in range(0, len(train), _BLOCK):
        against = _flat(sequences.tokens[train[start : start + _BLOCK]], alphabet).T
        for one in asked:
            same = (one @ against).max(1).round().astype(np.int64)
            best = np.minimum(best, sequences.width - same)
    return best


def _flat(tokens: NDArray[np.uint8], alphabet: Alphabet) -> NDArray[np.float32]:
    """(n, K L) one-hot letters in a row."""
    return one_hot(torch.from_numpy(tokens), alphabet).numpy().reshape(len(tokens), -1)
