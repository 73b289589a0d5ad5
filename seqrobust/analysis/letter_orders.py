"""Whether a model that knows nothing of its records would know them, were their letters in another order.

A model reads ACGT or AGCT, or amino acids in the order of its authors, and nothing fails where it is given the other.
So where a model's answers to labelled records are no better than chance, they are asked for again with letters
exchanged, and read from the other end; that those are good is no accident.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.tasks import task_of

_RECORDS = 64
_FEWEST = 24
_IDLE = 0.2
"""Agreement up to which answers are no better than chance."""
_FOUND = 0.6
"""Agreement from which they have; under the null, of 64 records, the best of 47 orders reaches .35."""
_PROTEIN_ORDERS = (
    "ARNDCQEGHILKMFPSTWYV",  # by names of residues, as substitution matrices have them
    "LAGVSERTIDPKQNFYMHWC",  # by frequency, as ESM has them
    "GAVLIPFYWSTCMNQKRHDE",
    "IVLFCMAGTSWYPHEQDNKR",  # by hydropathy (Kyte and Doolittle 1982)
    "RKDEQNHSTYCWAILMFVPG",
)


def other_order(predictor: Predictor, sequences: SequenceSet, targets: Targets) -> str | None:
    """What to say where letters in another order make sense of a model that makes none; None otherwise.

    Args:
        predictor: checked.
        sequences, targets: labelled records, a few of which are asked about; nothing is counted.
    """
    if len(sequences) < _FEWEST:
        return None
    rows = np.unique(np.linspace(0, len(sequences) - 1, _RECORDS).astype(np.int64))
    truth = torch.as_tensor(targets.values[rows])
    if bool((truth == truth[:1]).all()):
        return None
    tokens = torch.tensor(sequences.tokens[rows])
    counted = predictor.forwards, predictor.rows_sent
    try:
        with predictor.attached():
            own, _ = _agreement(predictor, tokens, truth)
            if not -_FOUND < own < _IDLE:  # what is nearly always wrong knows something, and says it the other way
                return None
            found = [(_agreement(predictor, _read(predictor, tokens, *way), truth), *way) for way in _ways(predictor)]
    finally:
        predictor.forwards, predictor.rows_sent = counted
    (best, _), order, backwards = max(found, key=lambda one: one[0])
    return _said(predictor.alphabet, own, best, order, backwards) if best > _FOUND else None


def _said(alphabet: Alphabet, own: float, best: float, order: str, backwards: bool) -> str:
    start = (
        f"the model's answers are no better than chance (agreement with the targets {own:.2f}), and good ({best:.2f}) "
    )
    complement = "".join(alphabet.complement.get(letter, letter) for letter in alphabet.letters)
    if backwards and order == complement and alphabet.complement:
        return f"{start}once records are reverse-complemented: are they, or their labels, of the other strand?"
    ways = [f"its channels are {order} (--letters {order})"] if order != alphabet.letters else []
    ways += ["sequences are read from the other end"] if backwards else []
    return f"{start}once {' and '.join(ways)}"


def _ways(predictor: Predictor) -> Iterator[tuple[str, bool]]:
    """Orders of channels, and whether records are reversed; not the one that was given."""
    letters = predictor.alphabet.letters
    orders = (
        ("".join(order) for order in itertools.permutations(letters))
        if len(letters) == 4
        else iter((letters, *_PROTEIN_ORDERS))
    )
    return ((order, backwards) for order in orders for backwards in (False, True) if backwards or order != letters)


def _read(predictor: Predictor, tokens: Tensor, order: str, backwards: bool) -> Tensor:
    """Records such that a model with these channels is given its own letters: where its channel stands, not ours."""
    alphabet = predictor.alphabet
    places = [order.index(letter) for letter in alphabet.letters]
    table = torch.tensor([*places, alphabet.unknown, alphabet.padding])
    out = table[tokens.long()].to(tokens.dtype)
    if not backwards:
        return out
    place, lengths = torch.arange(out.shape[1]), predictor.lengths(out)[:, None]
    return out.gather(1, torch.where(place < lengths, lengths - 1 - place, place))


def _agreement(predictor: Predictor, tokens: Tensor, truth: Tensor) -> tuple[float, float]:
    """How much answers have to do with the truth: 0 for nothing, 1 for everything; and by how much the truth leads.

    Of classes Cohen's kappa; of labels its mean; of values the mean correlation. Orders that agree alike are told apart
    by the second number, which values do not have.
    """
    task = task_of(predictor.task)
    logits = predictor.logits(tokens).cpu()
    said, true = (part.reshape(len(truth), -1).double().numpy() for part in (task.predictions(logits), truth))
    measure = _correlation if task.measured else _kappa
    lead = 0.0 if task.measured else float(task.margin(logits, truth).mean() / logits.std().clamp(min=1e-12))
    return float(np.mean([measure(a, b) for a, b in zip(said.T, true.T, strict=True)])), lead


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < 2 or not one[known].std() or not other[known].std():
        return 0.0
    return float(np.corrcoef(one[known], other[known])[0, 1])


def _kappa(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    same = float((one == other).mean())
    chance = sum(float((one == value).mean() * (other == value).mean()) for value in np.unique(other))
    return (same - chance) / (1 - chance) if chance < 1 else 0.0
