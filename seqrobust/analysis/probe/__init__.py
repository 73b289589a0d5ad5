"""Right for the right reason? What moves a decision from where biology says nothing is."""

from seqrobust.analysis.probe.chosen import Chosen, chosen_edits
from seqrobust.analysis.probe.effects import Effects, position_effects
from seqrobust.analysis.probe.exchange import Exchange, exchanged
from seqrobust.analysis.probe.flips import arm_metrics, by_class
from seqrobust.analysis.probe.motifs import MotifChange, motif_changes
from seqrobust.analysis.probe.places import FUNCTIONAL, MATCHED, NONFUNCTIONAL, Places, divide, functional_names, marked
from seqrobust.analysis.probe.positions import around_regions, edited_positions, switched_letters
from seqrobust.analysis.probe.reliance import Reliance, Shares, reliance_shares
from seqrobust.analysis.probe.words import Word, enriched_words, functional_share
from seqrobust.analysis.probe.writing import (
    Writing,
    Written,
    accepted_letters,
    parse_writing,
    write_word,
    writing_metrics,
)

__all__ = [
    "FUNCTIONAL",
    "MATCHED",
    "NONFUNCTIONAL",
    "Chosen",
    "Effects",
    "Exchange",
    "MotifChange",
    "Places",
    "Reliance",
    "Shares",
    "Word",
    "Writing",
    "Written",
    "accepted_letters",
    "arm_metrics",
    "around_regions",
    "by_class",
    "chosen_edits",
    "divide",
    "edited_positions",
    "enriched_words",
    "exchanged",
    "functional_names",
    "functional_share",
    "marked",
    "motif_changes",
    "parse_writing",
    "position_effects",
    "reliance_shares",
    "switched_letters",
    "write_word",
    "writing_metrics",
]
