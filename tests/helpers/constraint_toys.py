"""Records, candidate edits, and a loop over both that every constraint must agree with."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.sequences import SequenceSet, texts_from_tokens
from seqrobust.threats.constraints import (
    Constraint,
)

MANY = 100_000
Oracle = Callable[[str, str], bool]
"""Whether a clean text allows an edited one."""

JASPAR = """>MA0001.1 first
A  [ 0 3 79 40 66 48 ]
C  [ 94 75 4 3 1 2 ]
G  [ 1 0 3 4 1 0 ]
T  [ 2 19 11 50 29 47 ]
>MA0002.1 second
A  [ 1 20 0 0 5 20 1 ]
C  [ 1 0 20 0 5 0 10 ]
G  [ 18 0 0 20 5 0 9 ]
T  [ 0 0 0 0 5 0 0 ]
"""
MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF box
letter-probability matrix: alength= 4 w= 5 nsites= 50 E= 0
 0.9 0.02 0.04 0.04
 0.1 0.1 0.1 0.7
 0.5 0.0 0.5 0.0
 0.0 1.0 0.0 0.0
 0.2 0.2 0.3 0.3
"""


def records(alphabet: Alphabet, *, seed: int = 0, planted: tuple[str, ...] = (), shortest: int = 1) -> SequenceSet:
    """Eighty records of 1 to 36 letters: some of few letters only, some with unknown ones, some with planted words."""
    generator = np.random.default_rng(seed)
    texts = []
    for number in range(80):
        length = int(generator.integers(shortest, 37))
        kinds = [*alphabet.letters] if number % 3 else [*generator.choice([*alphabet.letters], 2)]
        letters = generator.choice(kinds, length)
        letters[generator.random(length) < 0.04 * (number % 2)] = alphabet.any_letter
        text = "".join(letters)
        for word in planted if number % 4 else ():
            place = int(generator.integers(0, len(text)))
            text = text[:place] + word + text[place + len(word) :]
        texts.append(text)
    return SequenceSet.from_texts(texts, alphabet)


def candidates(sequences: SequenceSet, count: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Random records with none to six random edits, a few to unknown letters; padding stays."""
    generator = np.random.default_rng(seed)
    chosen = generator.integers(0, len(sequences), count)
    tokens = sequences.tokens[chosen].copy()
    edits = generator.integers(0, 7, count)
    for number in range(6):
        rows = np.flatnonzero(edits > number)
        place = (generator.random(len(rows)) * sequences.lengths[chosen[rows]]).astype(np.int64)
        letters = generator.integers(0, sequences.alphabet.size, len(rows))
        letters[generator.random(len(rows)) < 0.05] = sequences.alphabet.unknown
        tokens[rows, place] = letters
    return torch.from_numpy(tokens), torch.from_numpy(chosen)


def check(constraint: Constraint, sequences: SequenceSet, oracle: Oracle, count: int = MANY) -> None:
    """All that is promised of a constraint, and its verdicts against an oracle's."""
    bound = constraint.bind(sequences)
    tokens, chosen = candidates(sequences, count)
    allowed = bound.allows(tokens, chosen)
    clean = texts_from_tokens(sequences.tokens, sequences.alphabet)
    texts = texts_from_tokens(tokens.numpy(), sequences.alphabet)
    expected = [oracle(clean[record], text) for record, text in zip(chosen.tolist(), texts, strict=True)]
    wrong = np.flatnonzero(allowed.numpy() != np.array(expected))
    assert not len(wrong), (clean[chosen[wrong[0]]], texts[wrong[0]], bool(allowed[wrong[0]]), len(wrong))
    assert 0.005 < allowed.double().mean().item() < 0.995, "one verdict hardly ever comes up"

    everyone = torch.arange(len(sequences))
    assert bound.allows(torch.tensor(sequences.tokens), everyone).all()
    some = [*torch.nonzero(allowed)[:150, 0].tolist(), *torch.nonzero(~allowed)[:150, 0].tolist()]
    for row in some:
        assert (bound.reason(tokens[row], int(chosen[row])) is None) == bool(allowed[row])
    order = torch.from_numpy(np.random.default_rng(2).integers(0, len(sequences), 50))
    mine = torch.from_numpy(np.random.default_rng(3).integers(0, 50, 500))
    picked = torch.tensor(sequences.tokens)[order[mine]]
    picked[:, 0] = 0
    verdicts = bound.take(order).allows(picked, mine)
    assert torch.equal(verdicts, bound.allows(picked, order[mine]))
    for row in range(20):
        assert (bound.take(order).reason(picked[row], int(mine[row])) is None) == bool(verdicts[row])
    assert bound.allows(tokens[:0], chosen[:0]).shape == (0,)
    assert constraint.describe()


def judge(forbids: str, hits: Callable[[str], frozenset[tuple[object, ...]]]) -> Oracle:
    """The verdict from sets of hits."""
    of_clean = cache(hits)

    def oracle(clean: str, text: str) -> bool:
        before, after = of_clean(clean), hits(text)
        gained, lost = after - before, before - after
        return not ((forbids != "loss" and gained) or (forbids != "gain" and lost))

    return oracle
