"""Makes the genes importable under one name, whatever the import mode."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("threats_genes", Path(__file__).with_name("genes.py"))
if _spec is None or _spec.loader is None:
    raise ImportError("tests/threats/genes.py is missing")
_module = importlib.util.module_from_spec(_spec)
sys.modules["threats_genes"] = _module
_spec.loader.exec_module(_module)
