"""The edits an adversary chose, beside random edits of the same number at positions it might have chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import binom, false_discovery_control
from torch import Tensor

from seqrobust.attacks import Problem
from seqrobust.attacks.streams import RecordStreams
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.threats import Budget

DRAWS = 20
"""Random sequences beside each edited one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """n records that an adversary edited.

    Attributes:
        rows: (n,) their numbers among the problem's records.
        clean, edited: (n, L) uint8 tokens.
        control: (n, D, L) uint8 tokens with as many random edits, at permitted positions, to permitted letters; fewer
            where the adversary's constraints allow no more.
    """

    rows: NDArray[np.int64]
    clean: NDArray[np.uint8]
    edited: NDArray[np.uint8]
    control: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)


def chosen_edits(problem: Problem, results: pd.DataFrame, draws: int = DRAWS) -> Chosen:
    """Each attacked record once, as it was at the fewest edits that reach the goal, else at the largest budget.

    Args:
        problem: what was attacked.
        results: its table.
        draws: D.
    """
    edited = results[(results["n_edits"] > 0) & results["success"].notna()]
    reached = edited["success"].astype(bool).to_numpy()
    first = edited[reached].drop_duplicates("id")
    others = edited[~edited["id"].isin(first["id"])].drop_duplicates("id", keep="last")
    table = pd.concat([first, others]).set_index("id")
    known = {name: row for row, name in enumerate(problem.sequences.ids)}
    rows = np.array(sorted(known[name] for name in table.index), np.int64)
    sequences = problem.sequences.take(rows)
    clean = sequences.tokens
    after = np.full_like(clean, sequences.alphabet.padding)
    if len(rows):
        texts = [str(table.loc[name, "adversarial_sequence"]) for name in sequences.ids]
        written = tokens_from_texts(texts, sequences.alphabet)
        after[:, : written.shape[1]] = written
    return Chosen(rows=rows, clean=clean, edited=after, control=_control(problem, rows, clean, after, draws))


def _control(
    problem: Problem, rows: NDArray[np.int64], clean: NDArray[np.uint8], edited: NDArray[np.uint8], draws: int
) -> NDArray[np.uint8]:
    width = clean.shape[1]
    if not len(rows):
        return np.zeros((0, draws, width), np.uint8)
    sequences = problem.sequences.take(rows)
    # Under the same constraints: else what they alone force would pass for the adversary's choice.
    threat = replace(problem.threat, budget=Budget(width))
    bound = threat.bind(sequences)
    if bound.costs is None:
        spent = torch.from_numpy((clean != edited).sum(1).astype(np.int64))
    else:
        spent = bound.spent(torch.from_numpy(edited))
    bound = bound.with_budget(spent)
    streams = RecordStreams(problem.seed, list(sequences.ids), "probe control")
    drawn: list[Tensor] = [bound.sample(streams.uniforms(width + 1), full=True) for _ in range(draws)]
    return torch.stack(drawn, 1).numpy()


def enriched(hits: NDArray[np.int64], control: NDArray[np.int64], n: int, draws: int) -> NDArray[np.float64]:
    """(M,) chance that so many records or more would show a thing, were the chosen edits one more random draw.

    Args:
        hits: (M,) records whose chosen edits show it.
        control: (M,) random sequences that show it, of all n times ``draws``.
        n: records.
        draws: random sequences of each.

    Given how many of a record's D + 1 sequences show the thing, each is the chosen one with the same chance, so hits
    are a sum of independent trials of unequal chances. Its upper tail is at most that of a binomial of the mean chance
    (Hoeffding 1956, Ann Math Stat 27:713), which is what is given: exact where chances are equal, else conservative.
    """
    chance = (hits + control) / max(n * (draws + 1), 1)
    tail = np.asarray(binom.sf(hits - 1, n, chance), np.float64)
    return np.where(hits > n * chance, tail, 1.0)


def adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """q values: the false discovery rate at which each test passes (Benjamini & Hochberg 1995, JRSS B 57:289)."""
    if not len(p_values):
        return p_values
    q_values: NDArray[np.float64] = false_discovery_control(np.clip(p_values, 0, 1), method="bh")
    return q_values
