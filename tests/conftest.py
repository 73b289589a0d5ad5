"""Fixtures that many tests share: real data where it is to be had, and one thread per process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

from seqrobust.resources import data_root as find_data_root


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data sets; a test that asks for it is skipped where there is none."""
    root = find_data_root()
    if root is None:
        pytest.skip("no real data: set SEQROBUST_DATA to the folder that holds uci_splice, flip_gb1 ...")
    return root
