"""Well-known motifs, written down from their textbook consensus sequences.

Conservation of the bacterial promoter boxes is that of Harley and Reynolds, Nucleic Acids Research 15:2343 (1987), over
263 promoters of E. coli, as textbooks quote it.
"""

from __future__ import annotations

from dataclasses import replace

from seqrobust.errors import ConfigError
from seqrobust.sequences.simulation.motifs import Motif

MINUS_35 = Motif(name="minus35", pattern="TTGACA", fidelity=(0.82, 0.84, 0.78, 0.65, 0.54, 0.45), mismatches=1)
MINUS_10 = Motif(name="minus10", pattern="TATAAT", fidelity=(0.80, 0.95, 0.45, 0.60, 0.50, 0.96), mismatches=1)
SHINE_DALGARNO = Motif(name="shine-dalgarno", pattern="AGGAGG", fidelity=0.9, mismatches=1)
TATA_BOX = Motif(name="TATA", pattern="TATAWAAG", fidelity=0.9, mismatches=1)
CAAT_BOX = Motif(name="CAAT", pattern="GGCCAATCT", fidelity=0.9, mismatches=1)
GC_BOX = Motif(name="GC-box", pattern="GGGGCGGGG", fidelity=0.9, mismatches=1)
E_BOX = Motif(name="E-box", pattern="CACGTG")
TAL1_E_BOX = Motif(name="TAL1", pattern="CAGRTG")
SNAIL = Motif(name="SNAIL", pattern="CAGGTG")
GFI1 = Motif(name="GFI1", pattern="AAATCACWGC", fidelity=0.9, mismatches=1)
GATA = Motif(name="GATA", pattern="WGATAR")
AP1 = Motif(name="AP1", pattern="TGASTCA", fidelity=0.9, mismatches=1)
CRE = Motif(name="CRE", pattern="TGACGTCA", fidelity=0.9, mismatches=1)
ETS = Motif(name="ETS", pattern="CCGGAAGT", fidelity=0.9, mismatches=1)
OCTAMER = Motif(name="octamer", pattern="ATGCAAAT", fidelity=0.9, mismatches=1)
NF_KB = Motif(name="NF-kB", pattern="GGGRNNYYCC", fidelity=0.95, mismatches=1)
KOZAK = Motif(name="Kozak", pattern="GCCRCCATGG", fidelity=0.9, mismatches=1)
SPLICE_DONOR = Motif(name="donor", pattern="MAGGTRAGT", fidelity=0.9, mismatches=1)
POLY_A = Motif(name="polyA", pattern="AATAAA")

# The two histidines bind the zinc ion, the glutamate is the catalytic base.
ZINC_PROTEASE = Motif(name="HExxH", pattern="H-E-x(2)-H")
# Gluzincins such as thermolysin bind zinc with a further glutamate, Glu166 in N-E-A-I-S-D, after His142 and His146.
GLUZINCIN_LIGAND = Motif(name="NExxSD", pattern="N-E-x(2)-S-D")
WALKER_A = Motif(name="Walker-A", pattern="G-x(4)-G-K-[ST]")
EF_HAND = Motif(name="EF-hand", pattern="D-x-[DNS]-x-[DNS]-G-x-[ILV]-x(2)-x-E")
GLYCOSYLATION = Motif(name="N-glycosylation", pattern="N-{P}-[ST]-{P}")
ER_RETENTION = Motif(name="KDEL", pattern="K-D-E-L")
LEUCINE_ZIPPER = Motif(name="leucine-zipper", pattern="L-x(6)-L-x(6)-L-x(6)-L")

NUCLEOTIDE_MOTIFS = (
    *(MINUS_35, MINUS_10, SHINE_DALGARNO, TATA_BOX, CAAT_BOX, GC_BOX, E_BOX, TAL1_E_BOX, SNAIL, GFI1, GATA, AP1, CRE),
    *(ETS, OCTAMER, NF_KB, KOZAK, SPLICE_DONOR, POLY_A),
)
PROTEIN_MOTIFS = (*(ZINC_PROTEASE, GLUZINCIN_LIGAND, WALKER_A, EF_HAND, GLYCOSYLATION, ER_RETENTION, LEUCINE_ZIPPER),)
TEXTBOOK = {motif.name: motif for motif in (*NUCLEOTIDE_MOTIFS, *PROTEIN_MOTIFS)}


def textbook_motif(name: str) -> Motif:
    """The motif of that name. Raises ConfigError that lists the known names."""
    if name not in TEXTBOOK:
        raise ConfigError("no textbook motif has that name", expected=", ".join(TEXTBOOK), found=repr(name))
    return TEXTBOOK[name]


def look_alike(motif: Motif, pattern: str) -> Motif:
    """A broken version of a motif: another pattern, named after the one it mocks.

    >>> look_alike(ZINC_PROTEASE, "H-Q-x(2)-H").name
    'HExxH-broken'
    """
    return replace(motif, name=f"{motif.name}-broken", pattern=pattern)


def exact(motif: Motif) -> Motif:
    """The motif at its pattern only, without mismatches."""
    return replace(motif, fidelity=1.0, mismatches=0)
