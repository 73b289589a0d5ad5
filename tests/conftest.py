"""What all tests share: real data where it is to be had, one thread per process, pictures painted where they matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

import pictures

from seqrobust.resources import data_root as find_data_root


def pytest_configure(config: pytest.Config) -> None:
    """Pictures are painted where a test is about them."""
    pictures.install(config)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data sets; a test that asks for it is skipped where there is none."""
    root = find_data_root()
    if root is None:
        pytest.skip("no real data: set SEQROBUST_DATA to the folder that holds uci_splice, flip_gb1 ...")
    return root
