"""What attributions of many records amount to, added up batch by batch: how well each method finds what is annotated,
how nearly its sums come out, and how far methods agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.attribution.agreement import pair_metrics, rank_correlations
from seqrobust.analysis.attribution.compute import Attribution, position_importance
from seqrobust.analysis.attribution.methods import Method
from seqrobust.analysis.attribution.null import TURNS, placement_null, turned_areas
from seqrobust.analysis.attribution.others import comparable_records, others_null
from seqrobust.analysis.attribution.truth import Agreement, Truth, compare, truth_metrics
from seqrobust.sequences import SequenceSet
from seqrobust.statistics import units_of

WIDE = 0.01
"""Share of the difference by which contributions may miss their sum before it is said."""


class AttributionSummary:
    """Adds up attributions.

    Args:
        sequences: the N records.
        methods: those that are asked.
        truth: where function is annotated; None where nothing is.
        classes: N names of the classes that are told apart; None for none.
    """

    def __init__(
        self, sequences: SequenceSet, methods: Sequence[Method], truth: Truth | None, classes: NDArray[np.str_] | None
    ) -> None:
        self._sequences, self._methods, self._truth, self._classes = sequences, methods, truth, classes
        count, apart = len(sequences), () if truth is None else tuple(truth.apart)
        # Rows of Agreement: over all functional positions, then for each region name.
        self._found = {
            method.name: np.full((1 + len(apart), len(Agreement._fields), count), np.nan) for method in methods
        }
        turns = min(int(sequences.lengths.max(initial=1)), TURNS)
        self._turned = {method.name: np.full((turns, count), np.nan, np.float32) for method in methods}
        self._compared = np.zeros(0, np.int64)
        if truth is not None:
            self._compared = comparable_records(sequences.lengths, truth.functional)
        self._importances: dict[str, list[NDArray[np.float32]]] = {method.name: [] for method in methods}
        self._sums = {method.name: np.full((2, count), np.nan) for method in methods}
        names = [method.name for method in methods]
        self._pairs = {pair: np.full(count, np.nan) for pair in combinations(names, 2)}

    def add(self, rows: slice, attributions: Mapping[str, Attribution]) -> None:
        """What every method says of some records."""
        tokens, letters = self._sequences.tokens[rows], self._sequences.alphabet.size
        importances = {}
        for method in self._methods:
            values, delta, difference = attributions[method.name]
            importances[method.name] = position_importance(values, tokens, letters, method.importance)
            self._sums[method.name][:, rows] = delta, difference
            if self._truth is not None:
                background = self._truth.background[rows]
                for number, functional in enumerate([self._truth.functional, *self._truth.apart.values()]):
                    found = compare(importances[method.name], functional[rows], background)
                    self._found[method.name][number, :, rows] = np.array(found)
                self._turn(method.name, rows, importances[method.name])
                held = np.isin(np.arange(len(self._sequences))[rows], self._compared)
                self._importances[method.name].append(importances[method.name][held])
        for (one, other), each in self._pairs.items():
            each[rows] = rank_correlations(importances[one], importances[other])

    def _turn(self, name: str, rows: slice, importance: NDArray[np.float32]) -> None:
        """The AUROC of some records with their labels placed elsewhere."""
        truth, turned = self._truth, self._turned[name]
        assert truth is not None
        for values, record in zip(importance, range(len(self._sequences))[rows], strict=True):
            length = int(self._sequences.lengths[record])
            inside = truth.functional[record, :length]
            kept = inside | truth.background[record, :length]
            if kept.any():
                strength = np.abs(values[:length]).astype(np.float64)
                turned[:, record] = turned_areas(strength, inside, kept, len(turned))

    def _others(self, name: str) -> dict[str, Any]:
        """The AUROC of other records' importances."""
        truth, rows = self._truth, self._compared
        assert truth is not None
        inside = truth.functional[rows]
        importance = np.concatenate(self._importances[name]) if len(rows) else np.zeros(inside.shape, np.float32)
        kept = inside | truth.background[rows]
        return others_null(importance, inside, kept, units_of(self._sequences.units, rows))

    def of_method(self, method: Method) -> dict[str, Any]:
        """The keys of ``metrics.json`` for one method."""
        found: dict[str, Any] = {"importance": method.importance}
        units = self._sequences.units
        if self._truth is not None:
            together, *apart = (Agreement(*part) for part in self._found[method.name])
            found |= truth_metrics(together, units=units)
            found["region_auroc_null"] = placement_null(self._turned[method.name].astype(np.float64))
            found["region_auroc_others"] = self._others(method.name)
            if self._classes is not None:
                rows = {name: self._classes == name for name in np.unique(self._classes).tolist()}
                found["per_class"] = {name: truth_metrics(together, chosen, units) for name, chosen in rows.items()}
            named = zip(self._truth.apart, apart, strict=True)
            found["per_region"] = {name: truth_metrics(each, units=units) for name, each in named}
        if method.adds_up:
            delta, difference = self._sums[method.name]
            size = float(np.abs(difference).mean())
            found["completeness_delta"] = float(np.abs(delta).mean()) / size if size > 0 else None
            found["completeness_delta_worst"] = float(np.abs(delta).max()) / size if size > 0 else None
        return found

    def agreement(self) -> dict[str, dict[str, Any]]:
        """For each pair of methods the mean rank correlation over records, with its interval; under both names."""
        found: dict[str, dict[str, Any]] = {method.name: {} for method in self._methods}
        for (one, other), each in self._pairs.items():
            found[one][other] = found[other][one] = pair_metrics(each, self._sequences.units)
        return found

    def table(self) -> pd.DataFrame:
        """A row per record and method: how it agrees with annotation, and by how much its sum is missed."""
        parts = []
        for method in self._methods:
            found = Agreement(*self._found[method.name][0])
            columns = {
                "region_auroc": found.auroc,
                "region_aupr": found.precision,
                "base_rate": found.base_rate,
                "mass_in_regions": found.mass,
            }
            delta, difference = self._sums[method.name]
            about = {"id": self._sequences.ids, "method": method.name}
            parts.append(pd.DataFrame({**about, **columns, "completeness_delta": delta, "difference": difference}))
        joined: pd.DataFrame = pd.concat(parts, ignore_index=True)
        return joined
