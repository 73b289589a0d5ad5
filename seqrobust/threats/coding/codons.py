"""Synonymous codons: the sequence changes, no protein does.

Every codon of the chosen coding sequences is a column of three letters, which may stand apart (introns, the origin of a
circle) and on either strand; all other letters stay. A codon may become any codon of the same meaning, in every frame
that reads one of its letters, at a cost of one however many of its letters differ.

The first columns of a record say which record it is, as a barcode does: what a column's letters are depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.encoding import one_hot
from seqrobust.sequences.genetic_code import known, known_tables, products, synonymous
from seqrobust.sequences.reading_codons import FREE
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.coding.base import Written
from seqrobust.threats.coding.chosen import Chosen, chosen_readings
from seqrobust.threats.coding.codon_words import about_readings, notices_of
from seqrobust.threats.coding.frames import Frames, frames_of
from seqrobust.threats.coding.proteins import ProteinCheck
from seqrobust.threats.coding.residues import BoundResidues, Residues, meanings
from seqrobust.threats.coding.usage import CodonUsage
from seqrobust.threats.substitution import EDITABLE, FIXED_CODON, NO_SYNONYM, NOT_CODING, PADDING, edits_as_text

_CODONS = 64
_BARCODE = 4
"""Columns that tell the record, as a number of that many digits to the base of 64."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Codons:
    """Synonymous switches of whole codons, as they are asked for.

    Attributes:
        source: DNA or RNA.
        region: what is read in codons: ``CDS``, ``CDS[gene=S]``, a region's name; None for whole records.
        table: number of the genetic code, as NCBI counts them; None for what the records say, 1 where they do not.
        usage: how often a codon must be used to be put in; None for however rarely.
        changes: how many amino acids may change, and to which; None for none.

    Raises ThreatError for protein and for an unknown code.
    """

    source: Alphabet
    region: str | None = None
    table: int | None = None
    usage: CodonUsage | None = None
    changes: Residues | None = None

    def __post_init__(self) -> None:
        if self.source.name not in ("DNA", "RNA"):
            raise ThreatError("codons are of nucleotides", expected="DNA or RNA", found=self.source.name)
        if self.table is not None and not known(self.table):
            raise ThreatError(
                "unknown genetic code", expected=f"a number of NCBI's: {known_tables()}", found=str(self.table)
            )

    def on(self, sequences: SequenceSet) -> CodonColumns:
        """The columns of those records.

        Raises ThreatError where no coding sequence of that name can be read, or the genetic codes disagree.
        """
        readings = chosen_readings(sequences, self.region, self.table)
        permits = self.changes.permits if self.changes else synonymous
        frames = [frames_of(row, int(length), permits) for row, length in zip(readings, sequences.lengths, strict=True)]
        if self.usage is not None:
            frames = self.usage.kept(frames, readings)
        return CodonColumns(asked=self, sequences=sequences, readings=readings, frames=frames)


@dataclass(frozen=True, kw_only=True, eq=False)
class CodonColumns:
    """Codons of R records as columns; see :class:`~seqrobust.threats.coding.base.Coding`.

    Attributes:
        asked: what was asked for.
        sequences: the records.
        readings: the coding sequences of each record, those that are edited first.
        frames: the columns of each record, without its barcode.
    """

    asked: Codons
    sequences: SequenceSet
    readings: Sequence[Sequence[Chosen]]
    frames: Sequence[Frames]

    def on(self, sequences: SequenceSet) -> CodonColumns:
        """The same codons of other records."""
        return self.asked.on(sequences)

    @property
    def source(self) -> Alphabet:
        """Of the sequences."""
        return self.asked.source

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
        """The 64 codons, under arbitrary signs."""
        signs = "".join(chr(0x100 + number) for number in range(_CODONS))
        return Alphabet(name="codons", letters=signs, ambiguity={}, complement={})

    # The columns --------------------------------------------------------------------------------------------------

    @cached_property
    def tokens(self) -> NDArray[np.uint8]:
        """(R, C) clean columns: the barcode, the codons, padding."""
        barcodes = np.arange(len(self.frames))[:, None] // _CODONS ** np.arange(_BARCODE)[::-1] % _CODONS
        codons = _padded([one.clean for one in self.frames], self.alphabet.padding, ())
        return np.concatenate([barcodes, codons], axis=1).astype(np.uint8)

    @cached_property
    def letters(self) -> NDArray[np.int32]:
        """(R, C, 3) where the letters of each column stand, -1 where there is none."""
        return _behind_barcode([one.letters for one in self.frames], -1, (3,)).astype(np.int32)

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """(R, C, 3) where each column writes, -1 where it does not."""
        owned = [np.where(one.owned, one.letters, -1) for one in self.frames]
        return _behind_barcode(owned, -1, (3,)).astype(np.int32)

    @cached_property
    def minus(self) -> NDArray[np.bool_]:
        """(R, C, 3) whether a letter is of the other strand."""
        return _behind_barcode([one.minus for one in self.frames], 0, (3,)).astype(bool)

    @cached_property
    def reasons(self) -> NDArray[np.uint8]:
        """(R, C) why a column may not change, whatever the threat says."""
        found = []
        for one in self.frames:
            reason = np.where(one.permitted.sum(1) > 1, EDITABLE, NO_SYNONYM)
            found.append(np.where(one.fixed == FREE, reason, FIXED_CODON))
        reasons = _behind_barcode(found, PADDING, ())
        reasons[:, :_BARCODE] = NOT_CODING
        return reasons.astype(np.uint8)

    def columns(self, sequences: SequenceSet) -> NDArray[np.uint8]:
        """(R, C) tokens of the records that this is about."""
        return self.tokens

    def _records(self, tokens: Tensor) -> Tensor:
        """(M,) numbers of the records, from (M, C) tokens."""
        digits = tokens[:, :_BARCODE].long()
        weights = torch.tensor([_CODONS**power for power in reversed(range(_BARCODE))], device=tokens.device)
        return (digits * weights).sum(1)

    @cached_property
    def _on_device(self) -> dict[tuple[str, str], Tensor]:
        return {}

    def _of(self, name: Literal["places", "minus", "clean"], tokens: Tensor) -> Tensor:
        """The rows of a table that belong to (M, C) tokens, on their device."""
        key = name, str(tokens.device)
        if key not in self._on_device:
            table = self.sequences.tokens if name == "clean" else self.places if name == "places" else self.minus
            self._on_device[key] = torch.tensor(table, device=tokens.device)
        return self._on_device[key][self._records(tokens)]

    # Decoding -----------------------------------------------------------------------------------------------------

    @cached_property
    def _three(self) -> Tensor:
        """(66, 3) uint8 letters of each token in the order they are read; those of padding mean nothing."""
        codes = torch.arange(_CODONS + 2)
        return torch.stack([codes // 16 % 4, codes // 4 % 4, codes % 4], dim=1).to(torch.uint8)

    def decode(self, tokens: Tensor) -> Tensor:
        """(M, L) tokens of the sequences of (M, C) columns."""
        letters = self._three.to(tokens.device)[tokens.long()]
        turned = torch.from_numpy(self.source.complement_table.copy()).to(tokens.device)
        letters = torch.where(self._of("minus", tokens), turned[letters.long()], letters)
        clean = self._of("clean", tokens)
        place = self._of("places", tokens).long()
        # Letters that a column does not write go into a place behind the end.
        place = torch.where(place < 0, clean.shape[1], place)
        wide = torch.cat([clean, clean[:, :1]], dim=1)
        return wide.scatter_(1, place.flatten(1), letters.flatten(1))[:, :-1].contiguous()

    def origins(self, tokens: Tensor) -> None:
        """All letters stay in their places."""

    @property
    def cuts(self) -> bool:
        """False: no letter moves."""
        return False

    @property
    def limit(self) -> BoundResidues | None:
        """How many amino acids may change; None where none may, which the permitted codons say already."""
        if self.asked.changes is None:
            return None
        tables = sorted({one.codons.table for row in self.readings for one in row})
        rows = [
            np.array([tables.index(row[reading].codons.table) for reading in one.reading], np.int64)
            for one, row in zip(self.frames, self.readings, strict=True)
        ]
        return BoundResidues(
            most=self.asked.changes.most,
            clean=torch.from_numpy(self.tokens.copy()),
            code=torch.from_numpy(_behind_barcode(rows, 0, ())),
            meaning=meanings(tables),
            digits=_BARCODE,
        )

    def mixed(self, points: Tensor, tokens: Tensor, encoded: Tensor) -> Tensor:
        """(M, K, L) mixtures of letters, for mixtures of codons."""
        letters = one_hot(self._three[:_CODONS], self.source).to(points)
        place, minus = self._of("places", tokens).long(), self._of("minus", tokens)
        turned = torch.from_numpy(self.source.complement_table[: self.source.size].astype(np.int64))
        wide = torch.cat([encoded, encoded[:, :, :1]], dim=2)
        place = torch.where(place < 0, encoded.shape[2], place)
        for offset in range(3):
            weights = torch.einsum("mcl,ck->mkl", points, letters[:, :, offset])
            weights = torch.where(minus[:, None, :, offset], weights[:, turned.to(points.device)], weights)
            wide.scatter_(2, place[:, None, :, offset].expand(-1, self.source.size, -1), weights.to(wide))
        return wide[:, :, :-1].contiguous()

    def pull(self, gradient: Tensor, tokens: Tensor) -> Tensor:
        """(M, 64, C): of a codon, the sum of its letters' gradients where they stand, complemented on the other strand.

        With p_j the places of a column's three letters and c_j what codon c puts there,

            G[c] = G[c_1, p_1] + G[c_2, p_2] + G[c_3, p_3]
        """
        place, minus = self._of("places", tokens).long(), self._of("minus", tokens)
        size = self.source.size
        turned = torch.from_numpy(self.source.complement_table[:size].astype(np.int64)).to(gradient.device)
        there = []
        for offset in range(3):
            at = place[:, None, :, offset]
            found = gradient.gather(2, at.clamp(min=0).expand(-1, size, -1)) * (at >= 0)
            there.append(torch.where(minus[:, None, :, offset], found[:, turned], found))
        first, second, third = there
        sums = first[:, :, None, None] + second[:, None, :, None] + third[:, None, None, :]
        return sums.flatten(1, 3)

    # The threat ---------------------------------------------------------------------------------------------------

    def blocked(self, tokens: NDArray[np.uint8], reasons: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, C) why each column may not change: a codon may where all its letters may and it has a synonym."""
        records = self._records(torch.from_numpy(tokens)).numpy()
        letters = self.letters[records]
        at_letters = reasons[np.arange(len(tokens))[:, None, None], letters.clip(min=0)]
        of_codon = np.where(letters < 0, EDITABLE, at_letters).max(2)
        own = self.reasons[records]
        blocked: NDArray[np.uint8] = np.where(own == EDITABLE, of_codon, own).astype(np.uint8)
        return blocked

    def permitted(self, tokens: NDArray[np.uint8], letters: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N, 64, C) codons that may stand in each column, where letters of the record may be switched so.

        Args:
            tokens: (N, C) clean columns.
            letters: (K, K) bool, row = the letter that stands on the record, column = the letter put there.
        """
        records = self._records(torch.from_numpy(tokens)).numpy()
        three = self._three.numpy()
        turned = self.source.complement_table[: self.source.size].astype(np.int64)
        # On the other strand a switch is one of the complements.
        rule = np.stack([letters, letters[turned][:, turned]])
        allowed = np.ones((*tokens.shape, _CODONS), bool)
        for offset in range(3):
            now = three[tokens, offset]
            allowed &= rule[self.minus[records, :, offset].astype(np.int64), now][:, :, three[:_CODONS, offset]]
        frames = np.zeros_like(allowed)
        for row, record in enumerate(records.tolist()):
            one = self.frames[record].permitted
            frames[row, _BARCODE : _BARCODE + len(one)] = one
        permitted: NDArray[np.bool_] = (allowed & frames).transpose(0, 2, 1)
        return permitted

    def weighed(self, blocked: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(N,) codons that may change."""
        return np.asarray((blocked == EDITABLE).sum(1), np.int64)

    def costs(self, letters: NDArray[np.float64]) -> NDArray[np.float64]:
        """One for every switch; which ones there are is said by :meth:`permitted`.

        Raises ThreatError for unequal letter costs.
        """
        if ((letters > 0) & np.isfinite(letters) & (letters != 1)).any():
            raise ThreatError("every switch of codons costs one", fix="use a rule without costs")
        table = np.ones((_CODONS, _CODONS))
        np.fill_diagonal(table, 0)
        return table

    # Words --------------------------------------------------------------------------------------------------------

    @cached_property
    def notices(self) -> tuple[str, ...]:
        """What is left as it is, and why."""
        return notices_of(self.readings, self.frames, self.sequences.ids)

    def describe(self, budget: str) -> str:
        """In words."""
        amount = f"{budget} of the codons" if "%" in budget else f"{budget} codon" + ("" if budget == "1" else "s")
        where = f" of {self.asked.region}" if self.asked.region else ""
        changes = self.asked.changes
        changed = f"changed, {changes.describe()}, to ones" if changes else "changed to synonymous ones"
        rare = f" {self.asked.usage.describe()}" if self.asked.usage else ""
        return f"at most {amount}{where} {changed}{rare} ({about_readings(self.readings)})"

    @cached_property
    def _check(self) -> ProteinCheck:
        return ProteinCheck(self.sequences, self.readings, self.asked.changes)

    def written(self, text: str, clean: NDArray[np.uint8], tokens: NDArray[np.uint8]) -> Written:
        """Letters that differ, as ``A5G``, codons that do, as ``K12AAA>AAG``; the count is of codons.

        Raises InternalError should a protein have changed: Biopython translates what is written.
        """
        record = int(self._records(torch.from_numpy(clean[None]))[0])
        before = self.sequences.tokens[record]
        after = self.decode(torch.from_numpy(tokens[None]))[0].numpy()
        pieces = list(text)
        for place in np.flatnonzero(before != after).tolist():
            pieces[place] = self.source.letters[int(after[place])]
        edited = "".join(pieces)
        self._check(record, edited)
        changed = np.flatnonzero(clean != tokens).tolist()
        names = [self._named(record, column - _BARCODE, int(clean[column]), int(tokens[column])) for column in changed]
        return Written(edited, edits_as_text(text, edited), len(changed), ";".join(names))

    def _named(self, record: int, column: int, old: int, new: int) -> str:
        """``K12AAA>AAG``, ``K12R(AAA>AGA)``, with the gene in front where the record has several coding sequences."""
        frames = self.frames[record]
        one = self.readings[record][int(frames.reading[column])].codons
        amino = products(one.table)[old].removesuffix("*") or "*"
        now = products(one.table)[new].removesuffix("*") or "*"
        switch = f"{self.triplets[old]}>{self.triplets[new]}"
        name = f"{amino}{int(frames.number[column])}" + (switch if now == amino else f"{now}({switch})")
        several = sum(reading.edited for reading in self.readings[record]) > 1
        return f"{one.reading.called.replace(';', ',')}:{name}" if several else name


def _padded(rows: Sequence[NDArray[np.generic]], fill: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(R, C, ...) of rows of unequal length."""
    width = max((len(row) for row in rows), default=0)
    padded = np.full((len(rows), width, *shape), fill, np.int64)
    for number, row in enumerate(rows):
        padded[number, : len(row)] = row
    return padded


def _behind_barcode(rows: Sequence[NDArray[np.generic]], fill: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    barcode = np.full((len(rows), _BARCODE, *shape), fill, np.int64)
    return np.concatenate([barcode, _padded(rows, fill, shape)], axis=1)
