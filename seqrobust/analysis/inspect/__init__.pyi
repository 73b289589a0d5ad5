from .divergence import Travel, distances, edited_steps, gate_change, median, travel
from .findings import InspectFindings
from .gates import Call, Trace, recorded, recurrent_layers, traces, unseen_cells
from .inspecting import Found, check_inspectable, inspect_activations, inspect_ways, trimmed
from .layers import LayerDifferences, relative_differences, watched
from .linearity import Segments, Way, follow, precise
from .pairs import Pairs, directions, make_pairs
from .room import INSPECT
from .settings import InspectSettings
from .study import InspectReady, prepare, study
from .summary import inspect_metrics

__all__ = [
    "INSPECT",
    "Call",
    "Found",
    "InspectFindings",
    "InspectReady",
    "InspectSettings",
    "LayerDifferences",
    "Pairs",
    "Segments",
    "Trace",
    "Travel",
    "Way",
    "check_inspectable",
    "directions",
    "distances",
    "edited_steps",
    "follow",
    "gate_change",
    "inspect_activations",
    "inspect_metrics",
    "inspect_ways",
    "make_pairs",
    "median",
    "precise",
    "prepare",
    "recorded",
    "recurrent_layers",
    "relative_differences",
    "study",
    "traces",
    "travel",
    "trimmed",
    "unseen_cells",
    "watched",
]
