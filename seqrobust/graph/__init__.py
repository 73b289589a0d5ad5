"""A module as a graph of torch's elementary operations, and the one table of what is known of each of them."""

from seqrobust.graph.curves import CURVES, Curve
from seqrobust.graph.early import CannotTraceError
from seqrobust.graph.nodes import arguments, functional, operation
from seqrobust.graph.recording import Recording, record
from seqrobust.graph.table import OPERATORS, Kind, Operator, operator_of
from seqrobust.graph.tracing import Traced, trace

__all__ = [
    "CURVES",
    "OPERATORS",
    "CannotTraceError",
    "Curve",
    "Kind",
    "Operator",
    "Recording",
    "Traced",
    "arguments",
    "functional",
    "operation",
    "operator_of",
    "record",
    "trace",
]
