"""Readers: every format becomes one table of rows, and every table becomes a :class:`SequenceSet` in one place."""

from seqrobust.sequences.readers.candidates import label_columns
from seqrobust.sequences.readers.letters import guess_alphabet
from seqrobust.sequences.readers.loading import Loaded, read_sequences
from seqrobust.sequences.readers.source import SUFFIXES
from seqrobust.sequences.readers.table import Columns

__all__ = ["SUFFIXES", "Columns", "Loaded", "guess_alphabet", "label_columns", "read_sequences"]
