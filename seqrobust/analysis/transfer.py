"""Transfer: do sequences found against one model fool another?

Rates are over records that both models read correctly, so that a target's own mistakes are nobody's success. Where
sequences made for another model fool a target more often than those made for itself, its own gradients mislead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqrobust.analysis import masking
from seqrobust.analysis.clusters import CLUSTER, units_in
from seqrobust.analysis.confinement import never_editable
from seqrobust.analysis.ensemble import columns_by_name
from seqrobust.attacks import Problem, Shift, predictions, true_margin
from seqrobust.errors import DataError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.statistics import paired, proportion, share_interval, wilson
from seqrobust.tasks import task_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Rival:
    """One model of a comparison: its name, its problem, and the results of the attack on it, every budget of every
    record (see :func:`~seqrobust.analysis.results_table`)."""

    name: str
    problem: Problem
    results: pd.DataFrame


def same_records(problems: Sequence[tuple[str, Problem]]) -> None:
    """Raise DataError where two models, by name, read other letters of the records: cut to another length, say."""
    name, first = problems[0][0], problems[0][1].plain.sequences
    for another, problem in problems[1:]:
        other = problem.plain.sequences
        if first.ids != other.ids or first.texts != other.texts:
            raise DataError(
                "the models read the records differently",
                expected=f"the records as {name} reads them, {first.width} letters at most",
                found=f"as {another} reads them, {other.width} letters at most",
                fix="cut all records to one length with --max-length",
            )


def transferred(rivals: Sequence[Rival]) -> pd.DataFrame:
    """What every model says of the sequences found against every model, itself included.

    Returns:
        A row per source, target, record and budget: ``source, target_model, id, budget, n_edits, found`` (the source's
        own success), ``prediction, score`` (the target's), ``success`` (null where either model reads the record
        wrongly to begin with, or where the threat leaves it as it is) and ``adversarial_sequence``.
    """
    attacked = {rival.name: _attacked(rival.results) for rival in rivals}
    tables = []
    for target in rivals:
        with target.problem.plain.predictor.attached():
            for source in rivals:
                both = attacked[source.name] & attacked[target.name]
                tables.append(_judged(source, target, both))
    return pd.concat(tables, ignore_index=True)


def _attacked(results: pd.DataFrame) -> NDArray[np.bool_]:
    """(rows,) whether the row's record was attacked, and could be edited at any budget."""
    level = results["budget_share"] if "budget_share" in results else results["budget"]
    fixed = never_editable(results, level).to_numpy(bool)
    attacked: NDArray[np.bool_] = results["success"].notna().to_numpy() & (~fixed | fixed.all())
    return attacked


def _judged(source: Rival, target: Rival, both: NDArray[np.bool_]) -> pd.DataFrame:
    problem, rows = target.problem.plain, source.results
    predictor = problem.predictor
    levels = len(problem.budgets)
    clean = predictor.logits(torch.tensor(problem.sequences.tokens))
    truth = predictions(predictor.task, clean)
    if problem.targets is not None:
        truth = torch.tensor(problem.targets.values, device=predictor.device)
    goal = problem.goal.bind(predictor.task, clean, truth)
    record = torch.arange(len(clean), device=predictor.device).repeat_interleave(levels)
    logits = predictor.logits(torch.tensor(_tokens(rows["adversarial_sequence"], target)))
    reached = pd.array(goal.achieved(logits, record).cpu().numpy(), dtype="boolean")
    reached[~both] = pd.NA
    if isinstance(problem.goal, Shift):
        score = logits[:, problem.goal.output].cpu().numpy()
        said = score.tolist()
    else:
        said = _names(predictions(predictor.task, logits), predictor.labels or ())
        score = true_margin(predictor.task, logits, truth[record]).cpu().numpy()
    kept = [name for name in ("id", "budget", "budget_share", "n_edits", CLUSTER) if name in rows]
    table: pd.DataFrame = rows[kept].assign(
        source=source.name,
        target_model=target.name,
        found=rows["success"],
        prediction=said,
        score=score,
        success=reached,
        adversarial_sequence=rows["adversarial_sequence"],
    )
    return table


def _tokens(texts: pd.Series, target: Rival) -> NDArray[np.uint8]:
    sequences = target.problem.plain.sequences
    found = tokens_from_texts(texts.tolist(), sequences.alphabet)
    width = max(sequences.width, found.shape[1])
    tokens = np.full((len(texts), width), sequences.alphabet.padding, np.uint8)
    tokens[:, : found.shape[1]] = found
    return tokens


def _names(said: torch.Tensor, labels: Sequence[str]) -> list[str]:
    if said.ndim == 1:
        return [labels[index] for index in said.tolist()]
    return [";".join(name for name, on in zip(labels, row, strict=True) if on) for row in said.bool().tolist()]


def transfer_metrics(table: pd.DataFrame) -> dict[str, Any]:
    """Of :func:`transferred`: per budget a list of source and target pairs, and signs of masking.

    Each pair has ``rate`` (of records that both read correctly, with ``n`` and a 95 % Wilson interval),
    ``rate_of_found`` (of those on which the source itself was fooled), and ``own_rate`` (what the target's own attack
    does on the same records), and ``against_own``, the first less the last, paired by record.
    """
    names = list(dict.fromkeys(table["source"]))
    column = "budget_share" if "budget_share" in table else "budget"
    budgets = [
        {
            "budget": level if isinstance(level, str) else int(level),
            "pairs": _pairs(table[table[column] == level], names),
        }
        for level in dict.fromkeys(table[column])
    ]
    return {"names": names, "budgets": budgets, "masking": _signs(table, names, column)}


def _cells(table: pd.DataFrame, names: Sequence[str]) -> dict[tuple[str, str], pd.DataFrame]:
    grouped = dict(tuple(table.groupby(["source", "target_model"], sort=False)))
    return {(source, target): grouped[(source, target)] for source in names for target in names}


def _pairs(rows: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    cells = _cells(rows, names)
    return [_pair(source, target, cell, cells[target, target]) for (source, target), cell in cells.items()]


def _pair(source: str, target: str, cell: pd.DataFrame, own: pd.DataFrame) -> dict[str, Any]:
    both = cell["success"].notna().to_numpy()
    success = cell["success"].fillna(value=False).to_numpy(bool)
    found = cell["found"].fillna(value=False).to_numpy(bool) & both
    mine = own["success"].fillna(value=False).to_numpy(bool) & both
    n, hits = int(both.sum()), int(success.sum())
    return {
        "source": source,
        "target": target,
        "n": n,
        "rate": proportion(hits, n),
        "rate_ci": share_interval(success[both], units_in(cell[both])),
        "n_found": int(found.sum()),
        "rate_of_found": proportion(int((success & found).sum()), int(found.sum())),
        "rate_of_found_ci": share_interval(success[found], units_in(cell[found])),
        "own_rate": proportion(int(mine.sum()), n),
        "own_rate_ci": share_interval(mine[both], units_in(cell[both])),
        "against_own": paired(success[both], mine[both], units_in(cell[both])).plain(),
    }


def _signs(table: pd.DataFrame, names: Sequence[str], column: str) -> dict[str, Any]:
    """By target: do sequences from elsewhere do better than its own?"""
    levels = list(dict.fromkeys(table[column]))
    cells = _cells(table, names)
    found: dict[str, Any] = {}
    for target in names:
        duels: Mapping[str, Any] = {
            source: _duel(cells[source, target], cells[target, target], len(levels))
            for source in names
            if source != target
        }
        words = ("other model", f"sequences made for {target}")
        found[target] = masking.outdone("transfer_beats_own", duels, levels, words).plain()
    return found


def _duel(cell: pd.DataFrame, own: pd.DataFrame, levels: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    both = cell["success"].notna().to_numpy().reshape(-1, levels)[:, 0]
    theirs, mine = (one["success"].fillna(value=False).to_numpy(bool).reshape(-1, levels)[both] for one in (cell, own))
    return theirs, mine


# Fidelity -------------------------------------------------------------------------------------------------------------

FAITHFUL = 0.8
"""Agreement below which another model is a poor stand-in."""


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How far another model answers as the model itself does.

    Attributes:
        n: records.
        agreement: share of them of which both say the same; of a regression Pearson's correlation of the two models'
            values, that of the worst of several outputs. None of nothing.
        agreement_ci: 95 % Wilson interval of the share; None for a correlation.
        chance: what always giving the model's commonest answer would come to; None for a correlation.
    """

    n: int
    agreement: float | None
    agreement_ci: list[float] | None = None
    chance: float | None = None

    @property
    def low(self) -> bool:
        """Whether attacks on the other model say little of this one. To agree with a model that says the same of
        nearly every record is no merit, so half of what chance leaves has to be gained too."""
        if self.agreement is None:
            return False
        chance = self.chance or 0.0
        return self.agreement < FAITHFUL or (chance < 1 and self.agreement < (1 + chance) / 2)


def fidelity(model: Predictor, other: Predictor, tokens: torch.Tensor) -> Fidelity:
    """Of another model of the same task, compared on (N, L) tokens; classes and values are matched by their labels."""
    answers = []
    for predictor in (model, other):
        with predictor.attached():
            answers.append(predictor.logits(tokens).cpu())
    n = len(tokens)
    if task_of(model.task).measured:
        columns = columns_by_name(model.labels or (), other.labels or ())
        mine, theirs = answers[0].double().numpy(), answers[1][:, columns].double().numpy()
        known = n > 1 and len(columns) == mine.shape[1]
        return Fidelity(n=n, agreement=min(map(_correlation, mine.T, theirs.T)) if known else None)
    said, theirs_said = (
        _names(predictions(one.task, logits), one.labels or ())
        for one, logits in zip((model, other), answers, strict=True)
    )
    same = sum(map(_equal, said, theirs_said))
    commonest = max(map(said.count, set(said)), default=0)
    return Fidelity(n=n, agreement=proportion(same, n), agreement_ci=wilson(same, n), chance=proportion(commonest, n))


def _equal(one: str, other: str) -> bool:
    return set(one.split(";")) == set(other.split(";"))


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Pearson's; 0 of a constant."""
    if not one.std() or not other.std():
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
