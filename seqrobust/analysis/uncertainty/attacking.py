"""What the questions of uncertainty share: the members, the records, the threat, and the attacks made on them.

Shards that are finished are kept, so that a run that was stopped does not attack them again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.pieces import Arrays, Say, kept_arrays
from seqrobust.analysis.uncertainty.members import Panel
from seqrobust.attacks import Attack, Goal, Problem, ShardRun, Shift, run_shard
from seqrobust.attacks.streams import RecordStreams
from seqrobust.errors import DataError
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet, Targets, Task
from seqrobust.tasks import task_of
from seqrobust.threats import Budget, SubstitutionThreat

Advance = Callable[[float], None]
_CONTROLS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """One call's subject.

    Attributes:
        predictor: of the members' mean logits, checked.
        columns: of the panel, checked; asked on the same records.
        panel: whose columns are whose.
        sequences, targets: n attacked records and what is true of them.
        calibration: natural records that are not attacked, by which thresholds are set.
        threat, budgets, goal: what the adversary may do and wants.
        attacks: searches, in order.
        memory: bytes that scoring neighbours may take; None for a share of what is free.
        seed: of every random choice.
        parts: folder where finished shards are kept; None to keep none.
        say: hears of kept shards that are damaged.
    """

    predictor: Predictor
    columns: Predictor
    panel: Panel
    sequences: SequenceSet
    targets: Targets
    calibration: SequenceSet
    threat: SubstitutionThreat
    budgets: tuple[Budget, ...]
    goal: Goal
    attacks: tuple[Attack, ...]
    memory: int | None = None
    seed: int = 0
    parts: Path | None = None
    say: Say = lambda _: None

    @property
    def task(self) -> Task:
        """Of the members."""
        return self.panel.task

    @property
    def tokens(self) -> Tensor:
        """(n, L) clean tokens."""
        return torch.tensor(self.sequences.tokens)

    @property
    def truth(self) -> Tensor:
        """(n,) or (n, T) on the device."""
        return torch.tensor(self.targets.values, device=self.predictor.device)

    def panel_columns(self, tokens: Tensor) -> Tensor:
        """(M, columns) of (M, L) tokens."""
        with self.columns.attached():
            return self.columns.logits(tokens.to(self.columns.device))

    def right(self, columns: Tensor) -> NDArray[np.bool_]:
        """(n,) whether the mean prediction is right; for a regression all true."""
        right: NDArray[np.bool_] = task_of(self.task).attackable(self.panel.mean(columns), self.truth).cpu().numpy()
        return right

    def loss(self, columns: Tensor) -> NDArray[np.float64]:
        """(n,) 1 where the mean prediction is wrong; for a regression the absolute error, averaged over values."""
        if task_of(self.task).measured:
            error: NDArray[np.float64] = (self.panel.mean(columns) - self.truth).abs().mean(1).double().cpu().numpy()
            return error
        return 1 - self.right(columns).astype(np.float64)

    def take(self, records: NDArray[np.int64]) -> Study:
        """The study of some of its attacked records."""
        return replace(self, sequences=self.sequences.take(records), targets=self.targets.take(records))

    def size_of_goal(self, columns: Tensor) -> float:
        """How far natural records are from the goal, in logits or the target's units: a root mean square."""
        if isinstance(self.goal, Shift):
            return self.goal.delta
        margin = task_of(self.task).lead(self.panel.mean(columns))
        return max(float((margin**2).mean() ** 0.5), 1e-6)


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What an attack found.

    Attributes:
        tokens: (n, B, L) best sequences, on the CPU.
        reached: (n, B) whether the goal is reached there.
        attackable: (n,) whether there was anything to attack.
        random: (n, B) share of random edits of the same size that reach the goal; NaN where not attacked.
    """

    tokens: Tensor
    reached: NDArray[np.bool_]
    attackable: NDArray[np.bool_]
    random: NDArray[np.float64]


def find(
    study: Study, predictor: Predictor, goal: Goal, advance: Advance = lambda _: None, *, name: str = "attack"
) -> Found:
    """The study's attack on a predictor for a goal.

    Args:
        study: what is attacked, and how.
        predictor: of the members, the panel, or a defended model.
        goal: what the adversary wants.
        advance: hears the share that is finished.
        name: under which the shards of this attack are kept; each attack of a study has its own.
    """
    problem = Problem(
        predictor=predictor,
        sequences=study.sequences,
        targets=study.targets,
        threat=study.threat,
        budgets=study.budgets,
        goal=goal,
        seed=study.seed,
        control_draws=_CONTROLS,
        # What barely succeeds on the draws that a search sees is often no success on those it is judged on.
        search_on=predictor.stochastic,
    )
    shards = problem.shards()
    runs = []
    with predictor.attached():
        scores = cache(lambda: NeighbourScores(predictor, memory=study.memory))
        for done, records in enumerate(shards):

            def attacked(done: int = done, records: NDArray[np.int64] = records) -> Arrays:
                share = partial(_share, advance, done, len(shards))
                return _arrays(run_shard(problem, study.attacks, records, share, scores=scores().renewed()))

            part = None if study.parts is None else study.parts / f"found-{name}-{done:05d}.npz"
            runs.append(kept_arrays(part, attacked, study.say))
    return Found(
        tokens=torch.cat([torch.from_numpy(run["tokens"]) for run in runs]),
        reached=np.concatenate([run["reached"] for run in runs]),
        attackable=np.concatenate([run["attackable"] for run in runs]),
        random=np.concatenate([run["random"] for run in runs]),
    )


def _arrays(run: ShardRun) -> Arrays:
    random = run.control_reached.double().mean(2).masked_fill(~run.attackable[:, None], torch.nan)
    found = {"tokens": run.tokens, "reached": run.reached, "attackable": run.attackable, "random": random}
    return {name: value.cpu().numpy() for name, value in found.items()}


def _share(advance: Advance, done: int, shards: int, share: float) -> None:
    advance((done + share) / shards)


def found_before(study: Study, table: pd.DataFrame, where: str) -> Found:
    """What an earlier attack found, from its table of results, judged anew by this study's predictor.

    Args:
        study: whose records, all of which must be in the table, with the study's budgets.
        table: see :func:`seqrobust.analysis.results_table`.
        where: the table's name, for errors.

    Raises DataError for records or budgets that are not there, or sequences that are no edits of the records.
    """
    wanted = [int(budget.amount) for budget in study.budgets]
    named = zip(table["id"].tolist(), table["budget"].tolist(), table["adversarial_sequence"].tolist(), strict=True)
    texts: dict[tuple[str, int], str] = {(name, budget): text for name, budget, text in named}
    needed = [(name, budget) for name in study.sequences.ids for budget in wanted]
    if missing := [pair for pair in needed if pair not in texts]:
        raise DataError(
            "the attack has no such record and budget",
            expected=f"budgets {', '.join(map(str, wanted))} of every record",
            found=f"{missing[0][0]!r} at {missing[0][1]} is missing, and {len(missing) - 1} more",
            where=where,
            fix="name its budgets with --budget, and its records",
        )
    edited = SequenceSet.from_texts([texts[pair] for pair in needed], study.sequences.alphabet)
    levels, n, width = len(wanted), len(study.sequences), study.sequences.width
    if edited.width != width or (edited.lengths != np.repeat(study.sequences.lengths, levels)).any():
        raise DataError("an attacked sequence has another length than its record", where=where)
    tokens = torch.tensor(edited.tokens).reshape(n, levels, width)
    with study.predictor.attached():
        clean = study.predictor.logits(study.tokens.to(study.predictor.device))
        logits = study.predictor.logits(tokens.flatten(0, 1).to(study.predictor.device)).reshape(n, levels, -1)
    bound = study.goal.bind(study.task, clean, study.truth)
    rows = torch.arange(n, device=clean.device)
    reached = torch.stack([bound.achieved(logits[:, level], rows) for level in range(levels)], dim=1)
    attackable = bound.attackable
    return Found(
        tokens=tokens,
        reached=(reached & attackable[:, None]).cpu().numpy(),
        attackable=attackable.cpu().numpy(),
        random=np.full((n, levels), np.nan),
    )


def random_edits(study: Study, tokens: Tensor) -> Tensor:
    """(n, B, L) records with as many random edits, within the threat, as (n, B, L) attacked ones have."""
    clean = study.tokens
    bound = study.threat.bind(study.sequences, "cpu")
    columns = []
    for level in range(tokens.shape[1]):
        edits = (tokens[:, level] != clean).sum(1)
        streams = RecordStreams(study.seed, list(study.sequences.ids), f"edits {study.budgets[level]}")
        uniforms = streams.uniforms(clean.shape[1] + 1, torch.device("cpu"))
        columns.append(bound.with_budget(edits).sample(uniforms, full=True))
    return torch.stack(columns, dim=1)
