"""From the long table of an inspection to the numbers one quotes, with intervals over records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from seqrobust.analysis.inspect.divergence import median
from seqrobust.analysis.inspect.inspecting import INPUT, KINDS
from seqrobust.statistics import Units, mean_interval, mean_of, proportion, ratio_interval, share_interval, units_of

_QUARTILES = (0.25, 0.5, 0.75)

Values = NDArray[np.float64]


def inspect_metrics(
    table: pd.DataFrame, layers: Mapping[str, str], clusters: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """``metrics.json`` of an inspection.

    Args:
        table: rows of :class:`~seqrobust.analysis.inspect.inspecting.Found`.
        layers: class of each layer, in the order they were called.
        clusters: number of each record's cluster, by id; None where records are independent.
    """
    cells = {key: Cell(part, clusters) for key, part in _cells(table)}
    flips = {kind: cells["edits", "", kind, "flips"] for kind in KINDS}
    n = len(flips["adversarial"].values)
    hits = {kind: int(cell.values.sum()) for kind, cell in flips.items()}
    return {
        "n": n,
        "mean_edits": float(cells["edits", "", "adversarial", "count"].values.mean()),
        "flips": {kind: proportion(hits[kind], n) for kind in KINDS},
        "flips_ci": {kind: share_interval(cell.values, cell.units) for kind, cell in flips.items()},
        "layers": [_layer(name, layers[name], cells) for name in layers if ("layers", name, *_FIRST) in cells],
        "recurrent": _recurrent(cells),
        "linearity": _linearity(cells),
    }


_FIRST = ("adversarial", "amplification")


class Cell:
    """The values of one measure, a record each, and their independent units."""

    def __init__(self, part: pd.DataFrame, clusters: Mapping[str, int] | None) -> None:
        self.values: Values = part["value"].to_numpy(np.float64)
        self.units: Units = None if clusters is None else np.array([clusters[one] for one in part["id"]], np.int64)

    @property
    def mean(self) -> tuple[float | None, list[float] | None]:
        """Mean and interval."""
        return mean_of(self.values), mean_interval(self.values, self.units)


Cells = Mapping[tuple[str, str, str, str], Cell]


def _cells(table: pd.DataFrame) -> Any:
    return table.groupby(["part", "layer", "edits", "measure"], sort=False)


def _layer(name: str, kind: str, cells: Cells) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "kind": kind}
    for edits in KINDS:
        for measure in ("relative_difference", "amplification"):
            entry[f"{edits}_{measure}"], entry[f"{edits}_{measure}_ci"] = cells["layers", name, edits, measure].mean
    if name != INPUT:
        one, other = (cells["layers", name, edits, "amplification"] for edits in KINDS)
        entry["ratio"], entry["ratio_ci"] = _ratio(one, other)
    return entry


def _recurrent(cells: Cells) -> dict[str, Any]:
    names = list(dict.fromkeys(layer for part, layer, *_ in cells if part == "recurrent"))
    return {
        name: {kind: _travel(name, kind, cells) for kind in KINDS if ("recurrent", name, kind, "half_life") in cells}
        for name in names
    }


def _travel(name: str, kind: str, cells: Cells) -> dict[str, Any]:
    half = cells["recurrent", name, kind, "half_life"].values
    known = half[~np.isnan(half)]
    censored = int(np.isinf(known).sum())
    entry: dict[str, Any] = {
        "half_life_median": median(half),
        "n": len(known),
        "censored": proportion(censored, len(known)),
        "steps_left_median": float(np.median(cells["recurrent", name, kind, "steps_left"].values)),
    }
    for measure in ("at_edit", "peak", "kept", "gates_at", "gates_after"):
        entry[measure], entry[f"{measure}_ci"] = cells["recurrent", name, kind, measure].mean
    return entry


def _linearity(cells: Cells) -> dict[str, Any] | None:
    found = {kind: _ways(kind, cells) for kind in KINDS if ("linearity", "", kind, "exact") in cells}
    return found or None


def _ways(kind: str, cells: Cells) -> dict[str, Any]:
    one = {
        measure: cells["linearity", "", kind, measure].values
        for measure in ("exact", "radius", "radius_edits", "regions", "complete", "good_until")
    }
    guess, truth = (cells["linearity", "", kind, f"{which}_change"].values for which in ("predicted", "true"))
    moved = np.abs(truth) > 1e-9
    agree = np.sign(guess[moved]) == np.sign(truth[moved])
    units = units_of(cells["linearity", "", kind, "true_change"].units, moved)
    constant = len(truth) < 3 or np.ptp(guess) == 0 or np.ptp(truth) == 0
    entry: dict[str, Any] = {
        "n": len(truth),
        "exact": float(one["exact"].mean()),
        "complete": float(one["complete"].mean()),
        "mean_true_change": float(truth.mean()),
        "mean_predicted_change": float(guess.mean()),
        "predicted_share_median": float(np.median(guess[moved] / truth[moved])) if moved.any() else None,
        "sign_agreement": proportion(int(agree.sum()), int(moved.sum())),
        "sign_agreement_ci": share_interval(agree, units),
        "spearman": None if constant else float(spearmanr(guess, truth).statistic),
        "r2_of_prediction": _explained(guess, truth),
    }
    for measure in ("radius", "radius_edits", "regions", "good_until"):
        known = one[measure][~np.isnan(one[measure])]
        # The lower of two middle values: an infinite radius has no mean with a finite one.
        entry[measure] = [float(np.quantile(known, q, method="lower")) for q in _QUARTILES] if len(known) else None
    return entry


def _explained(guess: Values, truth: Values) -> float | None:
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float(((truth - guess) ** 2).sum()) / spread if spread > 0 else None


def _ratio(first: Cell, second: Cell) -> tuple[float | None, list[float] | None]:
    """Ratio of two means over the same records, and its interval; None where nothing moves."""
    known = np.isfinite(first.values) & np.isfinite(second.values)
    one, other = first.values[known], second.values[known]
    if not len(one) or not other.mean() > 0:
        return None, None
    return float(one.mean() / other.mean()), ratio_interval(one, other, units_of(first.units, known))
