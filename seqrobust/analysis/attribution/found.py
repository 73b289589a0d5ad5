"""What a method finds: values per letter, and for methods whose values add up, how well they do."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqrobust.analysis.attribution.question import Question


class Found(NamedTuple):
    """Attributions of M records.

    Attributes:
        values: (M, K, L), zeros at unknown letters and padding.
        delta: (M,) sum of the present letters' values less the difference they should add up to; None for a method
            that promises no sum.
        difference: (M,) number explained of the record less that of its baseline, the mean of them where there are
            several.
    """

    values: Tensor
    delta: Tensor | None = None
    difference: Tensor | None = None


def at_present(question: Question, values: Tensor) -> Tensor:
    """(M, K, L) values kept at the letters that stand there, zeros elsewhere."""
    return torch.where(question.present, values, torch.zeros_like(values))


def at_known(question: Question, values: Tensor) -> Tensor:
    """(M, K, L) values with zeros where no known letter stands."""
    return torch.where(question.known, values, torch.zeros_like(values))


def centred(values: Tensor) -> Tensor:
    """(M, K, L) less the mean over the letters of each position."""
    return values - values.mean(1, keepdim=True)


def contributions(multipliers: Tensor, baseline: Tensor) -> Tensor:
    """(M, K, L): what each letter would contribute to the difference from the baseline, were it there.

    With multipliers m and baseline b the position contributes sum over letters of m (x - b); put letter a for x and it
    is m[a] - sum of m b ("hypothetical importance", Shrikumar et al. 2018, "TF-MoDISco", section 2). At the letter that
    is there it is the true contribution.
    """
    return multipliers - (multipliers * baseline).sum(1, keepdim=True)


def summed(question: Question, values: Tensor, difference: Tensor) -> Found:
    """Contributions (M, K, L) and how far their sum is from the difference (M,) they explain."""
    kept = at_known(question, values)
    return Found(kept, at_present(question, kept).sum((1, 2)) - difference, difference)
