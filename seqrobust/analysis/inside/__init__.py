"""Inside the network: what an adversarial edit does on its way from the letters to the answer."""

from seqrobust.analysis.inside.divergence import Travel, distances, edited_steps, gate_change, median, travel
from seqrobust.analysis.inside.gates import Call, Trace, recorded, recurrent_layers, traces, unseen_cells
from seqrobust.analysis.inside.inspecting import Found, check_inspectable, inspect_activations, inspect_ways, trimmed
from seqrobust.analysis.inside.layers import LayerDifferences, relative_differences, watched
from seqrobust.analysis.inside.linearity import Segments, Way, follow, precise
from seqrobust.analysis.inside.pairs import Pairs, directions, make_pairs
from seqrobust.analysis.inside.summary import inspect_metrics

__all__ = [
    "Call",
    "Found",
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
    "recorded",
    "recurrent_layers",
    "relative_differences",
    "traces",
    "travel",
    "trimmed",
    "unseen_cells",
    "watched",
]
