"""The last word on codon moves: each edited sequence is translated by Biopython and held against the clean one's."""

from __future__ import annotations

from collections.abc import Sequence

from seqrobust.errors import InternalError
from seqrobust.sequences.reading_codons import FREE
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.translation import protein, reading_problem, spliced
from seqrobust.threats.coding.chosen import Chosen
from seqrobust.threats.coding.residues import Residues


class ProteinCheck:
    """Holds edited sequences to what the proteins of their records are.

    Args:
        sequences: clean.
        readings: all coding sequences of each record, also those that are not edited.
        changes: how many amino acids may change, and to which; None for none.
    """

    def __init__(
        self, sequences: SequenceSet, readings: Sequence[Sequence[Chosen]], changes: Residues | None = None
    ) -> None:
        self._sequences, self._readings, self._changes = sequences, readings, changes

    def __call__(self, record: int, edited: str) -> None:
        """Raise InternalError should a protein, or a codon that has to stay, be another one."""
        clean = self._sequences.texts[record]
        if edited == clean:
            return
        for one in self._readings[record]:
            if why := _changed(one, clean, edited, self._changes if one.edited else None):
                raise InternalError(
                    f"a search changed the protein {one.codons.reading.called!r} of record "
                    f"{self._sequences.ids[record]!r}: {why}"
                )


def _changed(one: Chosen, clean: str, edited: str, changes: Residues | None) -> str:
    """What became of a reading that should not have; empty where it is as it was."""
    reading, table = one.codons.reading, one.codons.table
    before, after = spliced(reading, clean), spliced(reading, edited)
    if before == after:
        return ""
    if one.problem:
        return f"letters of an unclear coding sequence changed ({one.problem})"
    first, second = protein(reading, clean, table), protein(reading, edited, table)
    if changes is not None and (why := changes.broken(first, second)):
        return why
    for number, (old, new) in enumerate(zip(first, second, strict=True)):
        if old != new and changes is None:
            return f"codon {number + 1} read {old} and reads {new}"
    ends = reading.phase + 3 * len(first)
    if before[: reading.phase] != after[: reading.phase] or before[ends:] != after[ends:]:
        return "letters of a codon that is not whole changed"
    for number, fixed in enumerate(one.codons.fixed.tolist()):
        codon = slice(reading.phase + 3 * number, reading.phase + 3 * number + 3)
        if fixed != FREE and before[codon] != after[codon]:
            return f"codon {number + 1}, which is fixed, became {after[codon]}"
    # Of another protein than the one that the file states nothing more can be asked.
    return reading_problem(reading, edited, table) if first == second else ""
