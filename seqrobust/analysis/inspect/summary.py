"""From the long table of an inspection to the numbers one quotes, with bootstrap intervals over records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from seqrobust.analysis.inspect.divergence import median
from seqrobust.analysis.inspect.inspecting import INPUT, KINDS
from seqrobust.analysis.intervals import proportion, wilson

_RESAMPLES = 1000
_QUARTILES = (0.25, 0.5, 0.75)

Values = NDArray[np.float64]


def inspect_metrics(table: pd.DataFrame, layers: Mapping[str, str]) -> dict[str, Any]:
    """``metrics.json`` of an inspection.

    Args:
        table: rows of :class:`~seqrobust.analysis.inspect.inspecting.Found`.
        layers: class of each layer, in the order they were called.
    """
    cells = {key: part["value"].to_numpy(np.float64) for key, part in _cells(table)}
    flips = {kind: cells["edits", "", kind, "flips"] for kind in KINDS}
    n = len(flips["adversarial"])
    hits = {kind: int(values.sum()) for kind, values in flips.items()}
    return {
        "n": n,
        "mean_edits": float(cells["edits", "", "adversarial", "count"].mean()),
        "flips": {kind: proportion(hits[kind], n) for kind in KINDS},
        "flips_ci": {kind: wilson(hits[kind], n) for kind in KINDS},
        "layers": [_layer(name, layers[name], cells) for name in layers if ("layers", name, *_FIRST) in cells],
        "recurrent": _recurrent(cells),
        "linearity": _linearity(cells),
    }


_FIRST = ("adversarial", "amplification")

Cells = Mapping[tuple[str, str, str, str], Values]


def _cells(table: pd.DataFrame) -> Any:
    return table.groupby(["part", "layer", "edits", "measure"], sort=False)


def _layer(name: str, kind: str, cells: Cells) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "kind": kind}
    for edits in KINDS:
        for measure in ("relative_difference", "amplification"):
            values = cells["layers", name, edits, measure]
            entry[f"{edits}_{measure}"], entry[f"{edits}_{measure}_ci"] = mean_interval(values)
    if name != INPUT:
        one, other = (cells["layers", name, edits, "amplification"] for edits in KINDS)
        entry["ratio"], entry["ratio_ci"] = ratio_interval(one, other)
    return entry


def _recurrent(cells: Cells) -> dict[str, Any]:
    names = list(dict.fromkeys(layer for part, layer, *_ in cells if part == "recurrent"))
    return {
        name: {kind: _travel(name, kind, cells) for kind in KINDS if ("recurrent", name, kind, "half_life") in cells}
        for name in names
    }


def _travel(name: str, kind: str, cells: Cells) -> dict[str, Any]:
    half = cells["recurrent", name, kind, "half_life"]
    known = half[~np.isnan(half)]
    censored = int(np.isinf(known).sum())
    entry: dict[str, Any] = {
        "half_life_median": median(half),
        "n": len(known),
        "censored": proportion(censored, len(known)),
        "steps_left_median": float(np.median(cells["recurrent", name, kind, "steps_left"])),
    }
    for measure in ("at_edit", "peak", "kept", "gates_at", "gates_after"):
        entry[measure], entry[f"{measure}_ci"] = mean_interval(cells["recurrent", name, kind, measure])
    return entry


def _linearity(cells: Cells) -> dict[str, Any] | None:
    found = {kind: _ways(kind, cells) for kind in KINDS if ("linearity", "", kind, "exact") in cells}
    return found or None


def _ways(kind: str, cells: Cells) -> dict[str, Any]:
    one = {
        measure: cells["linearity", "", kind, measure]
        for measure in ("exact", "radius", "radius_edits", "regions", "complete", "good_until")
    }
    guess, truth = (cells["linearity", "", kind, f"{which}_change"] for which in ("predicted", "true"))
    moved = np.abs(truth) > 1e-9
    right = int((np.sign(guess[moved]) == np.sign(truth[moved])).sum())
    constant = len(truth) < 3 or np.ptp(guess) == 0 or np.ptp(truth) == 0
    entry: dict[str, Any] = {
        "n": len(truth),
        "exact": float(one["exact"].mean()),
        "complete": float(one["complete"].mean()),
        "mean_true_change": float(truth.mean()),
        "mean_predicted_change": float(guess.mean()),
        "predicted_share_median": float(np.median(guess[moved] / truth[moved])) if moved.any() else None,
        "sign_agreement": proportion(right, int(moved.sum())),
        "sign_agreement_ci": wilson(right, int(moved.sum())),
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


def mean_interval(values: Values) -> tuple[float | None, list[float] | None]:
    """Mean over records and its 95 % bootstrap interval (percentiles, fixed seed); unknown and infinite left out."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None, None
    if len(known) < 2:
        return float(known.mean()), None
    drawn = known[_indices(len(known))].mean(1)
    return float(known.mean()), [float(end) for end in np.quantile(drawn, (0.025, 0.975))]


def ratio_interval(one: Values, other: Values) -> tuple[float | None, list[float] | None]:
    """Ratio of two means over the same records, and its 95 % bootstrap interval; None where nothing moves."""
    known = np.isfinite(one) & np.isfinite(other)
    one, other = one[known], other[known]
    if not len(one) or not other.mean() > 0:
        return None, None
    chosen = _indices(len(one))
    below = other[chosen].mean(1)
    drawn = one[chosen].mean(1)[below > 0] / below[below > 0]
    interval = [float(end) for end in np.quantile(drawn, (0.025, 0.975))] if len(one) > 1 else None
    return float(one.mean() / other.mean()), interval


def _indices(n: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, n, (_RESAMPLES, n))
