"""Makes the zoo importable under its own names, whatever the import mode."""

from __future__ import annotations

import sys
from pathlib import Path

if (_here := str(Path(__file__).parent)) not in sys.path:
    sys.path.insert(0, _here)
