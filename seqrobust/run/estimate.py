"""How long an attack will take, by trying it on a record or two with a model that has not been trained.

A search that goes on past its goal costs what a record costs that withstands it, so the figure is of a model that
nothing flips: the most that it takes, up to what a machine has to do beside it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqrobust.attacks import attacks_named, run_shard
from seqrobust.attacks.settings import AttackSettings, resolved
from seqrobust.attacks.stating import attack_problem
from seqrobust.models import Predictor
from seqrobust.progress import duration
from seqrobust.run.config import RunConfig
from seqrobust.run.train import untrained
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_config import Data
from seqrobust.tasks import task_of

TRIED = 2
"""Records that are tried: the second tells what one costs when everything is loaded."""
_LONG = 1.0
"""Seconds after which what is loaded on the way counts for little, so that one record is enough."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an attack costs.

    Attributes:
        seconds: a record.
        records: how many there are.
    """

    seconds: float
    records: int

    @property
    def words(self) -> str:
        """The whole in words.

        >>> Cost(seconds=0.5, records=300).words
        'at most about 2.5 minutes for 300 records (0.5 s each, tried here with an untrained model)'
        """
        whole = duration(self.seconds * self.records)
        each = f"{self.seconds:.2g} s each, tried here with an untrained model"
        return f"at most about {whole} for {self.records:,} record{'s' if self.records != 1 else ''} ({each})"


def attack_cost(config: RunConfig, settings: AttackSettings, data: Data, split: str) -> Cost:
    """What attacking a split costs, on this machine. Raises what preparing the attack raises."""
    sequences, _ = data.in_split(split)
    predictor = Predictor(
        untrained(config, data),
        alphabet=sequences.alphabet,
        task=config.task,
        labels=data.targets.labels,
        device=config.device,
        scale="logits",
    )
    count = min(len(sequences), settings.max_records or len(sequences))
    rows = _typical(sequences)
    chosen = sequences.take(rows)
    settings = replace(resolved(settings, chosen), max_records=None)
    if task_of(config.task).measured:
        settings = replace(settings, delta=1.0)
    problem = attack_problem(predictor, chosen, None, settings, seed=config.seed)
    problem = replace(problem, search_on=True)
    spent = []
    with predictor.attached():
        for row in range(len(chosen)):
            began = time.perf_counter()
            run_shard(problem, attacks_named(settings.attacks), np.array([row]))
            spent.append(time.perf_counter() - began)
            if spent[-1] > _LONG:
                break
    return Cost(seconds=min(spent), records=count)


def _typical(sequences: SequenceSet) -> NDArray[np.int64]:
    """Records whose length is nearest to the mean, which the sum over all of them depends on."""
    return np.argsort(np.abs(sequences.lengths - sequences.lengths.mean()), kind="stable")[:TRIED]
