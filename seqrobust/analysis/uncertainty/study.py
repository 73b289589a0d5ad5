"""The study: an attack on the members, then what raises their disagreement, whether detectors notice it, and what
abstaining and purification are worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.earlier import AttackRun
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.analysis.uncertainty.abstaining import selective
from seqrobust.analysis.uncertainty.attacking import Study, find, found_before, random_edits
from seqrobust.analysis.uncertainty.background import Background, fit_background
from seqrobust.analysis.uncertainty.calibration import calibration
from seqrobust.analysis.uncertainty.defending.defences import Purifiers
from seqrobust.analysis.uncertainty.defending.purifying import purification
from seqrobust.analysis.uncertainty.density import density_of
from seqrobust.analysis.uncertainty.detecting import detection
from seqrobust.analysis.uncertainty.ensemble import members_of
from seqrobust.analysis.uncertainty.epistemic import epistemic
from seqrobust.analysis.uncertainty.findings import UncertaintyFindings, record_table
from seqrobust.analysis.uncertainty.materials import Materials, gather
from seqrobust.analysis.uncertainty.members import Mean, Panel, Scorer, SideBySide, predictor_of
from seqrobust.analysis.uncertainty.records import FEW, Records, divided
from seqrobust.analysis.uncertainty.scoring import measured
from seqrobust.analysis.uncertainty.selective import RiskCoverage
from seqrobust.analysis.uncertainty.settings import UncertaintySettings
from seqrobust.attacks import DEFAULT_ATTACKS, Goal, attacks_for, attacks_named, blind
from seqrobust.attacks.settings import resolved
from seqrobust.attacks.stating import goal_of
from seqrobust.errors import ModelError
from seqrobust.files import plain
from seqrobust.models.predictor import Predictor
from seqrobust.statistics import share_interval
from seqrobust.tasks import task_of


@dataclass(frozen=True, kw_only=True, eq=False)
class UncertaintyReady:
    """What is studied.

    Attributes:
        name: of the model.
        study: members, records, threat and goal.
        members: modules that give logits.
        background: of natural records.
        settings: with names resolved.
        earlier: an attack whose sequences are looked at; None where one is made.
        notices: of the members and scores.
    """

    name: str
    study: Study
    members: tuple[nn.Module, ...]
    background: Background
    settings: UncertaintySettings
    earlier: AttackRun | None
    notices: tuple[str, ...]

    @property
    def predictor(self) -> Predictor:
        """Of the members' mean logits."""
        return self.study.predictor


def prepare(subject: Subject, settings: UncertaintySettings, opening: Opening) -> UncertaintyReady:
    """See :class:`~seqrobust.analysis.room.Room`.

    Raises InputError for members, records, a threat, or an earlier attack that cannot be used.
    """
    earlier = None if settings.attack_folder is None else AttackRun.read(settings.attack_folder)
    whole = subject.sequences if subject.everyone is None else subject.everyone
    settings = resolved(settings, whole)
    members, notices = members_of(subject, settings, opening.seed)
    predictor = predictor_of(Mean(members), subject.predictor)
    records = divided(
        whole,
        predictor,
        _split(subject),
        settings.fit_split,
        settings.max_records,
        None if earlier is None else set(earlier.table["id"]),
        opening.seed,
    )
    predictor.check(torch.tensor(records.attacked.tokens[:FEW]))
    goal = goal_of(settings, subject.predictor, subject.sequences, subject.targets)
    background = Background(fit_background(records.fitted, settings.order))
    scorers: dict[str, Scorer] = {"background": background}
    try:
        scorers["density"] = density_of(members[0], predictor, records)
    except ModelError as error:
        notices.append(f"no density on embeddings: {error.problem}")
    if earlier is not None and (apart := earlier.other_threat(settings)):
        notices.append(f"the earlier attack had another threat than the attacks made now: {'; '.join(apart)}")
    return UncertaintyReady(
        name=subject.name,
        study=_study(predictor, members, scorers, records, settings, goal, opening),
        members=tuple(members),
        background=background,
        settings=settings,
        earlier=earlier,
        notices=tuple(notices),
    )


def _split(subject: Subject) -> str | None:
    """The one split that is attacked; None where the records are of several, or of none."""
    named = set() if subject.sequences.splits is None else set(subject.sequences.splits.tolist())
    return str(named.pop()) if len(named) == 1 else None


def _study(
    predictor: Predictor,
    members: list[nn.Module],
    scorers: dict[str, Scorer],
    records: Records,
    settings: UncertaintySettings,
    goal: Goal,
    opening: Opening,
) -> Study:
    panel = Panel(task=predictor.task, members=len(members), outputs=predictor.outputs, scores=tuple(scorers))
    width = len(members) * panel.outputs + len(scorers)
    columns = predictor_of(SideBySide(members, list(scorers.values())), predictor, columns=width)
    columns.check(torch.tensor(records.attacked.tokens[:FEW]))
    named = attacks_named(settings.attacks)
    study = Study(
        predictor=predictor,
        columns=columns,
        panel=panel,
        sequences=records.attacked,
        targets=records.targets,
        calibration=records.calibration,
        threat=settings.threat(records.attacked.alphabet),
        budgets=settings.budgets,
        goal=goal,
        attacks=attacks_for(columns, DEFAULT_ATTACKS if blind(named) else settings.attacks)
        if columns.gradientless
        else named,
        memory=opening.memory,
        seed=opening.seed,
    )
    study.threat.bind(records.attacked.take(np.arange(1)))
    return study


def study(ready: UncertaintyReady, work: Work) -> UncertaintyFindings:
    """Ask every question; attacks that an interrupted run has finished are read instead."""
    for notice in ready.notices:
        work.notice(notice)
    kept = replace(ready.study, parts=work.parts, say=work.progress.say)
    if ready.earlier is None:
        found = find(kept, kept.predictor, kept.goal, _stage(work, "attack"))
    else:
        found = found_before(kept, ready.earlier.table, str(ready.earlier.path))
    has = gather(kept, found, random_edits(kept, found.tokens))
    metrics, raised, curves = _answered(ready, kept, has, work)
    return UncertaintyFindings(
        name=ready.name,
        metrics=plain(metrics),
        table=record_table(kept, has, raised),
        curves=curves,
    )


def _stage(work: Work, name: str) -> Callable[[float], None]:
    work.progress.start(name, 100)
    return lambda share: work.progress.advance(100 * share)


def _answered(
    ready: UncertaintyReady, study: Study, has: Materials, work: Work
) -> tuple[dict[str, Any], Tensor | None, dict[str, RiskCoverage]]:
    """Metrics, (n, B, columns) of what an attack on disagreement found, and curves of risk against coverage."""
    settings = ready.settings
    metrics = _described(settings, study, has)
    if (found := calibration(study, has)) is not None:
        metrics["calibration"] = found
    raised, curves = None, dict[str, RiskCoverage]()
    if "epistemic" in settings.parts and study.panel.members > 1:
        metrics["epistemic"], raised = epistemic(study, has, settings.flagged, _stage(work, "disagreement"))
    if "detection" in settings.parts:
        metrics["detection"] = detection(study, has, settings.flagged, _stage(work, "detectors"))
    if "selective" in settings.parts:
        metrics["selective"], curves = selective(study, has, settings.risk)
    if "purification" in settings.parts:
        purifiers = Purifiers(study=study, members=ready.members, background=ready.background, settings=settings)
        tried = [purifiers.defence(name) for name in settings.purify]
        metrics["purification"] = {
            one.name: purification(study, has, one, _stage(work, f"purification: {one.name}")) for one in tried
        }
    return metrics, raised, curves


def _described(settings: UncertaintySettings, study: Study, has: Materials) -> dict[str, Any]:
    """What was attacked and how, and the mean uncertainties at every budget."""
    n = len(study.sequences)
    head: dict[str, Any] = {
        "task": study.task,
        "goal": study.goal.describe(study.predictor.labels or ()),
        "threat": study.threat.describe(),
        "attacks": [attack.name for attack in study.attacks],
        "members": study.panel.members,
        "member_kind": "dropout" if settings.dropout_samples else "checkpoints",
        "n": n,
        "n_calibration": len(study.calibration),
        "order": settings.order,
        "flagged": settings.flagged,
        "budgets": [],
    }
    if not task_of(study.task).measured:
        right = int(study.right(has.clean).sum())
        head |= {
            "clean_accuracy": right / n,
            "clean_accuracy_ci": share_interval(study.right(has.clean), study.sequences.units),
        }
    for level, budget in enumerate(study.budgets):
        kinds = {"clean": has.clean, "random_edits": has.control[:, level], "attacked": has.attacked[:, level]}
        kept = has.found.attackable & ~has.found.reached[:, level]
        head["budgets"].append(
            {
                "budget": str(budget),
                "robust": float(kept.mean()),
                "robust_ci": share_interval(kept, study.sequences.units),
                "means": {
                    kind: {name: float(value.mean()) for name, value in measured(study.panel, columns).items()}
                    for kind, columns in kinds.items()
                },
            }
        )
    return head
