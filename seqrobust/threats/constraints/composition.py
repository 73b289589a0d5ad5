"""GC content: the share of G and C among a nucleotide sequence's known letters stays inside a window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqrobust.errors import ThreatError
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.constraints.base import judged, pieces

_SLACK = 1e-9
"""Binary fractions must not refuse what lies exactly on a decimal limit; two GC contents differ by far more."""


@dataclass(frozen=True, kw_only=True)
class GCContent:
    """GC content from ``low`` to ``high``, both included.

    A sequence outside the window is allowed if it is no farther outside than its clean sequence. A sequence without
    a known letter has no GC content, and is allowed. Where ``around_clean`` is given the window is the clean
    sequence's own GC content plus or minus that, and the other two are not read.

    Attributes:
        low: smallest share, 0 to 1.
        high: largest share, 0 to 1.
        around_clean: half the width of a window around each clean sequence's GC content; None for a fixed window.

    Raises ThreatError for a window that is empty or leaves 0 to 1.
    """

    low: float = 0.0
    high: float = 1.0
    around_clean: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise ThreatError(
                "a window of GC content runs upwards between 0 and 1",
                expected="such as 0.3-0.7",
                found=f"{self.low:g}-{self.high:g}",
            )
        if self.around_clean is not None and not 0 <= self.around_clean <= 1:
            raise ThreatError(
                "a change of GC content lies between 0 and 1", expected="such as 0.05", found=f"{self.around_clean:g}"
            )

    def describe(self) -> str:
        """In words, as a sentence's part."""
        if self.around_clean is not None:
            return f"GC content within {self.around_clean:g} of the clean sequence's"
        return f"GC content from {self.low:g} to {self.high:g}"

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundGCContent:
        """The window on those records. Raises ThreatError for protein."""
        alphabet = sequences.alphabet
        if alphabet.name == "PROTEIN":
            raise ThreatError("GC content is defined for nucleotides only", found=f"alphabet {alphabet.name}")
        letters = (alphabet.token("C"), alphabet.token("G"))
        content = _content(torch.tensor(sequences.tokens).to(device), letters, alphabet.size)
        if self.around_clean is None:
            low, high = torch.full_like(content, self.low), torch.full_like(content, self.high)
        else:
            low, high = content - self.around_clean, content + self.around_clean
        # A clean sequence outside the window moves the limit on that side out to itself.
        limits = torch.fmin(low, content), torch.fmax(high, content)
        return BoundGCContent(letters=letters, size=alphabet.size, low=limits[0] - _SLACK, high=limits[1] + _SLACK)


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundGCContent:
    """Windows of N records.

    Attributes:
        letters: tokens of C and G.
        size: K, the number of letters.
        low: (N,) float64 smallest share allowed, NaN where nothing is asked of the record.
        high: (N,) float64 largest share allowed.
    """

    letters: tuple[int, int]
    size: int
    low: Tensor
    high: Tensor

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool: see :class:`seqrobust.threats.constraints.base.BoundConstraint`."""
        allowed = []
        for part in pieces(len(tokens), tokens.shape[1]):
            content = _content(tokens[part], self.letters, self.size)
            # Comparisons with NaN are false: a sequence without a known letter passes both.
            allowed.append(~((content < self.low[records[part]]) | (content > self.high[records[part]])))
        return judged(allowed, tokens)

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """Why one candidate is refused; None where it is allowed."""
        content = float(_content(tokens[None], self.letters, self.size))
        low, high = float(self.low[record]) + _SLACK, float(self.high[record]) - _SLACK
        if content < low - _SLACK:
            return f"GC content {content:.4f} is below the limit {low:.4f}"
        if content > high + _SLACK:
            return f"GC content {content:.4f} is above the limit {high:.4f}"
        return None

    def take(self, records: Tensor) -> BoundGCContent:
        """The windows of those records."""
        return replace(self, low=self.low[records], high=self.high[records])


def _content(tokens: Tensor, letters: tuple[int, int], size: int) -> Tensor:
    """(M,) float64 share of C and G among the known letters of (M, L) tokens; NaN where there are none."""
    strong = ((tokens == letters[0]) | (tokens == letters[1])).sum(1, dtype=torch.int32)
    return strong.double() / (tokens < size).sum(1, dtype=torch.int32)
