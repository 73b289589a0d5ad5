"""What models are asked of a record: itself, its other strand, itself moved by a few letters; and their answers.

A record that was trained on is known in more than one guise, and asking for several tells more than one alone
(Carlini et al. 2022, on augmented queries) where training showed those guises, and shadow models are many enough to
learn how the answers go together. Otherwise they are noise: with moves by one letter that training never showed, and 12
shadow models, the area under the ROC fell from 0.72 to 0.65 (splice junctions, a CNN that reads every position).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError
from seqrobust.models import SequenceModel
from seqrobust.sequences import SequenceSet, one_hot
from seqrobust.sequences.encoding import Unknown, reverse_complement


def query_tokens(
    sequences: SequenceSet, *, other_strand: bool = False, shifts: int = 0, largest: int = 5, seed: int = 0
) -> list[NDArray[np.uint8]]:
    """Q arrays of (N, L) tokens, the records themselves first.

    Args:
        sequences: the records.
        other_strand: ask for reverse complements.
        shifts: how many moved versions, each by another number of letters to either side; what is left free are unknown
            letters, what is pushed over the end is lost.
        largest: letters to move by at most.
        seed: of the moves, which are the same for all records.

    Raises DataError for more moves than there are, ConfigError for the other strand of protein.
    """
    found = [sequences.tokens]
    if other_strand:
        found.append(reverse_complement(sequences.tokens, sequences.alphabet))
    moves = np.array([step for step in range(-largest, largest + 1) if step])
    if shifts > len(moves):
        raise DataError("more shifts than there are", expected=f"at most {len(moves)}", found=str(shifts))
    drawn = np.random.default_rng(seed).choice(moves, shifts, replace=False) if shifts else moves[:0]
    return found + [_moved(sequences, int(step)) for step in drawn]


def _moved(sequences: SequenceSet, step: int) -> NDArray[np.uint8]:
    tokens, lengths = sequences.tokens, sequences.lengths[:, None]
    place = np.arange(tokens.shape[1])
    source = place - step
    letters = tokens[:, np.clip(source, 0, tokens.shape[1] - 1)]
    letters = np.where((source >= 0) & (source < lengths), letters, sequences.alphabet.unknown)
    return np.where(place < lengths, letters, sequences.alphabet.padding).astype(np.uint8)


def shadow_logits(
    models: Sequence[SequenceModel],
    sequences: SequenceSet,
    queries: Sequence[NDArray[np.uint8]],
    *,
    unknown: Unknown = "zeros",
    batch_size: int = 512,
    device: str = "cpu",
) -> Floats:
    """(M, Q, N, outputs) logits, or a regression's values, of Q queries (N, L) of the records under M models.

    Phi of LiRA, (M, N, Q), is ``np.moveaxis(signals(...).margin, 1, 2)`` of them.
    """
    place = torch.device(device)
    lengths = None if int(sequences.lengths.min()) == sequences.width else torch.tensor(sequences.lengths).to(place)
    found: list[list[Floats]] = []
    for model in models:
        model.to(place).eval()
        found.append([])
        for tokens in queries:
            given, parts = torch.tensor(tokens), []
            with torch.inference_mode():
                for start in range(0, len(given), batch_size):
                    at = slice(start, start + batch_size)
                    encoded = one_hot(given[at].to(place), sequences.alphabet, unknown)
                    parts.append(model(encoded, None if lengths is None else lengths[at]).double().cpu().numpy())
            found[-1].append(np.concatenate(parts))
        model.cpu()
    return np.asarray(found, np.float64)
