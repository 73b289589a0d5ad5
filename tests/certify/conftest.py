"""Makes the helpers of these tests importable under one name, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_ATTACKS = Path(__file__).parent.parent / "attacks"
for _name, _file in (("attacks_zoo", _ATTACKS / "zoo.py"), ("brute", Path(__file__).with_name("brute.py"))):
    _spec = importlib.util.spec_from_file_location(_name, _file)
    if _spec is None or _spec.loader is None:
        raise ImportError(f"{_file} is missing")
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_name] = _module
    _spec.loader.exec_module(_module)
