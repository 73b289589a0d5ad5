"""The attack as a stage: shard by shard, each kept as it is finished, then joined, measured and written out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from seqrobust.alphabet import Alphabet
from seqrobust.analysis import attack_metrics, results_table
from seqrobust.attacks import (
    DEFAULT_ATTACKS,
    Attack,
    Goal,
    Problem,
    Scores,
    Shift,
    Targeted,
    Untargeted,
    attacks_named,
    coded,
    predictions,
    run_shard,
    scores_for,
)
from seqrobust.errors import ConfigError
from seqrobust.files import replacing
from seqrobust.models.predictor import Predictor
from seqrobust.pipeline.progress import Progress
from seqrobust.pipeline.run_folder import RunFolder
from seqrobust.pipeline.sent import ROWS_SENT, joined, taken
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.threats import Budget, SubstitutionThreat, parse_budgets
from seqrobust.threats.coding import Indels, parse_moves
from seqrobust.threats.constraints import parse_constraint

GoalName = Literal["auto", "untargeted", "targeted", "up", "down"]


@dataclass(frozen=True, kw_only=True)
class AttackSettings:
    """What an attack is told.

    Attributes:
        budget: ``3``, ``1..5``, ``1,2,8`` or ``2%``.
        protect, only: region names; see :class:`~seqrobust.threats.SubstitutionThreat`.
        allow: rule for permitted letters.
        moves: what one edit is; see :func:`~seqrobust.threats.coding.parse_moves`.
        constraints: texts as in :mod:`seqrobust.threats.constraints.parsing`, such as ``gc:+-0.05``.
        attacks: names of attacks or presets, tried in this order on the records that still stand.
        goal: ``auto`` is ``untargeted``, or ``up`` for regression.
        target_label: the class (or, for multilabel, the label) a targeted attack wants.
        delta: the shift that counts as success; by default one standard deviation of the targets.
        output: name of the regression value that is shifted; by default the first.
        max_records: attack only so many records, drawn at random.
        random_draws: random sequences scored beside each record and budget.
    """

    budget: str | int = "1..5"
    protect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    allow: str = "any"
    moves: str = "substitutions"
    constraints: tuple[str, ...] = ()
    attacks: tuple[str, ...] = DEFAULT_ATTACKS
    goal: GoalName = "auto"
    target_label: str | None = None
    delta: float | None = None
    output: str | None = None
    max_records: int | None = None
    random_draws: int = 10

    def __post_init__(self) -> None:
        attacks_named(self.attacks)
        if self.delta is not None and not self.delta > 0:
            raise ConfigError("a shift is positive; its direction is the goal", found=str(self.delta), where="delta")
        if self.random_draws < 1:
            raise ConfigError("the random control needs a draw", found=str(self.random_draws), where="random_draws")
        if self.max_records is not None and self.max_records < 1:
            raise ConfigError("an attack needs a record", found=str(self.max_records), where="max_records")
        if both := set(self.protect) & set(self.only):
            raise ConfigError("a region is both protected and the only one to attack", found=", ".join(sorted(both)))
        parse_budgets(self.budget)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Ascending."""
        return parse_budgets(self.budget)

    def threat(self, alphabet: Alphabet | None = None) -> SubstitutionThreat:
        """The threat at the largest budget; constraints are read over the alphabet, and left out without one.

        Raises ThreatError for a constraint that cannot be read.
        """
        return SubstitutionThreat(
            budget=self.budgets[-1],
            protect=self.protect,
            only=self.only,
            letters=self.allow,
            constraints=()
            if alphabet is None
            else tuple(parse_constraint(text, alphabet) for text in self.constraints),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackOutcome:
    """Results, metrics, and the records they are about."""

    results: pd.DataFrame
    metrics: dict[str, Any]
    sequences: SequenceSet


def attack_problem(
    predictor: Predictor, sequences: SequenceSet, targets: Targets | None, settings: AttackSettings, *, seed: int
) -> Problem:
    """What is attacked, checked as far as it can be before the search begins.

    Raises ThreatError for region names or letter rules, ConfigError for a goal that does not fit the task.
    """
    if settings.max_records is not None and settings.max_records < len(sequences):
        chosen = np.sort(np.random.default_rng(seed).permutation(len(sequences))[: settings.max_records])
        sequences = sequences.take(chosen)
        targets = None if targets is None else targets.take(chosen)
    first = np.arange(min(len(sequences), 8))
    threat = settings.threat(sequences.alphabet)
    goal = goal_of(settings, predictor, sequences, targets)
    logits = _clean(predictor, sequences.take(first))
    truth = predictions(predictor.task, logits) if targets is None else torch.tensor(targets.values[first])
    goal.bind(predictor.task, logits, truth)
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=threat,
        budgets=settings.budgets,
        goal=goal,
        seed=seed,
        control_draws=settings.random_draws,
    )
    if (coding := parse_moves(settings.moves, sequences.alphabet)) is not None:
        if isinstance(coding, Indels) and coding.anchor == "free" and predictor.input_length is not None:
            raise ConfigError(
                "the model's input has a fixed length, and insertions make sequences longer",
                found=f"moves {settings.moves}, input length {predictor.input_length}",
                fix="anchor one end: indels:left or indels:right",
            )
        problem = coded(problem, coding)
    problem.threat.bind(problem.sequences.take(first))
    return problem


def goal_of(settings: AttackSettings, predictor: Predictor, sequences: SequenceSet, targets: Targets | None) -> Goal:
    """The goal that settings name.

    Args:
        settings: what was asked for.
        predictor: checked.
        sequences, targets: the records; the spread of their values is the default shift, that of the predictions where
            there are no targets.

    Raises ConfigError for an unknown label or output.
    """
    labels = predictor.labels or ()
    name = settings.goal
    if name == "auto":
        name = "up" if predictor.task == "regression" else "targeted" if settings.target_label else "untargeted"
    _all_used(settings, name)
    if name == "untargeted":
        return Untargeted()
    if name == "targeted":
        if settings.target_label not in labels:
            known, found = ", ".join(labels), str(settings.target_label)
            raise ConfigError("a targeted attack names a class", expected=known, found=found, where="target_label")
        return Targeted(label=labels.index(settings.target_label))
    output = _output_index(settings.output, labels)
    delta = settings.delta
    if delta is None and predictor.task == "regression":
        values = _clean(predictor, sequences).numpy() if targets is None else targets.values
        delta = float(np.std(values[:, output]))
        if delta == 0:
            raise ConfigError("the targets do not vary, so no shift follows from them", fix="give delta")
    return Shift(up=name == "up", delta=delta or 1.0, output=output)


def _all_used(settings: AttackSettings, goal: str) -> None:
    """Raise ConfigError for a setting that this goal would silently pass over."""
    shift = goal in ("up", "down")
    told = {"target_label": goal == "targeted", "delta": shift, "output": shift}
    for setting, used in told.items():
        if not used and getattr(settings, setting) is not None:
            raise ConfigError(
                "a setting does not belong to the goal",
                expected="target_label with the goal targeted, delta and output with up or down",
                found=f"{setting} with the goal {goal}",
                fix="leave it out, or choose the goal it belongs to",
            )


def _clean(predictor: Predictor, sequences: SequenceSet) -> torch.Tensor:
    with predictor.attached():
        return predictor.logits(torch.tensor(sequences.tokens)).cpu()


def _output_index(name: str | None, labels: Sequence[str]) -> int:
    if name is None:
        return 0
    if name not in labels:
        raise ConfigError("no output has that name", expected=", ".join(labels), found=name)
    return labels.index(name)


def run_attack(
    problem: Problem,
    settings: AttackSettings,
    folder: RunFolder,
    *,
    progress: Progress,
    memory: int | None = None,
) -> AttackOutcome:
    """Attack, keep every finished shard in the folder, and write results, sequences and metrics there.

    Shards that a killed run left in the folder are not run again. ``memory`` bounds the bytes that scoring neighbours
    takes; see :class:`~seqrobust.neighbours.NeighbourScores`.
    """
    predictor = problem.predictor
    scores = scores_for(predictor, memory=memory)
    attacks = attacks_named(settings.attacks)
    progress.start("attack", len(problem.sequences))
    results = run_shards(problem, attacks, lambda shard: folder.parts / f"part-{shard:05d}.parquet", progress, scores)
    for notice in scores.notices:
        progress.say(notice)
    predictor.notices += scores.notices
    metrics = {
        "task": predictor.task,
        "goal": problem.goal.describe(predictor.labels or ()),
        "threat": problem.threat.describe(),
        "moves": settings.moves,
        "attacks": [attack.name for attack in attacks_named(settings.attacks)],
        "random_draws": settings.random_draws,
        **taken(results),
        **attack_metrics(results, predictor.task, labelled=problem.targets is not None),
    }
    if isinstance(problem.goal, Shift):
        metrics["delta"] = problem.goal.delta
    write_results(folder.path, results)
    folder.write_json("metrics.json", metrics)
    return AttackOutcome(results=results, metrics=metrics, sequences=problem.plain.sequences)


def run_shards(
    problem: Problem,
    attacks: Sequence[Attack],
    part_of: Callable[[int], Path],
    progress: Progress,
    scores: Scores,
    *,
    before: int = 0,
) -> pd.DataFrame:
    """The results of those attacks, shard by shard; a shard whose file is there already is read instead.

    Args:
        problem: what is attacked.
        attacks: tried in this order at each budget.
        part_of: the file of a shard.
        progress: a stage has been started; told of records done, ``before`` those of this call.
        scores: answers for neighbours.
    """
    tables = []
    with problem.predictor.attached():
        for number, records in enumerate(problem.shards()):
            part = part_of(number)
            if not part.exists():
                advance = partial(_advance, progress, before + int(records[0]), len(records))
                before_it = problem.predictor.rows_sent
                run = run_shard(problem, attacks, records, advance, scores=scores.renewed())
                sent = problem.predictor.rows_sent - before_it
                with replacing(part) as temporary:
                    table = results_table(problem, records, run, [attack.name for attack in attacks])
                    table.attrs[ROWS_SENT] = sent
                    table.to_parquet(temporary, index=False)
            tables.append(pd.read_parquet(part))
            progress.advance(before + int(records[-1]) + 1)
    return joined(tables)


def _advance(progress: Progress, before: int, records: int, share: float) -> None:
    progress.advance(before + share * records)


def write_results(path: Path, results: pd.DataFrame) -> None:
    """``results.parquet``, and ``adversarial.fa`` with every sequence that reached its goal, at its smallest budget."""
    with replacing(path / "results.parquet") as temporary:
        results.to_parquet(temporary, index=False)
    reached = results[results["success"].fillna(value=False).astype(bool)].drop_duplicates("id")
    with replacing(path / "adversarial.fa") as temporary, temporary.open("w", encoding="utf-8") as handle:
        for row in reached.itertuples(index=False):
            handle.write(
                f">{row.id} budget={row.budget} edits={row.edits} attack={row.attack}"
                f" clean={row.clean_prediction} adversarial={row.adversarial_prediction}\n{row.adversarial_sequence}\n"
            )


def rule_files(allow: str, constraints: tuple[str, ...] = ()) -> list[Path]:
    """Files that a letter rule and constraints name."""
    pieces = [allow, *(piece for text in constraints for piece in re.split("[:;#@]", text))]
    return [path for piece in pieces if (path := Path(piece.strip())).is_file()]


def settings_fingerprint(settings: AttackSettings) -> dict[str, Any]:
    """What of the settings decides the results."""
    return {f"attack.{key}": value for key, value in asdict(settings).items()}
