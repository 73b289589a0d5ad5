"""Readers: every format becomes one table of rows, and every table becomes a :class:`SequenceSet` in one place."""

from seqrobust.sequences.readers.letters import guess_alphabet
from seqrobust.sequences.readers.loading import Loaded, read_sequences, read_table
from seqrobust.sequences.readers.source import SUFFIXES
from seqrobust.sequences.readers.table import Columns

__all__ = ["SUFFIXES", "Columns", "Loaded", "guess_alphabet", "read_sequences", "read_table"]
