"""In-silico mutagenesis as an attribution: exact outputs of every single substitution."""

from __future__ import annotations

import numpy as np
import torch

from seqrobust.analysis.attribution.found import Found, at_known
from seqrobust.analysis.attribution.question import Question
from seqrobust.analysis.saturation import Scan, cut_blocks, saturate


def ism(question: Question) -> Found:
    """The number explained with each letter put there, less its mean over the letters of the position.

    So a linear model gets its own corrected gradient, and a position counts for what its letter is above the average
    letter there. The change by a substitution is the value of the new letter less that of the present one.
    """
    sequences, weights = question.sequences, question.weights.cpu().numpy()
    scanned = Scan().positions(sequences)
    letters = sequences.alphabet.size
    scores = np.zeros((len(sequences), letters, sequences.width), np.float32)
    blocks = cut_blocks(scanned, letters, weights.shape[1])
    for block, _, part in saturate(question.predictor, sequences, scanned, blocks, question.service):
        rows = slice(block.start, block.stop)
        numbers = np.einsum("nklo,no->nkl", part.astype(np.float64), weights[rows].astype(np.float64))
        # In double precision: logits may be large beside their differences.
        scores[rows, :, block.left : block.right] = np.nan_to_num(numbers - numbers.mean(1, keepdims=True))
    return Found(at_known(question, torch.from_numpy(scores).to(question.tokens.device)))
