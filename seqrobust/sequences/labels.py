"""Small shared views of a set: which of its target columns hold classes, and which records hold the same sequence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.sequences.sequence_set import SequenceSet

_MOST_INTEGER_CLASSES = 50


def numbers(column: pd.Series) -> NDArray[np.float64] | None:
    """A target column as numbers, NaN where empty; None where it holds names."""
    text = column.astype(str).str.strip()
    missing = column.isna() | (text == "")
    values = pd.to_numeric(text.where(~missing), errors="coerce").to_numpy(np.float64)
    return None if (np.isnan(values) & ~missing.to_numpy()).any() or missing.all() else values


def class_names(column: pd.Series) -> NDArray[np.object_] | None:
    """A target column as class names, empty where missing; None where it holds measurements.

    Names are classes; so are whole numbers of at most fifty different values.
    """
    values = numbers(column)
    text = column.astype(str).str.strip().where(column.notna(), "")
    if values is None:
        return np.array(text.tolist(), object)
    present = values[~np.isnan(values)]
    # What is infinite is no class number either.
    if (
        not np.isfinite(present).all()
        or (present != present.round()).any()
        or len(np.unique(present)) > _MOST_INTEGER_CLASSES
    ):
        return None
    return np.array(["" if np.isnan(value) else str(int(value)) for value in values], object)


def same_sequence(sequences: SequenceSet) -> NDArray[np.int64]:
    """(N,): records with the same letters share a number, counted from 0 by first appearance."""
    return pd.factorize(np.array(sequences.texts, object))[0].astype(np.int64)


def same_molecule(sequences: SequenceSet) -> NDArray[np.int64]:
    """(N,): as :func:`same_sequence`, a sequence and its reverse complement counting as one; protein has one strand."""
    complement = sequences.alphabet.complement
    if not complement:
        return same_sequence(sequences)
    table = str.maketrans(dict(complement))
    canonical = [min(text, text.translate(table)[::-1]) for text in sequences.texts]
    return pd.factorize(np.array(canonical, object))[0].astype(np.int64)
