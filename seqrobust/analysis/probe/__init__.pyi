from .chosen import Chosen, chosen_edits
from .effects import Effects, position_effects
from .exchange import Exchange, exchanged
from .findings import ProbeFindings
from .flips import arm_metrics, by_class
from .kmers import Kmer, enriched_kmers, functional_share
from .motifs import MotifChange, motif_changes
from .places import FUNCTIONAL, MATCHED, NONFUNCTIONAL, Places, divide, functional_names, marked
from .positions import around_regions, edited_positions, switched_letters
from .reliance import Reliance, Shares, reliance_shares
from .room import PROBE
from .settings import ProbeSettings
from .study import ProbeReady, prepare, study
from .verdicts import Verdict, is_functional, verdicts
from .writing import Writing, Written, accepted_letters, parse_writing, write_motif, writing_metrics

__all__ = [
    "FUNCTIONAL",
    "MATCHED",
    "NONFUNCTIONAL",
    "PROBE",
    "Chosen",
    "Effects",
    "Exchange",
    "Kmer",
    "MotifChange",
    "Places",
    "ProbeFindings",
    "ProbeReady",
    "ProbeSettings",
    "Reliance",
    "Shares",
    "Verdict",
    "Writing",
    "Written",
    "accepted_letters",
    "arm_metrics",
    "around_regions",
    "by_class",
    "chosen_edits",
    "divide",
    "edited_positions",
    "enriched_kmers",
    "exchanged",
    "functional_names",
    "functional_share",
    "is_functional",
    "marked",
    "motif_changes",
    "parse_writing",
    "position_effects",
    "prepare",
    "reliance_shares",
    "study",
    "switched_letters",
    "verdicts",
    "write_motif",
    "writing_metrics",
]
