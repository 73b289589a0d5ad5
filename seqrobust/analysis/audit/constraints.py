"""Constraints asked again about the sequences as they were written, GC content and runs by counting letters."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import torch

from seqrobust.analysis.audit.aligned import clean_places
from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.threats.constraints.base import Constraint
from seqrobust.threats.constraints.composition import GCContent
from seqrobust.threats.constraints.conjunction import AllOf
from seqrobust.threats.constraints.homopolymers import LongestRun

_NAME = "constraints kept"
_SLACK = 1e-6
_AT_ONCE = 4096


def constraints_kept(table: AttackTable) -> Outcome | None:
    """Every written sequence keeps to every constraint, as far as its clean record does; None without any."""
    parts = table.problem.threat.constraints
    what = "each written sequence, read anew, against the constraints"
    if not parts:
        return None
    rows = np.flatnonzero(table.record >= 0)
    faults = {int(row): f"{table.called(int(row))}: {why}" for row, why in _refused(table, parts, rows)}
    for row in rows.tolist():
        before, after = table.sequences.texts[table.record[row]], table.results["adversarial_sequence"].iloc[row]
        for part in _flat(parts):
            if (why := _counted(part, before, after)) and row not in faults:
                faults[row] = f"{table.called(row)}: {why}"
    return faults_of(_NAME, what, len(rows), [faults[row] for row in sorted(faults)])


def _refused(table: AttackTable, parts: tuple[Constraint, ...], rows: np.ndarray) -> list[tuple[int, str]]:
    """Rows that the constraints refuse, and why, bound anew to the clean records and the written texts."""
    sequences, found = table.sequences, []
    bound = AllOf(parts=parts).bind(sequences)
    for piece in np.array_split(rows, max(len(rows) // _AT_ONCE, 1)):
        texts = [table.results["adversarial_sequence"].iloc[row] for row in piece.tolist()]
        tokens = torch.tensor(tokens_from_texts(texts, sequences.alphabet))
        record = torch.tensor(table.record[piece])
        moved = _moved(table, piece, tokens.shape[1])
        for at in torch.nonzero(~bound.allows(tokens, record, moved)).flatten().tolist():
            why = bound.reason(tokens[at], int(record[at]), None if moved is None else moved[at])
            found.append((int(piece[at]), why or "a constraint refuses it"))
    return found


def _moved(table: AttackTable, rows: np.ndarray, width: int) -> torch.Tensor | None:
    """(rows, width) which clean letter each written one is, by the names of the edits; None where none can move."""
    if not table.moves.startswith("indels"):
        return None
    found = torch.full((len(rows), width), -1)
    for at, row in enumerate(rows.tolist()):
        text, edits = table.sequences.texts[table.record[row]], str(table.results["edits"].iloc[row] or "")
        places = clean_places(len(text), edits, table.moves.partition(":")[2] or "left")[:width]
        found[at, : len(places)] = torch.tensor(places)
    return found


def _flat(parts: tuple[Constraint, ...]) -> list[Constraint]:
    return [inner for part in parts for inner in (_flat(part.parts) if isinstance(part, AllOf) else [part])]


def _counted(part: Constraint, before: str, after: str) -> str:
    """Why a written text breaks a rule that is simple enough to be counted by hand; empty where it does not."""
    if isinstance(part, GCContent):
        clean, content = _gc(before), _gc(after)
        if clean is None or content is None:
            return ""
        near = part.around_clean
        low, high = (part.low, part.high) if near is None else (clean - near, clean + near)
        inside = min(low, clean) - _SLACK <= content <= max(high, clean) + _SLACK
        return "" if inside else f"GC content is {content:.4f}, that of the clean record {clean:.4f}"
    if isinstance(part, LongestRun):
        longest = _longest(after)
        return "" if longest <= max(part.limit, _longest(before)) else f"a letter stands {longest} times in a row"
    return ""


def _gc(text: str) -> float | None:
    known = sum(text.count(letter) for letter in "ACGTU")
    return (text.count("G") + text.count("C")) / known if known else None


def _longest(text: str) -> int:
    """Of letters that are no ambiguity codes of nucleotides or proteins alike, where that is certain."""
    return max((len(list(run)) for letter, run in groupby(text) if letter in "ACGTU"), default=0)
