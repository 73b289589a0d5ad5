"""Makes the helpers importable under one name, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

for _name in ("genes", "edit_scripts"):
    _spec = importlib.util.spec_from_file_location(f"threats_{_name}", Path(__file__).with_name(f"{_name}.py"))
    if _spec is None or _spec.loader is None:
        raise ImportError(f"tests/threats/{_name}.py is missing")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[f"threats_{_name}"] = _module
    _spec.loader.exec_module(_module)
