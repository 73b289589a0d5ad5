"""What a study of uncertainty shares: the members, the records, the threat, and the attacks made on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.uncertainty.goals import Suspicion
from seqrobust.analysis.uncertainty.measures import (
    confidence,
    disagreement_score,
    doubt_score,
    entropy_score,
    logit_variance,
    mutual_information,
    predictive_entropy,
)
from seqrobust.analysis.uncertainty.members import Panel
from seqrobust.attacks import Attack, Goal, Problem, Shift, run_shard
from seqrobust.attacks.goals import class_logits, is_right
from seqrobust.attacks.streams import RecordStreams
from seqrobust.errors import DataError
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet, Targets, Task
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
        if self.task == "regression":
            return np.ones(len(columns), bool)
        right: NDArray[np.bool_] = is_right(self.task, self.panel.mean(columns), self.truth).cpu().numpy()
        return right

    def loss(self, columns: Tensor) -> NDArray[np.float64]:
        """(n,) 1 where the mean prediction is wrong; for a regression the absolute error, averaged over values."""
        if self.task == "regression":
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
        mean = self.panel.mean(columns)
        if self.task == "multilabel":
            lead = mean.abs().amin(1)
        else:
            best = class_logits(self.task, mean).topk(2, dim=1).values
            lead = best[:, 0] - best[:, 1]
        return max(float((lead**2).mean() ** 0.5), 1e-6)


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


def find(study: Study, predictor: Predictor, goal: Goal, advance: Advance = lambda _: None) -> Found:
    """The study's attack on a predictor for a goal; ``advance`` hears of the finished share."""
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
    runs = []
    shards = problem.shards()
    with predictor.attached():
        scores = NeighbourScores(predictor, memory=study.memory)
        for done, records in enumerate(shards):
            share = partial(_share, advance, done, len(shards))
            runs.append(run_shard(problem, study.attacks, records, share, scores=scores.renewed()))
    return Found(
        tokens=torch.cat([run.tokens for run in runs]).cpu(),
        reached=torch.cat([run.reached for run in runs]).cpu().numpy(),
        attackable=torch.cat([run.attackable for run in runs]).cpu().numpy(),
        random=torch.cat(
            [run.control_reached.double().mean(2).masked_fill(~run.attackable[:, None], torch.nan) for run in runs]
        )
        .cpu()
        .numpy(),
    )


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


def detectors(panel: Panel) -> dict[str, Suspicion]:
    """Every score of a panel by name, large where a record is suspicious."""
    found: dict[str, Suspicion] = {}
    if panel.task != "regression":
        found["max probability"] = lambda columns: doubt_score(panel.each(columns), panel.task)
        found["entropy"] = lambda columns: entropy_score(panel.each(columns), panel.task)
    if panel.members > 1:
        name = "variance" if panel.task == "regression" else "mutual information"
        found[name] = lambda columns: disagreement_score(panel.each(columns), panel.task)
    for name in panel.scores:
        found[name] = partial(_own_score, panel, name)
    return found


def _own_score(panel: Panel, name: str, columns: Tensor) -> Tensor:
    return panel.score(columns, name)


def measured(panel: Panel, columns: Tensor) -> dict[str, NDArray[np.float64]]:
    """Uncertainties of (M, columns), in nats or units squared, and the panel's scores."""
    each = panel.each(columns)
    found: dict[str, Tensor] = {"logit_variance": logit_variance(each)}
    if panel.task != "regression":
        found |= {
            "max_probability": confidence(each, panel.task),
            "entropy": predictive_entropy(each, panel.task),
            "mutual_information": mutual_information(each, panel.task),
        }
    found |= {name: panel.score(columns, name) for name in panel.scores}
    return {name: value.double().cpu().numpy() for name, value in found.items()}


def values_of(score: Suspicion, columns: Tensor) -> NDArray[np.float64]:
    """A score as numbers."""
    value: NDArray[np.float64] = score(columns).double().cpu().numpy()
    return value
