"""Is a smaller model as accurate and as robust as the original?

Every compressed copy stands under the attack that the original stands under; sequences found on either are shown to the
other. Copies with ordinary weights are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.compress.findings import CompressFindings
from seqrobust.analysis.compress.methods import Compressed, method_named
from seqrobust.analysis.compress.pooled import of_all
from seqrobust.analysis.compress.runs import CompressRuns, Variant, calibration_of, opened_student, variants_of
from seqrobust.analysis.compress.settings import CompressSettings
from seqrobust.analysis.compress.weights import layers_of
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import Problem, Shift
from seqrobust.attacks.settings import resolved
from seqrobust.attacks.shift_size import ShiftSize
from seqrobust.attacks.stating import attack_problem
from seqrobust.models import ModelCard, SequenceModel
from seqrobust.models.predictor import Predictor


@dataclass(frozen=True, kw_only=True, eq=False)
class CompressReady:
    """What is compressed: the model, the variants, students ready to be asked, and the attack on the original."""

    subject: Subject
    problem: Problem
    settings: CompressSettings
    variants: list[Variant]
    students: Mapping[Path, Predictor]

    @property
    def predictor(self) -> Predictor:
        """The original."""
        return self.subject.predictor


def prepare(subject: Subject, settings: CompressSettings, opening: Opening) -> CompressReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for a method or attack that cannot be used, and for
    students that answer another question.
    """
    settings = resolved(settings, subject.sequences)
    predictor = subject.predictor
    methods, alone = ([method_named(name) for name in names] for names in (settings.methods, settings.by_layer))
    variants = variants_of(predictor, methods, alone, settings.students)
    students = {
        path: opened_student(path, predictor, device=opening.device, batch_size=opening.batch_size)
        for path in settings.students
    }
    problem = attack_problem(predictor, subject.sequences, subject.targets, settings, seed=opening.seed)
    return CompressReady(subject=subject, problem=problem, settings=settings, variants=variants, students=students)


def study(ready: CompressReady, work: Work) -> CompressFindings:
    """Compress in every way asked for, and attack each copy; finished shards of an interrupted run are read."""
    subject, settings, goal = ready.subject, ready.settings, ready.problem.goal
    runs = CompressRuns(
        predictor=subject.predictor,
        sequences=subject.sequences,
        targets=subject.targets,
        settings=settings,
        shift=ShiftSize(value=goal.delta, unit=goal.unit) if isinstance(goal, Shift) else None,
        calibration=calibration_of(subject.sequences, work.seed),
        work=work,
    )
    copies: dict[str, tuple[SequenceModel, ModelCard]] = {}
    found, table = _all_variants(ready, runs, copies)
    layers = layers_of(subject.predictor.module)
    metrics: dict[str, Any] = {
        "task": subject.predictor.task,
        "goal": goal.describe(subject.predictor.labels or ()),
        **(goal.plain() if isinstance(goal, Shift) else {}),
        "attacks": list(settings.attacks),
        "layers": [
            {"name": name, "kind": kind, "weights": _count(layers.weights[name])} for name, kind in layers.kinds.items()
        ],
        "unknown_layers": list(layers.unknown),
        "held_layers": list(layers.held),
        "original": found[0],
        "variants": found[1:],
    }
    return CompressFindings(name=subject.name, results=table, metrics=metrics, copies=copies, draw=settings.draw)


def _count(weights: Any) -> int:
    return sum(weight.numel() for weight in weights.values())


def _all_variants(
    ready: CompressReady, runs: CompressRuns, copies: dict[str, tuple[SequenceModel, ModelCard]]
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Metrics and rows of every variant, the original first; copies to be saved are added to ``copies``."""
    limit, variants = runs.settings.max_records, ready.variants
    count = len(runs.sequences) if limit is None else min(limit, len(runs.sequences))
    runs.work.progress.start("compress", len(variants) * count)
    original = runs.original()
    found = [runs.metrics(variants[0], original)]
    tables = [runs.rows(variants[0], original)]
    for number, variant in enumerate(variants[1:], start=1):
        if variant.student is not None:
            predictor = ready.students[variant.student]
            more: dict[str, Any] = _student_sizes(runs.predictor, predictor) | {"checkpoint": str(variant.student)}
        else:
            copy = runs.made(variant)
            predictor = copy.predictor
            more = {"zeros": copy.zeros, "bits_per_weight": copy.bits, "checkpoint": _kept(copy, ready, copies)}
        metrics, rows = runs.run(variant, predictor, number, original)
        found.append(metrics | more)
        tables.append(rows)
    column = "budget_share" if "budget_share" in tables[0] else "budget"
    for entry in found[0]["budgets"]:
        its, *copied = (table[table[column] == entry["budget"]] for table in tables)
        entry |= of_all(its, copied, runs.predictor.task)
    return found, pd.concat(tables, ignore_index=True)


def _student_sizes(teacher: Predictor, student: Predictor) -> dict[str, float]:
    """The bits of a weight are counted over the teacher's weights."""
    share = layers_of(student.module).count / layers_of(teacher.module).count
    return {"zeros": 0.0, "bits_per_weight": 32 * share}


def _kept(copy: Compressed, ready: CompressReady, copies: dict[str, tuple[SequenceModel, ModelCard]]) -> str | None:
    """The place of a copy's checkpoint in the folder; None where the model is not one of ours, or the copy has no
    ordinary weights."""
    module, card = copy.predictor.module, ready.subject.card
    ours = ready.settings.save and card is not None and isinstance(module, SequenceModel)
    if not ours or copy.layer is not None or not copy.method.plain:
        return None
    assert card is not None
    assert isinstance(module, SequenceModel)
    place = f"models/{copy.method.name}/model.ckpt"
    made = {
        "method": copy.method.name,
        "source": ready.subject.source,
        "zeros": copy.zeros,
        "bits_per_weight": copy.bits,
    }
    # An earlier version's card names fewer hyper-parameters; the module knows what it was built with.
    copies[place] = (
        module,
        replace(
            card, hyperparameters=dict(module.hyperparameters), provenance={**card.provenance, "compression": made}
        ),
    )
    return place
