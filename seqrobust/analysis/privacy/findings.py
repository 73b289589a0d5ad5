"""What an audit of membership found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.membership.scores import Floats
from seqrobust.analysis.privacy.picture import draw_privacy
from seqrobust.files import replacing


@dataclass(frozen=True, kw_only=True, eq=False)
class PrivacyFindings:
    """What an audit of membership found.

    Attributes:
        name: of the model.
        results: a row per record, the most exposed first.
        metrics: what ``metrics.json`` holds.
        scores: (N,) by attack, large where a record looks like a member.
        is_member: (N,) bool, in the order of the scores.
        draw: whether to draw.
    """

    name: str
    results: pd.DataFrame
    metrics: dict[str, Any]
    scores: Mapping[str, Floats]
    is_member: NDArray[np.bool_]
    draw: bool

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet`` and ``privacy.png``."""
        with replacing(folder / "results.parquet") as temporary:
            self.results.to_parquet(temporary, index=False)
        if self.draw:
            draw_privacy(folder / "privacy.png", self.scores, self.is_member, self.metrics)
