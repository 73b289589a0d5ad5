from .findings import CompressFindings
from .methods import (
    Compressed,
    Method,
    compressed,
    method_named,
)
from .room import COMPRESS
from .settings import DEFAULT_BY_LAYER, DEFAULT_METHODS, CompressSettings
from .study import prepare, study
from .weights import Layers, layers_of, prune, round_weights, rounded, zero_share

__all__ = [
    "COMPRESS",
    "DEFAULT_BY_LAYER",
    "DEFAULT_METHODS",
    "CompressFindings",
    "CompressSettings",
    "Compressed",
    "Layers",
    "Method",
    "compressed",
    "layers_of",
    "method_named",
    "prepare",
    "prune",
    "round_weights",
    "rounded",
    "study",
    "zero_share",
]
