"""Makes the operations' cases importable under one name, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("operation_cases", Path(__file__).with_name("operation_cases.py"))
if _spec is None or _spec.loader is None:
    raise ImportError("tests/analysis/attribution/operation_cases.py is missing")
_module = importlib.util.module_from_spec(_spec)
sys.modules["operation_cases"] = _module
_spec.loader.exec_module(_module)
