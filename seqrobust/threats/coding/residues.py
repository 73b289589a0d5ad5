"""Amino acids that may change: a few codons become codons of another, similar one.

Only codons whose letters no other frame reads may do so, and never a stop, the first codon of a protein or another that
is fixed. How many amino acids differ is counted over columns, so one that several proteins share counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import PROTEIN
from seqrobust.errors import ThreatError
from seqrobust.sequences.genetic_code import products, synonymous
from seqrobust.threats.letters import switch_costs

_BEHIND = 2
"""Tokens behind the 64 codons: unknown and padding."""


@dataclass(frozen=True, kw_only=True)
class Residues:
    """How many amino acids may change, and to which.

    Attributes:
        most: amino acids that may differ.
        rule: ``any``, or ``MATRIX:t`` as for letters of proteins (``blosum62:0``).

    Raises ThreatError for a number below 1 and for an unknown rule.
    """

    most: int
    rule: str = "any"

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ThreatError("a number of amino acids that may change is 1 or more", found=str(self.most))
        if self.rule != "any" and ":" not in self.rule:
            raise ThreatError(
                "unknown rule for amino acids", expected="any or MATRIX:threshold (blosum62:0)", found=repr(self.rule)
            )
        switch_costs(self.rule, PROTEIN)

    def alike(self, old: str, new: str) -> bool:
        """Whether an amino acid may become another; never from or to a stop, or a codon of two meanings."""
        if old not in PROTEIN.letters or new not in PROTEIN.letters or not old or not new:
            return False
        return bool(np.isfinite(switch_costs(self.rule, PROTEIN)[PROTEIN.token(old), PROTEIN.token(new)]))

    def permits(self, table: int) -> NDArray[np.bool_]:
        """(64, 64) True where the row's codon may become the column's in a genetic code."""
        read = products(table)
        pairs = {(old, new): self.alike(old, new) for old in set(read) for new in set(read)}
        permitted: NDArray[np.bool_] = np.array([[pairs[old, new] for new in read] for old in read]) | synonymous(table)
        return permitted

    def broken(self, before: str, after: str) -> str:
        """Why a protein of as many letters is none that may be made of another; empty where it may."""
        changed = [(i + 1, a, b) for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        if len(changed) > self.most:
            return f"{len(changed)} amino acids changed, {self.most} may"
        return next((f"codon {i} read {a} and reads {b}" for i, a, b in changed if not self.alike(a, b)), "")

    def describe(self) -> str:
        """In words."""
        amount = f"{self.most} amino acid" + ("" if self.most == 1 else "s")
        rule = "" if self.rule == "any" else f" by the rule {self.rule}"
        return f"at most {amount} changed{rule}"


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundResidues:
    """A limit on amino acids, asked about columns that say themselves which record they are of.

    Attributes:
        most: amino acids that may differ.
        clean: (R, C) uint8 columns of all records.
        code: (R, C) int64 row of ``meaning`` by which each column is read.
        meaning: (T, 66) int64 number of what each token is read as.
        digits: columns that tell the record, to the base of 64.
    """

    most: int
    clean: Tensor
    code: Tensor
    meaning: Tensor
    digits: int

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool: see :class:`seqrobust.threats.constraints.base.BoundConstraint`."""
        return self._changed(tokens) <= self.most

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """How many amino acids differ, where these are too many."""
        count = int(self._changed(tokens[None]))
        return f"{count} amino acids are changed, the limit is {self.most}" if count > self.most else None

    def take(self, records: Tensor) -> BoundResidues:
        """Itself: columns say of which record they are."""
        return self

    def _changed(self, tokens: Tensor) -> Tensor:
        weights = torch.tensor([64**power for power in reversed(range(self.digits))], device=tokens.device)
        record = (tokens[:, : self.digits].long() * weights).sum(1)
        clean, code, meaning = (part.to(tokens.device) for part in (self.clean, self.code, self.meaning))
        code = code[record]
        return (meaning[code, tokens.long()] != meaning[code, clean[record].long()]).sum(1)


def meanings(tables: list[int]) -> Tensor:
    """(T, 66) int64 numbers of what tokens mean in each of some genetic codes."""
    names = sorted({name for table in tables for name in products(table)})
    rows = [[names.index(name) for name in products(table)] + [-1] * _BEHIND for table in tables]
    return torch.tensor(rows, dtype=torch.int64).reshape(len(tables), 64 + _BEHIND)
