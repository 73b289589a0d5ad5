"""Synonymous codons: the sequence changes, the protein does not.

A coding region is written as columns of three letters, everything else as columns of one that may not change. A codon
may become any codon for the same amino acid (a stop any other stop), at a cost of one however many of its letters
differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch
from Bio.Data import CodonTable
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.encoding import one_hot
from seqrobust.sequences.readings import Reading
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.coding.base import Written
from seqrobust.threats.substitution import EDITABLE, NOT_CODING, PADDING, edits_as_text

_CODONS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Codons:
    """Synonymous switches of whole codons.

    Attributes:
        source: DNA or RNA.
        region: name of the regions that are read in codons, from the first letter of each; None for whole records.
        table: number of the genetic code, as NCBI counts them; 1 is the standard code.

    Raises ThreatError for protein and for an unknown code.
    """

    source: Alphabet
    region: str | None = None
    table: int = 1

    def __post_init__(self) -> None:
        if self.source.name not in ("DNA", "RNA"):
            raise ThreatError("codons are of nucleotides", expected="DNA or RNA", found=self.source.name)
        if self.table not in CodonTable.unambiguous_dna_by_id:
            known = ", ".join(map(str, sorted(CodonTable.unambiguous_dna_by_id)))
            raise ThreatError("unknown genetic code", expected=f"a number of NCBI's: {known}", found=str(self.table))

    @property
    def mixes(self) -> bool:
        """True: the letters of a mixture of codons are mixtures."""
        return True

    @cached_property
    def triplets(self) -> tuple[str, ...]:
        """The 64 codons, in the order of their tokens."""
        return tuple("".join(letters) for letters in product(self.source.letters, repeat=3))

    @cached_property
    def alphabet(self) -> Alphabet:
        """64 codons, then the letters by themselves, under arbitrary signs."""
        signs = "".join(chr(0x100 + number) for number in range(_CODONS))
        return Alphabet(name="codons", letters=signs + self.source.letters, ambiguity={}, complement={})

    @cached_property
    def products(self) -> tuple[str, ...]:
        """(64,) amino acid of each codon, ``*`` for a stop."""
        tables = CodonTable.unambiguous_dna_by_id if self.source.name == "DNA" else CodonTable.unambiguous_rna_by_id
        table = tables[self.table]
        # In some codes a codon is a stop or an amino acid by context; it is kept apart from codons that are one only.
        both = set(table.stop_codons) & set(table.forward_table)
        amino = {codon: table.forward_table.get(codon, "*") + ("*" if codon in both else "") for codon in self.triplets}
        return tuple(amino[codon] for codon in self.triplets)

    def columns(self, sequences: SequenceSet) -> NDArray[np.uint8]:
        """(N, C) tokens. Raises ThreatError for an unknown region, or where regions overlap out of frame."""
        tokens = sequences.tokens
        starts = self._starts(sequences)
        codon = np.zeros(tokens.shape, np.int64)
        wide = tokens.astype(np.int64)
        codon[:, :-2] = wide[:, :-2] * 16 + wide[:, 1:-1] * 4 + wide[:, 2:]
        code = np.where(tokens < self.source.size, tokens + _CODONS, self.alphabet.unknown).astype(np.uint8)
        code = np.where(starts, codon, code).astype(np.uint8)
        inside = np.zeros(tokens.shape, bool)
        for offset in (1, 2):
            inside[:, offset:] |= starts[:, : tokens.shape[1] - offset]
        heads = ~inside & (tokens != self.source.padding)
        width = int(heads.sum(1).max()) if len(tokens) else 0
        columns = np.full((len(tokens), width), self.alphabet.padding, np.uint8)
        record, position = np.nonzero(heads)
        rank = (heads.cumsum(1) - 1)[record, position]
        columns[record, rank] = code[record, position]
        return columns

    def _starts(self, sequences: SequenceSet) -> NDArray[np.bool_]:
        """(N, L) bool: first letters of codons whose three letters are known."""
        tokens = sequences.tokens
        shape = tokens.shape
        starts = np.zeros(shape, bool)
        regions = sequences.regions
        if self.region is None:
            starts[:, 0::3] = True
            ends = sequences.lengths[:, None]
            starts &= np.arange(shape[1]) + 3 <= ends
        else:
            self._refuse(sequences)
            wanted = [regions.names.index(name) for name in regions.named(self.region)]
            taken = np.zeros(shape, bool)
            for number in np.flatnonzero(np.isin(regions.name, wanted)):
                record, start, end = (int(part[number]) for part in (regions.record, regions.start, regions.end))
                if taken[record, start:end].any():
                    raise ThreatError(
                        "regions that are read in codons overlap",
                        found=f"{self.region}:{start}-{end}",
                        where=f"record {sequences.ids[record]!r}",
                    )
                taken[record, start:end] = True
                starts[record, start : end - 2 : 3] = True
        known = tokens < self.source.size
        whole = np.zeros(shape, bool)
        whole[:, :-2] = known[:, :-2] & known[:, 1:-1] & known[:, 2:]
        return starts & whole

    def _refuse(self, sequences: SequenceSet) -> None:
        """Raise ThreatError for a coding sequence that is more than codons from a region's first letter on."""
        readings = sequences.readings
        if readings is None:
            return
        if self.region in readings.features and "CDS" not in self.region:
            raise ThreatError(
                "a feature that is no coding sequence has no frame to be read in",
                expected="CDS, or a region given as name:start-end",
                found=self.region,
            )
        for record, of_record in enumerate(readings.of_record):
            for reading in of_record:
                text = sequences.texts[record]
                if self.region in (reading.kind, reading.name) and (why := _unlike_a_region(reading, text, self.table)):
                    raise ThreatError(
                        "a coding sequence cannot be read in codons yet",
                        expected="one interval of the plus strand, from ATG on, in the genetic code of the option",
                        found=f"{reading.called}: {why}",
                        where=f"record {sequences.ids[record]!r}",
                    )

    # Decoding -----------------------------------------------------------------------------------------------------

    def _letters(self, tokens: Tensor) -> Tensor:
        """(M, C, 3) tokens of the sequence that each column holds; padding where it holds fewer than three."""
        size, pad = self.source.size, self.source.padding
        table = torch.full((self.alphabet.size + 2, 3), pad, dtype=torch.uint8)
        codes = torch.arange(_CODONS)
        table[:_CODONS] = torch.stack([codes // 16, codes // 4 % 4, codes % 4], dim=1).to(torch.uint8)
        table[_CODONS : _CODONS + size, 0] = torch.arange(size, dtype=torch.uint8)
        table[self.alphabet.unknown, 0] = self.source.unknown
        return table.to(tokens.device)[tokens.long()]

    def _places(self, tokens: Tensor) -> Tensor:
        """(M, C) where each column begins."""
        widths = torch.where(tokens < _CODONS, 3, 1) * (tokens != self.alphabet.padding)
        return widths.cumsum(1) - widths

    def decode(self, tokens: Tensor) -> Tensor:
        """(M, L) tokens of the sequences of (M, C) columns."""
        letters, place = self._letters(tokens), self._places(tokens)
        row, column, offset = torch.nonzero(letters != self.source.padding, as_tuple=True)
        position = place[row, column] + offset
        width = int(position.max().item()) + 1 if len(position) else 0
        plain = torch.full((len(tokens), width), self.source.padding, dtype=torch.uint8, device=tokens.device)
        plain[row, position] = letters[row, column, offset]
        return plain

    def mixed(self, points: Tensor, tokens: Tensor, encoded: Tensor) -> Tensor:
        """(M, K, L) mixtures of letters, for mixtures of codons; a column's length is that of any of its pieces."""
        place = self._places(tokens)
        row, column = torch.nonzero(tokens < _CODONS, as_tuple=True)
        weights = points[row, :_CODONS, column]
        letters = one_hot(self._letters(torch.arange(_CODONS, device=points.device)[None])[0], self.source)
        mixed = encoded.clone()
        for offset in range(3):
            mixed[row, :, place[row, column] + offset] = weights @ letters[:, :, offset].to(weights)
        return mixed

    def pull(self, gradient: Tensor, tokens: Tensor) -> Tensor:
        """(M, 68, C): of a codon, the sum of its three letters' gradients where it stands."""
        place = self._places(tokens)
        size, width = self.source.size, gradient.shape[2]
        is_codon = tokens < _CODONS
        there = [
            gradient.gather(2, (place + offset).clamp(max=width - 1)[:, None].expand(-1, size, -1))
            for offset in range(3)
        ]
        first, second, third = there
        sums = first[:, :, None, None] + second[:, None, :, None] + third[:, None, None, :]
        codons = sums.flatten(1, 3) * is_codon[:, None]
        single = first * (~is_codon & (tokens != self.alphabet.padding))[:, None]
        return torch.cat([codons, single], dim=1)

    # The threat ---------------------------------------------------------------------------------------------------

    def blocked(self, sequences: SequenceSet, reasons: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, C) why each column may not change: a codon may where all its letters may, a letter by itself never."""
        tokens = self.columns(sequences)
        place = self._places(torch.from_numpy(tokens)).numpy()
        rows, last = np.arange(len(tokens))[:, None], max(reasons.shape[1] - 1, 0)
        codon = tokens < _CODONS
        of_codon = np.max([reasons[rows, (place + offset).clip(max=last)] for offset in range(3)], axis=0)
        single = reasons[rows, place.clip(max=last)]
        single = np.where(single == EDITABLE, NOT_CODING, single)
        blocked: NDArray[np.uint8] = np.where(codon, of_codon, single).astype(np.uint8)
        blocked[tokens == self.alphabet.padding] = PADDING
        return blocked

    def weighed(self, blocked: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(N,) codons that may change."""
        return np.asarray((blocked == EDITABLE).sum(1), np.int64)

    def costs(self, letters: NDArray[np.float64]) -> NDArray[np.float64]:
        """One between synonyms, infinity elsewhere; every letter that differs must be a permitted switch.

        Raises ThreatError for unequal letter costs.
        """
        if ((letters > 0) & np.isfinite(letters) & (letters != 1)).any():
            raise ThreatError("every switch of codons costs one", fix="use a rule without costs")
        products = np.array(self.products)
        same = products[:, None] == products[None, :]
        codes = np.arange(_CODONS)
        for shift in (16, 4, 1):
            letter = codes // shift % 4
            same &= np.isfinite(letters[letter[:, None], letter[None, :]])
        table = np.full((self.alphabet.size, self.alphabet.size), np.inf)
        table[:_CODONS, :_CODONS] = np.where(same, 1.0, np.inf)
        np.fill_diagonal(table, 0)
        return table

    def describe(self, budget: str) -> str:
        """In words."""
        amount = f"{budget} of the codons" if "%" in budget else f"{budget} codon" + ("" if budget == "1" else "s")
        where = f" of {self.region}" if self.region else ""
        code = "" if self.table == 1 else f" (genetic code {self.table})"
        return f"at most {amount}{where} changed to synonymous ones{code}"

    def written(self, text: str, clean: NDArray[np.uint8], tokens: NDArray[np.uint8]) -> Written:
        """Letters that differ, as ``A5G``; the count is of codons."""
        changed = np.flatnonzero(clean != tokens)
        places = self._places(torch.from_numpy(clean[None]))[0].tolist()
        pieces, last = [], 0
        for column in changed.tolist():
            pieces += [text[last : places[column]], self.triplets[int(tokens[column])]]
            last = places[column] + 3
        edited = "".join([*pieces, text[last:]])
        return Written(edited, edits_as_text(text, edited), len(changed))


def _unlike_a_region(reading: Reading, text: str, table: int) -> str:
    """Why a reading is not the codons of its one interval; empty where it is."""
    if reading.unclear:
        return reading.unclear
    if len(reading.parts) > 1:
        return "it is joined of several intervals"
    (part,) = reading.parts
    other = (reading.table or 1) != table
    told = {
        "it lies on the complementary strand": part.strand < 0,
        "its frame does not begin at its first letter": reading.phase != 0,
        f"its genetic code is {reading.table or 1}, the option's {table}": other,
        "a codon is an exception to the code": bool(reading.exceptions),
        "it does not begin with ATG": text[part.start : part.start + 3] not in ("ATG", "AUG"),
    }
    return next((why for why, holds in told.items() if holds), "")
