"""The records of a split in a file of their own, for questions that are asked of a run's model."""

from __future__ import annotations

from pathlib import Path

from seqrobust.sequences.data_config import Data
from seqrobust.sequences.data_source import Columns, DataSource
from seqrobust.sequences.writing import write_sequences


def written_split(data: Data, split: str, folder: Path) -> DataSource:
    """Write ``records-SPLIT.tsv.gz``, and say how it is read. Raises DataError for a split without records."""
    sequences, _ = data.in_split(split)
    path = folder / f"records-{split}.tsv.gz"
    write_sequences(sequences, path)
    assert sequences.targets is not None
    cluster = None if sequences.clusters is None else "cluster"
    return DataSource(path=path, columns=Columns(targets=tuple(map(str, sequences.targets.columns)), cluster=cluster))
