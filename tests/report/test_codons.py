"""Changes named after HGVS, applied by a reader of their own to the coding sequence, give what the edits gave."""

from __future__ import annotations

import re

import numpy as np
import pytest
from Bio.Seq import Seq
from Bio.SeqUtils import seq1

from seqrobust.errors import InternalError
from seqrobust.report.codons import coding_and_protein

TRIPLES = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]


def applied(coding: str, named: str) -> tuple[str, str]:
    """Coding sequence and protein after the changes that are named."""
    letters, protein = list(coding), list(str(Seq(coding).translate()))
    for start, end, text in re.findall(r"(\d+)_(\d+)delins([ACGT]+)", named):
        assert len(text) == int(end) - int(start) + 1
        letters[int(start) - 1 : int(end)] = text
    for at, before, after in re.findall(r"(\d+)([ACGT])>([ACGT])", named):
        assert letters[int(at) - 1] == before
        letters[int(at) - 1] = after
    for old, at, new in re.findall(r"([A-Z][a-z]{2})(\d+)(=|[A-Z][a-z]{2})", named):
        assert protein[int(at) - 1] == seq1(old)
        protein[int(at) - 1] = protein[int(at) - 1] if new == "=" else seq1(new)
    return "".join(letters), "".join(protein)


def test_named_changes_are_those_of_the_codons() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        codons = [str(one) for one in rng.choice(TRIPLES, 12)]
        after = list(codons)
        for at in rng.choice(12, rng.integers(1, 4), replace=False).tolist():
            after[at] = str(rng.choice([one for one in TRIPLES if one != codons[at]]))
        names = []
        for number, (old, new) in enumerate(zip(codons, after, strict=True), 1):
            if old != new:
                a, b = (str(Seq(one).translate()) for one in (old, new))
                names.append(f"{a}{number}{old}>{new}" if a == b else f"{a}{number}{b}({old}>{new})")
        named = coding_and_protein(";".join(rng.permutation(names).tolist()))
        assert applied("".join(codons), named) == ("".join(after), str(Seq("".join(after)).translate()))


def test_genes_stand_in_front_and_other_text_is_an_error() -> None:
    assert coding_and_protein("orf:1a:K2AAA>AAG;N:*3UAA>UGA") == "orf:1a: c.6A>G p.Lys2=, N: c.8A>G p.Ter3="
    assert coding_and_protein(None) == coding_and_protein("") == ""
    with pytest.raises(InternalError, match="cannot be read"):
        coding_and_protein("A5G")
