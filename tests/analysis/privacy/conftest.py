"""Makes the audits importable under one name, whatever the import mode; one of them is answered once for all tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from seqrobust.progress import Silent

_spec = importlib.util.spec_from_file_location("audits", Path(__file__).with_name("audits.py"))
if _spec is None or _spec.loader is None:
    raise ImportError("tests/analysis/privacy/audits.py is missing")
_module = importlib.util.module_from_spec(_spec)
sys.modules["audits"] = _module
_spec.loader.exec_module(_module)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memorising net and its records, audited with ten shadow models, two files of them."""
    made = tmp_path_factory.mktemp("privacy")
    _module.write_records(made)
    _module.write_model(made)
    _module.audited(_module.call(made, shadows=10, label_only=True), Silent())
    return made
