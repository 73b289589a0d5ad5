"""Compression: is a smaller model as accurate, and as robust?"""

from seqrobust.analysis.compression.methods import (
    DEFAULT_BY_LAYER,
    DEFAULT_METHODS,
    Compressed,
    Method,
    compressed,
    method_named,
)
from seqrobust.analysis.compression.weights import Layers, layers_of, prune, round_weights, rounded, zero_share

__all__ = [
    "DEFAULT_BY_LAYER",
    "DEFAULT_METHODS",
    "Compressed",
    "Layers",
    "Method",
    "compressed",
    "layers_of",
    "method_named",
    "prune",
    "round_weights",
    "rounded",
    "zero_share",
]
