"""An audit that is answered once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from audits import audited, call, write_model, write_records

from seqrobust.progress import Silent


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memorising net and its records, audited with ten shadow models, two files of them."""
    made = tmp_path_factory.mktemp("privacy")
    write_records(made)
    write_model(made)
    audited(call(made, shadows=10, label_only=True), Silent())
    return made
