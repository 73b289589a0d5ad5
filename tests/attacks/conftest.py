"""Makes the helpers importable under one name each, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_HERE = Path(__file__).parent
for _name, _path in {
    "attacks_zoo": _HERE / "zoo.py",
    "threats_edit_scripts": _HERE.parent / "threats" / "edit_scripts.py",
}.items():
    _spec = importlib.util.spec_from_file_location(_name, _path)
    if _spec is None or _spec.loader is None:
        raise ImportError(f"{_path} is missing")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_name] = _module
    _spec.loader.exec_module(_module)
