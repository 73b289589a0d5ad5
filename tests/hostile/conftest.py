"""Makes the helpers importable under one name each, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_HERE = Path(__file__).parent
for _name in ("mutating", "fuzzing", "subjects", "kills", "commands"):
    _spec = importlib.util.spec_from_file_location(f"hostile_{_name}", _HERE / f"{_name}.py")
    if _spec is None or _spec.loader is None:
        raise ImportError(f"{_name} is missing")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[f"hostile_{_name}"] = _module
    _spec.loader.exec_module(_module)
