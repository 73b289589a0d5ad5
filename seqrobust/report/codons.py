"""Codon edits as geneticists write changes of coding sequence and protein (after HGVS, den Dunnen et al. 2016).

Letters and residues are numbered from the first whole codon of their own coding sequence, which is the first letter of
the start codon where the sequence is complete: elsewhere the numbers are only like those of HGVS.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from Bio.Data.IUPACData import protein_letters_1to3

from seqrobust.errors import InternalError

_NAME = re.compile(
    r"(?:(?P<gene>.*):)?(?P<old>[A-Z*])(?P<number>\d+)(?:(?P<new>[A-Z*])\()?"
    r"(?P<before>[ACGTU]{3})>(?P<after>[ACGTU]{3})\)?"
)
_THREE = {**protein_letters_1to3, "*": "Ter"}


class CodonEdit(NamedTuple):
    """A codon that changed; ``number`` counts from 1, ``gene`` is empty where there is one coding sequence."""

    gene: str
    number: int
    old: str
    new: str
    before: str
    after: str

    @property
    def coding(self) -> list[str]:
        """Changes of letters: ``36A>G``, or ``34_36delinsCTG`` where neighbours change together.

        >>> CodonEdit("", 12, "L", "L", "TTA", "CTG").coding, CodonEdit("", 2, "R", "R", "CGA", "AGG").coding
        (['34T>C', '36A>G'], ['4C>A', '6A>G'])
        >>> CodonEdit("", 1, "S", "S", "AGC", "TCC").coding
        ['1_2delinsTC']
        """
        at = [place for place in range(3) if self.before[place] != self.after[place]]
        runs: list[list[int]] = []
        for place in at:
            if runs and runs[-1][-1] == place - 1:
                runs[-1].append(place)
            else:
                runs.append([place])
        first = 3 * self.number - 2
        return [
            f"{first + run[0]}{self.before[run[0]]}>{self.after[run[0]]}"
            if len(run) == 1
            else f"{first + run[0]}_{first + run[-1]}delins{self.after[run[0] : run[-1] + 1]}"
            for run in runs
        ]

    @property
    def protein(self) -> str:
        """``Leu12=`` or ``Lys12Arg``."""
        new = "=" if self.new == self.old else _THREE[self.new]
        return f"{_THREE[self.old]}{self.number}{new}"


def parse_codon_edits(text: Any) -> tuple[CodonEdit, ...]:
    """Edits of a ``codon_edits`` cell; none for a missing one. Raises InternalError for text never written there."""
    if not isinstance(text, str) or not text.strip():
        return ()
    return tuple(_parsed(item.strip()) for item in text.split(";"))


def coding_and_protein(text: Any) -> str:
    """A ``codon_edits`` cell after HGVS, gene by gene.

    >>> coding_and_protein("K12AAA>AAG"), coding_and_protein("S:K12R(AAA>AGA);S:L15TTA>CTA")
    ('c.36A>G p.Lys12=', 'S: c.[35A>G;43T>C] p.[Lys12Arg;Leu15=]')
    """
    of_gene: dict[str, list[CodonEdit]] = defaultdict(list)
    for edit in sorted(parse_codon_edits(text), key=lambda edit: edit.number):
        of_gene[edit.gene].append(edit)
    said = []
    for gene, edits in of_gene.items():
        letters = [change for edit in edits for change in edit.coding]
        named = f"c.{_allele(letters)} p.{_allele([edit.protein for edit in edits])}"
        said.append(f"{gene}: {named}" if gene else named)
    return ", ".join(said)


def _allele(changes: Sequence[str]) -> str:
    return changes[0] if len(changes) == 1 else f"[{';'.join(changes)}]"


def _parsed(name: str) -> CodonEdit:
    found = _NAME.fullmatch(name)
    if found is None:
        raise InternalError(f"a codon edit cannot be read: {name!r}")
    return CodonEdit(
        gene=found["gene"] or "",
        number=int(found["number"]),
        old=found["old"],
        new=found["new"] or found["old"],
        before=found["before"],
        after=found["after"],
    )
