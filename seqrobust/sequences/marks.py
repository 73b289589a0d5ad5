"""A mark of what records say, so that one can tell later whether others are the same."""

from __future__ import annotations

import hashlib

import numpy as np

from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.targets import Targets


def content_mark(sequences: SequenceSet, targets: Targets) -> str:
    """SHA-256 of letters and targets, in their order; names, groups and regions have no part in it."""
    mark = hashlib.sha256()
    for text in sequences.texts:
        mark.update(text.encode() + b"\n")
    mark.update("\n".join([targets.task, *targets.labels]).encode())
    mark.update(np.ascontiguousarray(targets.values, np.float32).tobytes())
    return mark.hexdigest()
