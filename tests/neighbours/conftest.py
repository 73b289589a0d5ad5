"""Makes the zoo importable under one name, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_FOLDER = Path(__file__).with_name("zoo")
_spec = importlib.util.spec_from_file_location(
    "neighbours_zoo", _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
)
if _spec is None or _spec.loader is None:
    raise ImportError("tests/neighbours/zoo is missing")
_module = importlib.util.module_from_spec(_spec)
sys.modules["neighbours_zoo"] = _module
_spec.loader.exec_module(_module)
