"""Files read back after they were written: the table is the one that was audited, and sequences are the table's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from Bio.SeqIO.FastaIO import SimpleFastaParser

from seqrobust.analysis.audit.outcome import Outcome, faults_of

TABLE, SEQUENCES = "results.parquet", "adversarial.fa"


def files_read_back(folder: Path, findings: Any) -> Iterator[Outcome]:
    """What a run left under the names that every attack's files have; nothing for findings without such a table.

    Args:
        folder: of results.
        findings: with the table as ``results``, where there is one.
    """
    table = getattr(findings, "results", None)
    if not isinstance(table, pd.DataFrame) or not (folder / TABLE).exists():
        return
    read = pd.read_parquet(folder / TABLE)
    faults = [] if _same(table, read) else [f"{TABLE} holds other rows than those that were checked"]
    yield faults_of("the table read back", f"{TABLE} against the rows that were checked", len(read), faults)
    if (folder / SEQUENCES).exists() and {"success", "adversarial_sequence"} <= set(read):
        yield _sequences(folder / SEQUENCES, read)


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """The same values in the same order of rows; columns may stand in another."""
    if set(one) != set(other) or len(one) != len(other):
        return False
    return all(_cells(one[name]) == _cells(other[name]) for name in one)


def _cells(column: pd.Series) -> list[str]:
    return ["" if missing else str(value) for value, missing in zip(column.tolist(), column.isna(), strict=True)]


def _sequences(path: Path, table: pd.DataFrame) -> Outcome:
    """As many sequences as records whose goal is reached, each that of its smallest budget."""
    with path.open(encoding="utf-8") as handle:
        written = [text for _, text in SimpleFastaParser(handle)]
    reached = table[table["success"].fillna(value=False).astype(bool)].drop_duplicates("id")
    expected = reached["adversarial_sequence"].tolist()
    faults = [] if written == expected else [f"{len(written)} sequences are not those of {len(expected)} records"]
    return faults_of("sequences read back", f"{SEQUENCES} against the table", len(written), faults)
