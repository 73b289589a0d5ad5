from .api.analyses import (
    attack,
    attribute,
    audit_privacy,
    certify,
    compare,
    compress,
    evaluate,
    inspect,
    ism,
    motifs,
    predict,
    probe,
    stability,
    subgroups,
    uncertainty,
)
from .api.result import Result
from .api.subjects import load, read, records, wrap
from .api.threats import Codons, Indels, Substitutions, Threat
from .api.training import Training, run_pipeline, train

__version__: str

__all__ = [
    "Codons",
    "Indels",
    "Result",
    "Substitutions",
    "Threat",
    "Training",
    "attack",
    "attribute",
    "audit_privacy",
    "certify",
    "compare",
    "compress",
    "evaluate",
    "inspect",
    "ism",
    "load",
    "motifs",
    "predict",
    "probe",
    "read",
    "records",
    "run_pipeline",
    "stability",
    "subgroups",
    "train",
    "uncertainty",
    "wrap",
]
