"""Where shipped configs lie (in a checkout or inside a wheel), and where real data sets do."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path


def _checkout() -> Path | None:
    """The root of the checkout this package is imported from, or None when it was installed."""
    root = Path(__file__).resolve().parents[1]
    return root if (root / "pyproject.toml").is_file() else None


def configs_root() -> Path:
    """The folder of shipped configs."""
    packaged = Path(str(files("seqrobust"))) / "configs"
    checkout = _checkout()
    if not packaged.is_dir() and checkout is not None:
        return checkout / "configs"
    return packaged


def data_root() -> Path | None:
    """``$SEQROBUST_DATA``, or a folder ``shared/data`` beside the checkout, or None."""
    if named := os.environ.get("SEQROBUST_DATA"):
        return Path(named)
    checkout = _checkout()
    beside = checkout.parent / "shared" / "data" if checkout else None
    return beside if beside is not None and beside.is_dir() else None
