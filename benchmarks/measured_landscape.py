"""GB1's measured landscape and comparisons with it: what ``measured_effects.py`` looks up.

A variant is a number below 160,000, of its four letters at sites 39, 40, 41 and 54.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

from seqrobust.alphabet import PROTEIN
from seqrobust.run.config import find_config, read_config
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_config import Data, load_data

SITES = ("site39", "site40", "site41", "site54")
COLUMNS = (38, 39, 40, 53)
GOALS = ("up", "down")
CUTOFF = 0.5
"""Fitness above which every measured variant is in the table."""
NEIGHBOURS = 50
"""Test variants of the nearest predictions, which say what is to be expected of one."""
RANDOM = 3
_POWERS = np.array([8000, 400, 20, 1])
Numbers: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """The experiment: by number of a variant, (160000,) its fitness, NaN where the table has none, and its split.

    Attributes:
        held_out: (160000,) bool, measured variants that neither training nor validation saw.
    """

    data: Data
    fitness: Values
    split: NDArray[np.str_]
    held_out: NDArray[np.bool_]

    @property
    def test(self) -> Numbers:
        """Variants of the test split, in the order of its records."""
        return numbers(self.data.in_split("test")[0].tokens)

    @property
    def spread(self) -> float:
        """Standard deviation of the fitness of the test split, the shift that counts as success."""
        return float(self.fitness[self.test].std())

    @classmethod
    def read(cls, split: str, unseen: int | None = None) -> Landscape:
        """By a column of splits, and with variants of so many mutations held out, too."""
        config = read_config(find_config("gb1"), (f"data.split={split}",))
        data = load_data(config.data, config.task, config.seed)
        rows, splits = numbers(data.sequences.tokens), data.sequences.splits
        assert splits is not None
        fitness, lies = np.full(160_000, np.nan), np.full(160_000, "absent")
        fitness[rows], lies[rows] = data.targets.values[:, 0], splits
        held_out = lies == "test"
        if unseen is not None:
            wild = numbers(data.sequences.tokens[np.array(data.sequences.ids) == "VDGV"])
            held_out |= ~np.isnan(fitness) & (distance(np.arange(160_000), wild) == unseen)
        return cls(data=data, fitness=fitness, split=lies, held_out=held_out)


def numbers(tokens: NDArray[np.uint8]) -> Numbers:
    """(N,) variants as numbers, from (N, L) tokens."""
    return np.asarray(tokens[:, COLUMNS].astype(np.int64) @ _POWERS)


def letters(variants: Numbers) -> Numbers:
    """(N, 4) letters of variants."""
    return np.asarray(variants[..., None] // _POWERS % 20)


def named(variant: int) -> str:
    """Its four letters."""
    return "".join(PROTEIN.letters[i] for i in letters(np.array(variant)))


def distance(one: Numbers, other: Numbers) -> Numbers:
    """At how many of the sites two variants differ."""
    return np.asarray((letters(one) != letters(other)).sum(-1))


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """A constraint: only variants of a given list; the clean record is always allowed.

    Attributes:
        allowed: (160000,) bool.
        clean: (N,) the records' own variants, once bound.
    """

    allowed: torch.Tensor
    clean: torch.Tensor | None = None

    def describe(self) -> str:
        """In words."""
        return "measured variants that no training saw"

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> HeldOut:
        """On those records."""
        return replace(self, clean=torch.from_numpy(numbers(sequences.tokens)))

    def allows(self, tokens: torch.Tensor, records: torch.Tensor) -> torch.Tensor:
        """(M,) bool."""
        assert self.clean is not None
        variants = torch.from_numpy(numbers(tokens.numpy()))
        return self.allowed[variants] | (variants == self.clean[records])

    def reason(self, tokens: torch.Tensor, record: int) -> str | None:
        """Why a candidate is refused."""
        return None if bool(self.allows(tokens[None], torch.tensor([record]))) else "not measured, or seen in training"

    def take(self, records: torch.Tensor) -> HeldOut:
        """On some of the records."""
        return self if self.clean is None else replace(self, clean=self.clean[records])


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Variants, where each was edited from, and what a model says of all: the matter of every comparison.

    Attributes:
        start, end: (n,) variants.
        predicted: (160000,).
        sign: of the goal.
    """

    start: Numbers
    end: Numbers
    predicted: Values
    landscape: Landscape
    sign: int = 1

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Some of them."""
        return replace(self, start=self.start[chosen], end=self.end[chosen])

    @property
    def held_out(self) -> Pairs:
        """Those whose variant was measured, and not for training."""
        known = ~np.isnan(self.landscape.fitness[self.start])
        return self.where(self.landscape.held_out[self.end] & known)

    @property
    def promised(self) -> Values:
        """(n,) predicted change towards the goal."""
        return np.asarray(self.sign * (self.predicted[self.end] - self.predicted[self.start]))

    @property
    def kept(self) -> Values:
        """(n,) measured change towards the goal."""
        fitness = self.landscape.fitness
        return np.asarray(self.sign * (fitness[self.end] - fitness[self.start]))

    @property
    def gap(self) -> Values:
        """(n,) predicted less measured."""
        return np.asarray(self.predicted[self.end] - self.landscape.fitness[self.end])

    @property
    def successes(self) -> Pairs:
        """Those that move the prediction by a standard deviation."""
        return self.where(self.promised >= self.landscape.spread)

    def optimum(self, budget: int) -> Values:
        """(n,) the best that any so many edits do, times the sign of the goal."""
        cube = (self.sign * self.predicted).reshape(20, 20, 20, 20)
        free = list(combinations(range(4), budget))
        found = np.empty(len(self.start))
        for row, start in enumerate(letters(self.start).tolist()):
            parts = (cube[tuple(slice(None) if i in sites else start[i] for i in range(4))] for sites in free)
            found[row] = max(float(part.max()) for part in parts)
        return found

    def expected_gap(self) -> Values:
        """(n,) mean gap of the test variants whose predictions are nearest, each variant itself left out."""
        test = np.unique(self.landscape.test)
        gaps = self.predicted[test] - self.landscape.fitness[test]
        found = np.empty(len(self.end))
        for row, variant in enumerate(self.end):
            far = np.abs(self.predicted[test] - self.predicted[variant])
            far[test == variant] = np.inf
            found[row] = gaps[np.argpartition(far, NEIGHBOURS)[:NEIGHBOURS]].mean()
        return found

    def expected_absent(self, budget: int) -> Values:
        """(n,) share of absent ones among equal predictions as many edits from the same records, these left out."""
        landscape = self.landscape
        start, end = around(np.unique(self.start), budget)
        other = landscape.held_out[end] | (landscape.split[end] == "absent")
        other &= ~np.isin(start * 160_000 + end, self.start * 160_000 + self.end)
        pool = end[other]
        pool = pool[np.argsort(self.predicted[pool])]
        before = np.concatenate([[0], np.cumsum(landscape.split[pool] == "absent")])
        place = np.searchsorted(self.predicted[pool], self.predicted[self.end])
        first = np.clip(place - NEIGHBOURS // 2, 0, len(pool) - NEIGHBOURS)
        return np.asarray((before[first + NEIGHBOURS] - before[first]) / NEIGHBOURS)


def around(starts: Numbers, budget: int) -> tuple[Numbers, Numbers]:
    """Each variant with every one that many edits away: (m,) and (m,)."""
    own, pairs = letters(starts), []
    for sites in combinations(range(4), budget):
        columns = list(sites)
        new = np.stack(np.meshgrid(*[np.arange(20)] * budget, indexing="ij"), -1).reshape(-1, budget)
        fixed = starts - own[:, columns] @ _POWERS[columns]
        changed = (new != own[:, None, columns]).all(-1)
        ends = fixed[:, None] + new @ _POWERS[columns]
        pairs.append((np.broadcast_to(starts[:, None], ends.shape)[changed], ends[changed]))
    return np.concatenate([one for one, _ in pairs]), np.concatenate([one for _, one in pairs])


def sets(
    results: dict[str, pd.DataFrame], goal: str, budget: int, predictions: Values, of: Landscape
) -> dict[str, Pairs]:
    """Everything that is compared at one goal and budget, by name."""
    sign = 1 if goal == "up" else -1
    found: dict[str, Pairs] = {}
    for adversary, every in results.items():
        rows = every[(every["budget"] == budget) & (every["n_edits"] > 0)]
        ends = numbers(np.stack([_tokens(text) for text in rows["adversarial_sequence"]]))
        starts = np.array([_variant(name) for name in rows["id"]])
        pairs = Pairs(start=starts, end=ends, predicted=predictions, landscape=of, sign=sign)
        found[adversary] = pairs
        if adversary == "free" and budget == 2:
            both = pairs.where(distance(starts, ends) == 2)
            middle = first_of_two(both)
            found["first of two"] = replace(both, end=middle)
            found["second of two"] = replace(both, start=middle)
    records = np.array([_variant(name) for name in results["free"]["id"].unique()])
    drawn, ends = _random(records, budget, of)
    found["random"] = replace(found["free"], start=drawn, end=ends)
    return found


def first_of_two(pairs: Pairs) -> Numbers:
    """(n,) of two edits that with more effect alone."""
    start, end = letters(pairs.start), letters(pairs.end)
    sites = np.argsort(start == end, axis=1, kind="stable")[:, :2]
    rows = np.arange(len(start))
    ways = []
    for which in (0, 1):
        middle = start.copy()
        middle[rows, sites[:, which]] = end[rows, sites[:, which]]
        ways.append(middle @ _POWERS)
    better = pairs.sign * (pairs.predicted[ways[1]] - pairs.predicted[ways[0]]) > 0
    return np.asarray(np.where(better, ways[1], ways[0]))


def _random(records: Numbers, budget: int, of: Landscape) -> tuple[Numbers, Numbers]:
    generator = np.random.default_rng(budget)
    candidates = np.flatnonzero(of.held_out)
    drawn = []
    for record in records:
        near = candidates[distance(candidates, record) == budget]
        drawn += [(record, end) for end in generator.permutation(near)[:RANDOM]]
    pairs = np.array(drawn)
    return pairs[:, 0], pairs[:, 1]


def _tokens(text: str) -> NDArray[np.uint8]:
    return np.array([PROTEIN.letters.index(letter) for letter in text], np.uint8)


def _variant(name: str) -> int:
    return int(_tokens(name).astype(np.int64) @ _POWERS)


def uniform(starts: Numbers, budget: int) -> Numbers:
    """(n,) variants that many edits away, drawn evenly."""
    generator = np.random.default_rng(budget)
    ends = letters(starts)
    for row in ends:
        for site in generator.permutation(4)[:budget]:
            row[site] = (row[site] + generator.integers(1, 20)) % 20
    return np.asarray(ends @ _POWERS)


def agreement(known: Values, measured: Values) -> list[float]:
    """Spearman, Pearson, R2, RMSE and mean gap."""
    if len(known) < 10:
        return [np.nan] * 5
    left = known - measured
    squares = 1 - (left**2).sum() / ((measured - measured.mean()) ** 2).sum()
    return [
        float(spearmanr(known, measured).statistic),
        float(pearsonr(known, measured).statistic),
        float(squares),
        float((left**2).mean() ** 0.5),
        float(left.mean()),
    ]
