"""Makes the small models importable under one name, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

for _name in ("wrapped_models", "random_modules"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    if _spec is None or _spec.loader is None:
        raise ImportError(f"tests/models/{_name}.py is missing")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_name] = _module
    _spec.loader.exec_module(_module)
