"""The two simplest of :mod:`seqrobust.statistics`, as :mod:`seqrobust.analysis` gives them to whoever asks for them."""

from __future__ import annotations

from seqrobust.statistics import proportion, wilson

__all__ = ["proportion", "wilson"]
