"""Named grammars: small worlds with known truth, each a question a model can get right for the wrong reason.

In each the decoys hold the very motifs of the positives (or look-alikes of them), so that counting motifs does not do:
order, spacing or one catalytic residue decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.errors import ConfigError
from seqrobust.sequences.simulation.activity import Activity, Interaction
from seqrobust.sequences.simulation.backgrounds import gc_background, swiss_prot_background
from seqrobust.sequences.simulation.grammar import Arrangement, Grammar, Placement, SequenceClass
from seqrobust.sequences.simulation.motifs import Motif, Orientation
from seqrobust.sequences.simulation.textbook import (
    AP1,
    ETS,
    GATA,
    GC_BOX,
    GFI1,
    GLUZINCIN_LIGAND,
    MINUS_10,
    MINUS_35,
    TAL1_E_BOX,
    ZINC_PROTEASE,
    exact,
    look_alike,
)


def _pair(first: Motif, second: Motif, low: int, high: int, orientation: Orientation = "forward") -> Arrangement:
    """The second motif, on that strand, ``low`` to ``high`` letters behind the first."""
    behind = Placement(motif=second.name, gap=(low, high), orientation=orientation)
    return (Placement(motif=first.name), behind)


def promoter() -> Grammar:
    """Bacterial sigma-70 promoters against the same two boxes too near, too far or swapped."""
    decoys = (
        _pair(MINUS_35, MINUS_10, 4, 11),
        _pair(MINUS_35, MINUS_10, 23, 32),
        _pair(MINUS_10, MINUS_35, 16, 18),
    )
    return Grammar(
        name="promoter",
        summary="DNA: -35 and -10 boxes 16-18 bp apart; decoys hold both boxes at other distances or swapped",
        alphabet=DNA,
        background=gc_background(DNA, 0.5),
        length=(100, 100),
        motifs=(MINUS_35, MINUS_10),
        classes=(
            SequenceClass(name="promoter", arrangements=(_pair(MINUS_35, MINUS_10, 16, 18),), share=2),
            SequenceClass(name="decoy", arrangements=decoys),
            SequenceClass(name="background"),
        ),
    )


def enhancer() -> Grammar:
    """Erythroid enhancers: an E-box with a GATA site 8-10 bp downstream, both on one strand.

    The composite that TAL1 and GATA1 bind together: Wadman et al., EMBO Journal 16:3145 (1997).
    """
    decoys = (
        _pair(TAL1_E_BOX, GATA, 8, 10, "reverse"),
        _pair(GATA, TAL1_E_BOX, 8, 10),
        _pair(TAL1_E_BOX, GATA, 0, 5),
        _pair(TAL1_E_BOX, GATA, 13, 25),
    )
    return Grammar(
        name="enhancer",
        summary="DNA: E-box, then a GATA site 8-10 bp on, same strand; decoys invert, swap or respace the pair",
        alphabet=DNA,
        background=gc_background(DNA, 0.45),
        length=(100, 100),
        motifs=(TAL1_E_BOX, GATA),
        classes=(
            SequenceClass(name="enhancer", arrangements=(_pair(TAL1_E_BOX, GATA, 8, 10),), share=2),
            SequenceClass(name="decoy", arrangements=decoys),
            SequenceClass(name="background"),
        ),
    )


def zinc_site() -> Grammar:
    """Gluzincin active sites: HExxH with a third zinc ligand 16-20 residues downstream.

    The look-alikes have lost the catalytic glutamate or the first histidine, or the third ligand stands too near.
    """
    broken = look_alike(ZINC_PROTEASE, "H-Q-x(2)-H")
    unbound = Motif(name="AExxH", pattern="A-E-x(2)-H")
    decoys = (
        _pair(broken, GLUZINCIN_LIGAND, 16, 20),
        _pair(unbound, GLUZINCIN_LIGAND, 16, 20),
        _pair(ZINC_PROTEASE, GLUZINCIN_LIGAND, 1, 10),
    )
    return Grammar(
        name="zinc-site",
        summary="protein: HExxH, then a glutamate ligand (NExxSD) 16-20 residues on; decoys HQxxH, AExxH, or too near",
        alphabet=PROTEIN,
        background=swiss_prot_background(),
        length=(100, 100),
        motifs=(ZINC_PROTEASE, GLUZINCIN_LIGAND, broken, unbound),
        classes=(
            SequenceClass(name="protease", arrangements=(_pair(ZINC_PROTEASE, GLUZINCIN_LIGAND, 16, 20),), share=2),
            SequenceClass(name="decoy", arrangements=decoys),
            SequenceClass(name="background"),
        ),
    )


def expression() -> Grammar:
    """A reporter's activity: three activators and a repressor, each there or not, in any order.

    Motifs stand at their consensus, so that a few thousand records teach a small network most of what there is to know.
    """
    motifs = tuple(exact(motif) for motif in (AP1, ETS, GC_BOX, GFI1))
    orders = permutations(Placement(motif=motif.name, probability=0.5) for motif in motifs)
    return Grammar(
        name="expression",
        summary="DNA, regression: AP-1, ETS, GC box activate, GFI1 represses, AP-1 and ETS within 20 bp synergise",
        alphabet=DNA,
        background=gc_background(DNA, 0.45),
        length=(100, 100),
        motifs=motifs,
        classes=(SequenceClass(name="reporter", arrangements=tuple(orders)),),
        strays=False,
        activity=Activity(
            effects={"AP1": 1.0, "ETS": 0.8, "GC-box": 0.6, "GFI1": -1.2},
            interactions=(Interaction(motifs=("AP1", "ETS"), effect=1.0, within=20),),
            base=1.0,
            noise=0.2,
            threshold=1.5,
        ),
    )


EXAMPLES: Mapping[str, Callable[[], Grammar]] = {
    "promoter": promoter,
    "enhancer": enhancer,
    "zinc-site": zinc_site,
    "expression": expression,
}
"""Name to grammar."""


def example(name: str) -> Grammar:
    """The grammar of that name. Raises ConfigError that lists the known ones."""
    if name not in EXAMPLES:
        raise ConfigError(
            "no grammar has that name", expected=", ".join(EXAMPLES) + ", or a YAML file", found=repr(name)
        )
    return EXAMPLES[name]()
