"""A simulator of motif grammars: records whose class, activity and functional regions are known exactly."""

from seqrobust.sequences.simulation.activity import Activity, Interaction
from seqrobust.sequences.simulation.backgrounds import (
    Background,
    estimate_background,
    gc_background,
    letter_background,
    markov_background,
    swiss_prot_background,
    uniform_background,
)
from seqrobust.sequences.simulation.examples import EXAMPLES, example
from seqrobust.sequences.simulation.grammar import Arrangement, Grammar, Placement, SequenceClass
from seqrobust.sequences.simulation.motifs import Motif, Orientation, parse_pattern
from seqrobust.sequences.simulation.records import FRACTIONS, simulate
from seqrobust.sequences.simulation.schema import read_grammar
from seqrobust.sequences.simulation.shortcut import INNOCUOUS, SHORTCUT, Shortcut
from seqrobust.sequences.simulation.textbook import TEXTBOOK, look_alike, textbook_motif
from seqrobust.sequences.simulation.variation import grammar_named, varied, with_shortcut

__all__ = [
    "EXAMPLES",
    "FRACTIONS",
    "INNOCUOUS",
    "SHORTCUT",
    "TEXTBOOK",
    "Activity",
    "Arrangement",
    "Background",
    "Grammar",
    "Interaction",
    "Motif",
    "Orientation",
    "Placement",
    "SequenceClass",
    "Shortcut",
    "estimate_background",
    "example",
    "gc_background",
    "grammar_named",
    "letter_background",
    "look_alike",
    "markov_background",
    "parse_pattern",
    "read_grammar",
    "simulate",
    "swiss_prot_background",
    "textbook_motif",
    "uniform_background",
    "varied",
    "with_shortcut",
]
