"""Synonymous codons: the sequence changes, no protein does.

Every codon of the chosen coding sequences is a column of three letters, which may stand apart (introns, the origin of a
circle) and on either strand; all other letters stay. A codon may become any codon of the same meaning, in every frame
that reads one of its letters, at a cost of one however many of its letters differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.genetic_code import known, known_tables, products, synonymous
from seqrobust.sequences.reading_codons import FREE
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.coding.base import Written
from seqrobust.threats.coding.chosen import Chosen, chosen_readings
from seqrobust.threats.coding.codon_tables import BARCODE, CODONS, CodonTables, behind_barcode
from seqrobust.threats.coding.codon_words import about_readings, notices_of
from seqrobust.threats.coding.frames import Frames, frames_of
from seqrobust.threats.coding.proteins import ProteinCheck
from seqrobust.threats.coding.residues import BoundResidues, Residues, meanings
from seqrobust.threats.coding.usage import CodonUsage
from seqrobust.threats.substitution import EDITABLE, FIXED_CODON, NO_SYNONYM, NOT_CODING, PADDING, edits_as_text


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
        signs = "".join(chr(0x100 + number) for number in range(CODONS))
        return Alphabet(name="codons", letters=signs, ambiguity={}, complement={})

    # The columns --------------------------------------------------------------------------------------------------

    @cached_property
    def tables(self) -> CodonTables:
        """The columns as arrays."""
        return CodonTables(source=self.source, clean=self.sequences.tokens, frames=self.frames)

    @property
    def tokens(self) -> NDArray[np.uint8]:
        """(R, C) clean columns: the barcode, the codons, padding."""
        return self.tables.tokens

    @property
    def places(self) -> NDArray[np.int32]:
        """(R, C, 3) where each column writes, -1 where it does not."""
        return self.tables.places

    def decode(self, tokens: Tensor) -> Tensor:
        """(M, L) tokens of the sequences of (M, C) columns."""
        return self.tables.decode(tokens)

    def mixed(self, points: Tensor, tokens: Tensor, encoded: Tensor) -> Tensor:
        """(M, K, L) mixtures of letters, for mixtures of codons."""
        return self.tables.mixed(points, tokens, encoded)

    def pull(self, gradient: Tensor, tokens: Tensor) -> Tensor:
        """(M, 64, C) gains of codons; see :meth:`CodonTables.pull`."""
        return self.tables.pull(gradient, tokens)

    @cached_property
    def reasons(self) -> NDArray[np.uint8]:
        """(R, C) why a column may not change, whatever the threat says."""
        found = []
        for one in self.frames:
            reason = np.where(one.permitted.sum(1) > 1, EDITABLE, NO_SYNONYM)
            found.append(np.where(one.fixed == FREE, reason, FIXED_CODON))
        reasons = behind_barcode(found, PADDING, ())
        reasons[:, :BARCODE] = NOT_CODING
        return reasons.astype(np.uint8)

    def columns(self, sequences: SequenceSet) -> NDArray[np.uint8]:
        """(R, C) tokens of the records that this is about."""
        return self.tokens

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
            code=torch.from_numpy(behind_barcode(rows, 0, ())),
            meaning=meanings(tables),
            digits=BARCODE,
        )

    # The threat ---------------------------------------------------------------------------------------------------

    def blocked(self, tokens: NDArray[np.uint8], reasons: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, C) why each column may not change: a codon may where all its letters may and it has a synonym."""
        records = self.tables.records(torch.from_numpy(tokens)).numpy()
        letters = self.tables.letters[records]
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
        records = self.tables.records(torch.from_numpy(tokens)).numpy()
        three = self.tables.three.numpy()
        turned = self.source.complement_table[: self.source.size].astype(np.int64)
        # On the other strand a switch is one of the complements.
        rule = np.stack([letters, letters[turned][:, turned]])
        allowed = np.ones((*tokens.shape, CODONS), bool)
        for offset in range(3):
            now = three[tokens, offset]
            allowed &= rule[self.tables.minus[records, :, offset].astype(np.int64), now][:, :, three[:CODONS, offset]]
        frames = np.zeros_like(allowed)
        for row, record in enumerate(records.tolist()):
            one = self.frames[record].permitted
            frames[row, BARCODE : BARCODE + len(one)] = one
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
        table = np.ones((CODONS, CODONS))
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
        record = int(self.tables.records(torch.from_numpy(clean[None]))[0])
        before = self.sequences.tokens[record]
        after = self.decode(torch.from_numpy(tokens[None]))[0].numpy()
        pieces = list(text)
        for place in np.flatnonzero(before != after).tolist():
            pieces[place] = self.source.letters[int(after[place])]
        edited = "".join(pieces)
        self._check(record, edited)
        changed = np.flatnonzero(clean != tokens).tolist()
        names = [self._named(record, column - BARCODE, int(clean[column]), int(tokens[column])) for column in changed]
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
