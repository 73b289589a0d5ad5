"""Features of GenBank, GenPept, Swiss-Prot and UniProt XML records as named regions.

A region is called by the feature's key; where the key alone says too little, what tells it apart stands in brackets:
``BINDING[ATP]``, ``Site[dimer interface]``, ``Region[OmpC]``, ``regulatory[promoter]``. UniProt's features have the
same names whichever format they come in.
"""

from __future__ import annotations

import re
from typing import Any

from Bio.SeqFeature import SeqFeature, UnknownPosition

from seqrobust.sequences.regions import Region

_XML_KEYS = {
    "active site": "ACT_SITE",
    "binding site": "BINDING",
    "calcium-binding region": "CA_BIND",
    "chain": "CHAIN",
    "coiled-coil region": "COILED",
    "compositionally biased region": "COMPBIAS",
    "cross-link": "CROSSLNK",
    "disulfide bond": "DISULFID",
    "DNA-binding region": "DNA_BIND",
    "domain": "DOMAIN",
    "glycosylation site": "CARBOHYD",
    "helix": "HELIX",
    "initiator methionine": "INIT_MET",
    "intramembrane region": "INTRAMEM",
    "lipid moiety-binding region": "LIPID",
    "metal ion-binding site": "METAL",
    "modified residue": "MOD_RES",
    "mutagenesis site": "MUTAGEN",
    "non-consecutive residues": "NON_CONS",
    "non-standard amino acid": "NON_STD",
    "non-terminal residue": "NON_TER",
    "nucleotide phosphate-binding region": "NP_BIND",
    "peptide": "PEPTIDE",
    "propeptide": "PROPEP",
    "region of interest": "REGION",
    "repeat": "REPEAT",
    "sequence conflict": "CONFLICT",
    "sequence variant": "VARIANT",
    "short sequence motif": "MOTIF",
    "signal peptide": "SIGNAL",
    "site": "SITE",
    "splice variant": "VAR_SEQ",
    "strand": "STRAND",
    "topological domain": "TOPO_DOM",
    "transit peptide": "TRANSIT",
    "transmembrane region": "TRANSMEM",
    "turn": "TURN",
    "unsure residue": "UNSURE",
    "zinc finger region": "ZN_FING",
}
"""UniProt's XML feature types to the keys of its flat file (UniProtKB user manual, FT lines)."""

_UNIPROT_KEYS = frozenset(_XML_KEYS.values())
_BOUND_TO_LIGAND = frozenset({"BINDING", "NP_BIND", "METAL", "CA_BIND"})
_PAIRS = frozenset({"DISULFID", "CROSSLNK"})
"""Keys whose two positions are the two ends of a bond, not a stretch between them."""

_TOLD_APART_BY = {
    "Region": "region_name",
    "SecStr": "sec_str_type",
    "Bond": "bond_type",
    "Het": "heterogen",
    "regulatory": "regulatory_class",
    "protein_bind": "bound_moiety",
}
"""GenBank and GenPept feature keys to the qualifier that tells one from another."""

_CERTAINTY = re.compile(r"\s*\((?:potential|probable|by similarity)\)", re.IGNORECASE)
_EVIDENCE = re.compile(r"\s*[./]*\s*/?evidence=.*$|\s*\{ECO:.*$", re.DOTALL)


def regions_of(feature: SeqFeature) -> list[Region]:
    """The regions of one feature: one per part of a compound location, two for the ends of a bond.

    An end given as ``<1``, ``>74`` or ``?47`` is taken at its number. A feature with an end wholly unknown, between two
    letters (``12^13``), on another record, or of the whole record (``source``, ``Protein``) gives none.
    """
    if feature.location is None or feature.type in ("source", "Protein"):
        return []
    name = _name(feature)
    spans = []
    for part in feature.location.parts:
        if isinstance(part.start, UnknownPosition) or isinstance(part.end, UnknownPosition) or part.ref is not None:
            continue
        spans.append((int(part.start), int(part.end)))
    if name in _PAIRS:
        spans = [(at, at + 1) for start, end in spans for at in dict.fromkeys((start, end - 1))]
    return [Region(name, start, end) for start, end in dict.fromkeys(spans) if start < end]


def is_unplaced(feature: SeqFeature) -> bool:
    """Whether an end of the feature is unknown, so that it gives no region."""
    if feature.location is None:
        return True
    return any(isinstance(end, UnknownPosition) for part in feature.location.parts for end in (part.start, part.end))


def qualifier(feature: SeqFeature, name: str) -> str:
    """A qualifier's first value, empty where there is none."""
    value: Any = feature.qualifiers.get(name, "")
    return str(value[0] if isinstance(value, list) and value else value or "")


def _name(feature: SeqFeature) -> str:
    key = _XML_KEYS.get(feature.type, feature.type)
    if key in _UNIPROT_KEYS:
        return _bracketed(key, _ligand(feature) if key in _BOUND_TO_LIGAND else "")
    if key == "Site":
        return _site(qualifier(feature, "site_type"), _clean(qualifier(feature, "note")))
    return _bracketed(key, _clean(qualifier(feature, _TOLD_APART_BY.get(key, ""))))


def _site(kind: str, note: str) -> str:
    """A GenPept site by its note, or by its type; a note that begins with UniProt's own key is read as that."""
    key, _, rest = note.partition(" ")
    if key in _UNIPROT_KEYS:
        return _bracketed(key, rest if key in _BOUND_TO_LIGAND else "")
    return _bracketed("Site", note if kind in ("", "other") and note else kind)


def _ligand(feature: SeqFeature) -> str:
    """What is bound: its own field since 2022, the description before."""
    ligands: Any = feature.qualifiers.get("ligands")
    if ligands:
        return _clean(str(ligands[0]["name"] or ""))
    text = qualifier(feature, "ligand") or qualifier(feature, "description") or qualifier(feature, "note")
    # Old records say "Zinc; catalytic" or "Substrate; via amide nitrogen": the ligand stands first.
    described = _clean(text)
    return described if feature.qualifiers.get("ligand") else described.split(";")[0].strip()


def _clean(text: str) -> str:
    plain = _CERTAINTY.sub("", _EVIDENCE.sub("", " ".join(text.split()))).strip().rstrip(".")
    return "" if plain.lower() in ("by similarity", "potential", "probable") else plain


def _bracketed(key: str, detail: str) -> str:
    # ";" parts regions where they are written in one line.
    return (f"{key}[{detail}]" if detail else key).replace(";", ",")
