"""What is said about codon moves: whose codons, on which strand, by which genetic code, and what is left as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from seqrobust.sequences.reading_codons import UNCLEAR, WHY
from seqrobust.sequences.wording import counted
from seqrobust.threats.coding.chosen import Chosen
from seqrobust.threats.coding.frames import Frames

_NAMED = 5


def about_readings(readings: Sequence[Sequence[Chosen]]) -> str:
    """Names, strands and genetic codes of the coding sequences that are edited."""
    edited = [one.codons for row in readings for one in row if one.edited and not one.problem]
    strands = {part.strand for one in edited for part in one.reading.parts}
    codes = sorted({one.table for one in edited})
    names = list(dict.fromkeys(one.reading.called for one in edited if one.reading.whole))
    strand = "both strands" if len(strands) > 1 else "plus strand" if strands == {1} else "minus strand"
    code = f"genetic code{'s' if len(codes) > 1 else ''} {_listed(map(str, codes))}"
    return "; ".join([*([_listed(names)] if names else []), strand, code])


def notices_of(readings: Sequence[Sequence[Chosen]], frames: Sequence[Frames], ids: Sequence[str]) -> tuple[str, ...]:
    """Sentences: coding sequences that are left alone, codons that are fixed, letters of several frames."""
    said = [
        f"record {name}, {one.codons.reading.called}: not edited, since {one.problem}"
        for name, row in zip(ids, readings, strict=True)
        for one in row
        if one.edited and one.problem
    ]
    if len(said) > _NAMED:
        said = [*said[:_NAMED], f"{len(said) - _NAMED} more coding sequences not edited for such reasons"]
    silent = sum(one.edited and one.codons.reading.table is None for row in readings for one in row)
    tables = {one.codons.table for row in readings for one in row if one.edited and one.codons.reading.table is None}
    if silent and tables:
        said.append(f"genetic code {_listed(map(str, sorted(tables)))} where the file names none")
    reasons = Counter(np.concatenate([one.fixed for one in frames] or [np.zeros(0, np.uint8)]).tolist())
    fixed = [f"{reasons[code]} {what}" for code, what in WHY.items() if reasons[code] and code != UNCLEAR]
    if fixed:
        said.append(f"codons kept as they are: {', '.join(fixed)}")
    stray = sum(len(one.codons.stray) for row in readings for one in row if one.edited)
    if stray:
        said.append(f"{counted(stray, 'letter')} of incomplete codons kept as they are")
    return (*said, *_about_frames(frames))


def _about_frames(frames: Sequence[Frames]) -> list[str]:
    shared, free = sum(one.shared for one in frames), sum(one.shared_free for one in frames)
    if not shared:
        return []
    conflicts = sum(one.conflicts for one in frames)
    said = (
        f"{counted(shared, 'letter')} lie in more than one frame: {free} can change, only where it is synonymous in all"
    )
    if conflicts:
        said += f"; {counted(conflicts, 'synonym')} left out that would not be one beside another edit"
    return [said]


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    if len(shown) > _NAMED + 1:
        shown = [*shown[:_NAMED], f"{len(shown) - _NAMED} others"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
