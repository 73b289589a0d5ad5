"""Makes the planted models and the operations' cases importable under one name, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

for _name in ("masked_models", "operation_cases"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    if _spec is None or _spec.loader is None:
        raise ImportError(f"tests/analysis/{_name}.py is missing")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_name] = _module
    _spec.loader.exec_module(_module)
