"""A network, its attack, and the table of that as it should be or spoiled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import seqrobust as sr
from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attack.study import AttackReady, prepare
from seqrobust.analysis.attacked import attacked
from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.invariants import OF_ATTACKS, checked
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.room import Work
from seqrobust.api.subjects import subject_of
from seqrobust.attacks.settings import AttackSettings
from seqrobust.progress import Silent
from seqrobust.sequences import SequenceSet

RECORDS, LENGTH = 8, 18
HOW: dict[str, Any] = {"task": "classification", "alphabet": "DNA", "labels": ("x", "y")}


class Net(nn.Module):
    """Two classes from sums of letters, and a pair of neighbours that counts."""

    def __init__(self, seed: int = 0, outputs: int = 2) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(outputs, 4, generator=generator) / 3)
        self.pair = nn.Parameter(torch.randn(outputs, generator=generator))

    def forward(self, encoded: Tensor) -> Tensor:
        pairs = (encoded[:, 0, :-1] * encoded[:, 2, 1:]).sum(1)
        return torch.einsum("nkl,ok->no", encoded, self.weight) + pairs[:, None] * self.pair


def some(*, letters: str = "ACGT", unknown: bool = True) -> SequenceSet:
    rng = np.random.default_rng(5)
    texts = ["".join(rng.choice(list(letters), LENGTH)) for _ in range(RECORDS)]
    if unknown:
        texts[0] = texts[0][:2] + "N" + texts[0][3:]
    return sr.records(
        texts,
        alphabet="DNA",
        targets=["xy"[i % 2] for i in range(RECORDS)],
        regions=[{"core": (3, 9)} for _ in range(RECORDS)],
    )


def table_of(module: nn.Module | None = None, records: SequenceSet | None = None, **asked: Any) -> AttackTable:
    """The table of a real attack, by default of one that protects ``core``."""
    settings = AttackSettings(**{"budget": "1..3", "attacks": ("quick",), "random_draws": 3, **asked})
    subject = subject_of(module or Net(), records or some(), name="net", labelled=True, **HOW)
    ready = prepare(subject, settings, Opening(device="cpu"))
    found = _attacked(ready)
    return AttackTable(problem=ready.problem, results=found.results, metrics=found.metrics, moves=ready.settings.moves)


def _attacked(ready: AttackReady) -> Any:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return attacked(ready.problem, ready.settings, Work(folder=Path(folder), progress=Silent()))


def verdicts(table: AttackTable) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in checked(table, OF_ATTACKS)}


def broken(table: AttackTable) -> set[str]:
    return {name for name, outcome in verdicts(table).items() if outcome.verdict == "broken"}


def spoiled(table: AttackTable, row: int, **values: Any) -> AttackTable:
    results = table.results.copy()
    for name, value in values.items():
        results.loc[row, name] = value
    return replace(table, results=results)


def rewritten(table: AttackTable, row: int, edits: dict[int, str]) -> AttackTable:
    """A row whose sequence has other letters, and says so."""
    before = table.sequences.texts[table.record[row]]
    after = "".join(edits.get(i, letter) for i, letter in enumerate(before))
    names = ";".join(f"{before[i]}{i + 1}{after[i]}" for i in sorted(edits))
    return spoiled(table, row, adversarial_sequence=after, edits=names, n_edits=len(edits))


def other(table: AttackTable, row: int, place: int) -> str:
    """A letter that does not stand there."""
    return next(letter for letter in "ACGT" if letter != table.sequences.texts[table.record[row]][place])
