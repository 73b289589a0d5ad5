"""Shipped files and data folders are found where they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqrobust.resources import configs_root, data_root


def test_configs_are_found() -> None:
    assert (configs_root() / "quickstart.yaml").is_file()


def test_data_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQROBUST_DATA", str(tmp_path))
    assert data_root() == tmp_path
