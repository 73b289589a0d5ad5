"""Keep memory that is freed and asked for again, over and over, in the process.

The C library hands large blocks back to the system when they are freed, and every page of the next one has to be
mapped and cleared again. For batch after batch of the same tensors that can cost as much as the arithmetic.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt`` in glibc."""

KEPT = 1 << 30
"""Bytes: blocks smaller than this come from the heap, and as much may stay free at its end."""


def keep_freed_memory() -> bool:
    """Tell the C library so, for the whole process; whether it could be told. For programs, not for libraries."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, KEPT)) and bool(mallopt(_TRIM_THRESHOLD, KEPT))
