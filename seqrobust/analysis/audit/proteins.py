"""After codon moves every written sequence is translated again by Biopython: each protein of its record is as it was,
and as the file's ``/translation`` has it."""

from __future__ import annotations

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of
from seqrobust.sequences.translation import protein, reading_problem, spliced
from seqrobust.threats.coding import CodedSet, CodonColumns
from seqrobust.threats.coding.chosen import Chosen
from seqrobust.threats.coding.residues import Residues


def proteins_kept(table: AttackTable) -> Outcome | None:
    """Each written sequence says the proteins that its clean record says; None where edits are not of codons."""
    name, what = (
        "proteins kept",
        "Biopython's translation of each written sequence, the clean record's, and /translation",
    )
    records = table.problem.sequences
    if not isinstance(records, CodedSet) or not isinstance(records.coding, CodonColumns):
        return None
    faults, rows, stated = [], 0, 0
    for row, record in enumerate(table.record.tolist()):
        if record < 0 or not table.results["edits"].iloc[row]:
            continue
        rows += 1
        before, after = records.plain.texts[record], str(table.results["adversarial_sequence"].iloc[row])
        for one in records.coding.readings[record]:
            stated += bool(one.codons.reading.translation)
            if why := _changed(one, before, after, records.coding.asked.changes if one.edited else None):
                faults.append(f"{table.called(row)}: {one.codons.reading.called}: {why}")
    outcome = faults_of(name, what, rows, faults)
    return outcome if faults else Outcome(name=name, checked=what, rows=rows, more={"translations_stated": stated})


def _changed(one: Chosen, before: str, after: str, changes: Residues | None) -> str:
    """How a reading's protein differs; empty where it does not."""
    reading, table = one.codons.reading, one.codons.table
    if one.problem:
        return (
            "" if spliced(reading, before) == spliced(reading, after) else f"it is unclear ({one.problem}), and changed"
        )
    if (was := protein(reading, before, table)) != (now := protein(reading, after, table)):
        if changes is not None and len(was) == len(now):
            return changes.broken(was, now)
        place = next((i for i, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
        return f"residue {place + 1} of the protein is {now[place : place + 1]} and was {was[place : place + 1]}"
    return reading_problem(reading, after, table) if reading.translation else ""
