from .api.analyses import attack
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
    "load",
    "read",
    "records",
    "wrap",
]
