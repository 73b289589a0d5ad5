from .api.analyses import (
    attack,
    attribute,
    compare,
    compress,
    evaluate,
    inspect,
    ism,
    probe,
    stability,
    subgroups,
    uncertainty,
)
from .api.result import Result
from .api.subjects import load, read, records, wrap
from .api.threats import Codons, Indels, Substitutions, Threat

__version__: str

__all__ = [
    "Codons",
    "Indels",
    "Result",
    "Substitutions",
    "Threat",
    "attack",
    "attribute",
    "compare",
    "compress",
    "evaluate",
    "inspect",
    "ism",
    "load",
    "probe",
    "read",
    "records",
    "stability",
    "subgroups",
    "uncertainty",
    "wrap",
]
