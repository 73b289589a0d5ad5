"""Makes the planted models importable under one name, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("masked_models", Path(__file__).with_name("masked_models.py"))
if _spec is None or _spec.loader is None:
    raise ImportError("tests/analysis/evaluate/masked_models.py is missing")
_module = importlib.util.module_from_spec(_spec)
sys.modules["masked_models"] = _module
_spec.loader.exec_module(_module)
