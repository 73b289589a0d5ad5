"""What a record is compared with: columns that say nothing of the letter, or the record's own letters shuffled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.attribution.settings import Baseline
from seqrobust.attacks.streams import RecordStreams
from seqrobust.sequences.encoding import one_hot


def baselines(
    encoded: Tensor,
    tokens: Tensor,
    kind: Baseline,
    *,
    alphabet: Alphabet,
    shuffles: int = 10,
    seed: int = 0,
    ids: Sequence[str] = (),
) -> Tensor:
    """(B, M, K, L) baselines of M records, one for columns and ``shuffles`` for shuffles.

    Unknown letters and padding are in a baseline what they are in the record, so that nothing is attributed to them.

    Args:
        encoded: (M, K, L) the records' one-hot input.
        tokens: (M, L) their tokens.
        kind: which.
        alphabet: of the tokens.
        shuffles, seed, ids: how many, and what the shuffles of a record follow from; only for ``shuffled``.
    """
    known = (tokens < alphabet.size)[:, None, :]
    if kind != "shuffled":
        filled = torch.full_like(encoded, 1 / alphabet.size if kind == "uniform" else 0.0)
        return torch.where(known, filled, encoded)[None]
    rows = tokens.cpu().numpy()
    drawn = np.stack([_shuffles(row, alphabet, seed, name, shuffles) for row, name in zip(rows, ids, strict=True)], 1)
    hot = one_hot(torch.from_numpy(drawn.reshape(-1, rows.shape[1])), alphabet).to(encoded.device)
    return torch.where(known, hot.reshape(shuffles, *encoded.shape), encoded)


def _shuffles(row: NDArray[np.uint8], alphabet: Alphabet, seed: int, name: str, count: int) -> NDArray[np.uint8]:
    """(count, L): shuffles of one record; every stretch between unknown letters by itself."""
    draws = RecordStreams(seed, [name], "shuffled baseline").uniforms(1, "cpu")
    rng = np.random.default_rng(int(float(draws[0, 0]) * 2**53))
    out: NDArray[np.uint8] = np.repeat(row[None], count, 0)
    for start, end in known_stretches(row, alphabet.size):
        for copy in out:
            copy[start:end] = dinucleotide_shuffle(row[start:end], rng)
    return out


def known_stretches(row: NDArray[np.uint8], letters: int) -> list[tuple[int, int]]:
    """Start and end of every stretch between unknown letters, of codes below ``letters``."""
    known = np.concatenate([[False], row < letters, [False]])
    starts, ends = np.flatnonzero(~known[:-1] & known[1:]), np.flatnonzero(known[:-1] & ~known[1:])
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def dinucleotide_shuffle(letters: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random sequence with the same first letter and the same count of every pair of neighbours.

    Every such sequence is equally likely: a uniformly drawn Eulerian walk over the letters, after Altschul & Erickson
    (1985, "Significance of nucleotide sequence alignments", Mol Biol Evol 2:526), with last steps drawn by the
    loop-erased random walks of Wilson (1996).

    Args:
        letters: (l,) codes.
        rng: where chance comes from.
    """
    if len(letters) < 4:
        same: NDArray[np.uint8] = letters.copy()
        return same
    after = {int(code): letters[1:][letters[:-1] == code] for code in np.unique(letters[:-1])}
    last = _last_steps(after, int(letters[-1]), rng)
    for code, steps in after.items():
        order = rng.permutation(len(steps))
        if code in last:
            order = np.append(order[order != last[code]], last[code])
        after[code] = steps[order]
    walk, taken = [int(letters[0])], dict.fromkeys(after, 0)
    while len(walk) < len(letters):
        code = walk[-1]
        walk.append(int(after[code][taken[code]]))
        taken[code] += 1
    shuffled: NDArray[np.uint8] = np.array(walk, np.uint8)
    return shuffled


def _last_steps(after: dict[int, NDArray[np.uint8]], end: int, rng: np.random.Generator) -> dict[int, int]:
    """For each letter but the last one, which of its steps comes last: together they lead to the end from anywhere."""
    last: dict[int, int] = {}
    done = {end}
    for start in after:
        code = start
        while code not in done:
            last[code] = int(rng.integers(len(after[code])))
            code = int(after[code][last[code]])
        code = start
        while code not in done:
            done.add(code)
            code = int(after[code][last[code]])
    return last
