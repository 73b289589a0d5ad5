from .case import Case, Method, Proof
from .enumeration import Enumeration
from .methods import METHODS, methods_named
from .refusal import require_certifiable
from .shard import Proven, Standing, certify_shard

__all__ = [
    "METHODS",
    "Case",
    "Enumeration",
    "Method",
    "Proof",
    "Proven",
    "Standing",
    "certify_shard",
    "methods_named",
    "require_certifiable",
]
