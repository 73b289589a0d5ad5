"""The runs of a compression study: the original and each compressed copy under one attack, shard by shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from seqrobust.analysis import attack_metrics
from seqrobust.analysis.attacked import still
from seqrobust.analysis.class_robustness import clean_measures
from seqrobust.analysis.compress.methods import Compressed, Method, compressed
from seqrobust.analysis.compress.pooled import against
from seqrobust.analysis.compress.weights import layers_of
from seqrobust.analysis.room import Work
from seqrobust.analysis.shards import run_shards
from seqrobust.analysis.transfer import Rival, fidelity, transfer_metrics, transferred
from seqrobust.attacks import attacks_for, scores_for
from seqrobust.attacks.settings import AttackSettings
from seqrobust.attacks.shift_size import ShiftSize
from seqrobust.attacks.stating import attack_problem
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.opening import open_predictor
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.tasks import task_of

PARTS = f"parts/run-{4 * '[0-9]'}-{5 * '[0-9]'}.parquet"
"""Finished shards, and no file of the user's own."""
CALIBRATION = 256
"""Records, drawn at random, whose activations give static ranges."""
ORIGINAL = "original"
CONSTANT = 0.98
"""Share of records with one answer from which a copy is said to be constant."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A model to be looked at: the method, None for the original, and the one layer that it is applied to; or the
    checkpoint of a student, a smaller model that was trained by itself."""

    method: Method | None = None
    layer: str | None = None
    student: Path | None = None

    @property
    def name(self) -> str:
        """As it stands in tables."""
        if self.student is not None:
            return f"student {self.student.parent.name if self.student.stem == 'model' else self.student.stem}"
        method = ORIGINAL if self.method is None else self.method.name
        return method if self.layer is None else f"{method} @ {self.layer}"


def variants_of(
    predictor: Predictor, methods: Sequence[Method], by_layer: Sequence[Method], students: Sequence[Path] = ()
) -> list[Variant]:
    """The original, whole models, students, then single layers; of a model of one layer the latter say nothing new.

    Raises ConfigError for two of one name.
    """
    layers = list(layers_of(predictor.module).weights)
    single = [Variant(method=method, layer=layer) for method in by_layer for layer in layers if len(layers) > 1]
    whole = [*(Variant(method=method) for method in methods), *(Variant(student=path) for path in students)]
    names = [variant.name for variant in [*whole, *single]]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            "two models of the table have one name", found=twice[0], fix="name each once; students by their folders"
        )
    return [Variant(), *whole, *single]


def opened_student(path: Path, predictor: Predictor, *, device: str, batch_size: int | None) -> Predictor:
    """A student, ready to be asked as its teacher is. Raises ModelError for one that answers another question."""
    student, _ = open_predictor(ModelSource(model=str(path)), alphabet=None, device=device, batch_size=batch_size)
    said = [(one.alphabet.name, one.task, one.labels) for one in (predictor, student)]
    if said[0] != said[1]:
        expected, found = (f"{name}, {task}, {', '.join(labels or ())}" for name, task, labels in said)
        raise ModelError("a student answers its teacher's question", expected=expected, found=found, where=str(path))
    return student


@dataclass(kw_only=True, eq=False)
class CompressRuns:
    """What is run, and where it is kept.

    Attributes:
        predictor, sequences, targets: the original and the records.
        settings: the attack, the same for every variant.
        shift: of a regression, what counts as a shift, the same for every variant.
        calibration: records that static ranges are found on.
        work: seed, memory, progress, and the folder of finished shards.
    """

    predictor: Predictor
    sequences: SequenceSet
    targets: Targets | None
    settings: AttackSettings
    shift: ShiftSize | None = None
    calibration: torch.Tensor
    work: Work

    def original(self) -> Rival:
        """The model itself under the attack."""
        return self._attacked(self.predictor, ORIGINAL, 0)

    def made(self, variant: Variant) -> Compressed:
        """The compressed copy."""
        assert variant.method is not None
        copy = compressed(self.predictor, variant.method, layer=variant.layer, calibration=self.calibration)
        for notice in copy.notices:
            self.work.notice(notice)
        return copy

    def run(
        self, variant: Variant, predictor: Predictor, number: int, original: Rival
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        """Metrics of a variant, asked by that predictor, and its rows."""
        rival = self._attacked(predictor, variant.name, number)
        moved = transferred([original, rival])
        there = moved[(moved["source"] == ORIGINAL) & (moved["target_model"] == variant.name)]
        back = moved[(moved["source"] == variant.name) & (moved["target_model"] == ORIGINAL)]
        rows = self.rows(variant, rival).assign(
            original_still_works=there["success"].to_numpy(), fools_original=back["success"].to_numpy()
        )
        found = self.metrics(variant, rival)
        agreement = fidelity(self.predictor, predictor, torch.tensor(original.problem.plain.sequences.tokens))
        found |= {"agreement": agreement.agreement, "agreement_ci": agreement.agreement_ci}
        column = "budget_share" if "budget_share" in rows else "budget"
        for entry, of_budget in zip(found["budgets"], transfer_metrics(moved)["budgets"], strict=True):
            pairs = {(pair["source"], pair["target"]): pair for pair in of_budget["pairs"]}
            entry["transfer_to"] = _of_found(pairs[ORIGINAL, variant.name])
            entry["transfer_back"] = _of_found(pairs[variant.name, ORIGINAL])
            mine, its = (part[part[column] == entry["budget"]] for part in (rows, original.results))
            entry |= against(mine, its, found["task"])
        self._say_if_constant(variant.name, rival.results.drop_duplicates("id")["clean_prediction"])
        found |= self._beside(original, rival)
        for caution in found.get("cautions", ()):
            self.work.notice(f"{variant.name}: {caution}")
        return found, rows

    def _say_if_constant(self, name: str, answers: pd.Series) -> None:
        share = float(answers.value_counts(normalize=True).iloc[0]) if len(answers) else 0.0
        if share >= CONSTANT:
            moved = "moved" if task_of(self.predictor.task).measured else "fooled"
            many = "every record" if share == 1 else f"{share:.1%} of the records"
            self.work.notice(f"{name} says the same of {many}: that it cannot be {moved} is no robustness")

    def _beside(self, original: Rival, rival: Rival) -> dict[str, Any]:
        """Where nothing is known of the truth: how the copy answers what the original answers one thing to."""
        if self.targets is not None or not task_of(self.predictor.task).exclusive:
            return {}
        once, answers = (one.results.drop_duplicates("id") for one in (rival, original))
        told = clean_measures(once.assign(target=answers["clean_prediction"].to_numpy()), self.predictor.task)
        cautions = [f"against the original's answers, {caution}" for caution in told.get("cautions", ())]
        agreement = {"balanced_agreement": told["clean_balanced_accuracy"]}
        return agreement | ({"cautions": cautions} if cautions else {})

    def metrics(self, variant: Variant, rival: Rival) -> dict[str, Any]:
        """What an attack's metrics hold, under the variant's name."""
        method = variant.method
        return {
            "name": variant.name,
            "method": None if method is None else method.name,
            "layer": variant.layer,
            "task": self.predictor.task,
            **attack_metrics(rival.results, self.predictor.task, labelled=self.targets is not None),
            **still(rival.results, rival.problem),
        }

    def rows(self, variant: Variant, rival: Rival) -> pd.DataFrame:
        """Rows of ``compress.parquet``."""
        method = None if variant.method is None else variant.method.name
        rows: pd.DataFrame = rival.results.assign(variant=variant.name, method=method, layer=variant.layer)
        return rows

    def _attacked(self, predictor: Predictor, name: str, number: int) -> Rival:
        problem = attack_problem(
            predictor, self.sequences, self.targets, self.settings, seed=self.work.seed, shift=self.shift
        )
        scores = scores_for(predictor, memory=self.work.memory)
        results = run_shards(
            problem,
            attacks_for(predictor, self.settings.attacks),
            partial(self._part, number),
            self.work.progress,
            scores,
            before=number * len(problem.sequences),
        )
        for notice in scores.notices:
            self.work.notice(notice)
        return Rival(name=name, problem=problem, results=results)

    def _part(self, number: int, shard: int) -> Path:
        return self.work.parts / f"run-{number:04d}-{shard:05d}.parquet"


def _of_found(pair: dict[str, Any]) -> dict[str, Any]:
    """Of the sequences that fooled the one, how many fool the other."""
    return {"n": pair["n_found"], "rate": pair["rate_of_found"], "rate_ci": pair["rate_of_found_ci"]}


def calibration_of(sequences: SequenceSet, seed: int) -> torch.Tensor:
    """(M, L) tokens of a sample of records."""
    order = np.random.default_rng(seed).permutation(len(sequences))[:CALIBRATION]
    return torch.tensor(sequences.take(np.sort(order)).tokens)
