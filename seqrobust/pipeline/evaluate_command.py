"""``seqrobust evaluate`` without its command line: model and data in, a folder of results out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.outcomes import ReportInput, write_report
from seqrobust.analysis.transfer import same_records
from seqrobust.attacks import Problem
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_command import AttackCommand, fingerprint, prepared, resolved_names
from seqrobust.pipeline.attack_stage import AttackSettings, rule_files
from seqrobust.pipeline.evaluate_runs import evaluation_problems
from seqrobust.pipeline.evaluate_settings import EvaluateSettings
from seqrobust.pipeline.evaluate_stage import LEFTOVERS, EvaluateOutcome, run_evaluation
from seqrobust.pipeline.evaluate_surrogates import (
    Lesson,
    Problems,
    check_names,
    lesson,
    trained_surrogates,
    with_ensemble,
)
from seqrobust.pipeline.evaluate_transfer import Surrogate
from seqrobust.pipeline.report.evaluation_sections import evaluation_sections, for_the_page
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder
from seqrobust.sequences import SequenceSet, Targets

__all__ = ["EvaluateCommand", "evaluate_command"]


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand:
    """Everything a call of ``seqrobust evaluate`` says: a call of ``seqrobust attack``, and what to evaluate with.

    Attributes:
        attack: model, data, threat and goal; its own list of attacks is not used.
        methods, probe_records: see :class:`~seqrobust.pipeline.evaluate_settings.EvaluateSettings`.
        transfer_from: other models, by name, whose adversarial sequences are shown to this one.
        surrogates: so many more are trained on this one's own answers.
        surrogate_split: the records that they are trained on.
    """

    attack: AttackCommand
    methods: tuple[str, ...] = ()
    probe_records: int = 128
    transfer_from: tuple[tuple[str, ModelSource], ...] = ()
    surrogates: int = 0
    surrogate_split: str = "train"

    def __post_init__(self) -> None:
        check_names([name for name, _ in self.transfer_from], self.surrogates)
        if self.surrogates < 0:
            raise ConfigError("surrogates are counted", found=str(self.surrogates), where="--surrogates")

    def settings(self, attack: AttackSettings) -> EvaluateSettings:
        """What the evaluation is told."""
        return EvaluateSettings(attack=attack, methods=self.methods, probe_records=self.probe_records)


def evaluate_command(call: EvaluateCommand, progress: Progress) -> EvaluateOutcome:
    """Evaluate, and leave ``results.parquet``, ``methods.parquet``, ``adversarial.fa``, ``metrics.json``,
    ``manifest.json`` and ``report.html`` in the folder.

    Raises InputError for a model, file, threat, goal or method that cannot be used, before anything is written.
    """
    settings = call.settings(call.attack.settings)
    predictor, sequences, targets = prepared(call.attack, progress)
    attack = resolved_names(settings.attack, sequences)
    settings = call.settings(attack)
    with_model: Problems = partial(_problems, sequences, targets, attack, call.attack.seed)
    problems = with_model(predictor)
    surrogates = [_surrogate(call, name, source, problems, progress) for name, source in call.transfer_from]
    taught = _lesson(call, progress) if call.surrogates else None
    decides = {name: value for name, value in fingerprint(call.attack, attack).items() if name != "attack.attacks"}
    others = [[name, source.model] for name, source in call.transfer_from]
    chosen = [asdict(method) for method in settings.chosen]
    folder = RunFolder(
        call.attack.out,
        command=call.attack.command,
        config=asdict(call) | {"methods": chosen},
        inputs=[
            *(file for _, source in call.transfer_from for file in source.files),
            *call.attack.model.files,
            *call.attack.data.files,
            *rule_files(attack.allow, attack.constraints),
        ],
        fingerprint={
            **decides,
            "methods": chosen,
            "probe_records": call.probe_records,
            "transfer_from": others,
            "surrogates": [call.surrogates, call.surrogate_split] if call.surrogates else None,
        },
        resume=call.attack.resume,
        overwrite=call.attack.overwrite,
        leftovers=LEFTOVERS,
    )
    whole = next(iter(problems.values())).plain.sequences
    if taught is not None:
        # Insertions may make records longer than an input size fixed now; unless they are free, ends are cut.
        width = None if attack.moves.endswith("free") else whole.width
        surrogates += trained_surrogates(
            call.surrogates, taught, predictor, with_model, folder, progress, seed=call.attack.seed, width=width
        )
    surrogates = with_ensemble(predictor, surrogates, with_model, torch.tensor(whole.tokens), progress)
    outcome = run_evaluation(
        problems, settings, folder, progress=progress, memory=call.attack.memory, surrogates=surrogates
    )
    folder.finish(
        device=str(predictor.device),
        policies={"unknown": predictor.unknown, "padding": "zeros", "outputs": predictor.scale},
        notices=predictor.notices,
    )
    if call.attack.report:
        _report(call, attack, outcome, folder, predictor.labels or ())
    return outcome


def _problems(
    sequences: SequenceSet, targets: Targets | None, settings: AttackSettings, seed: int, predictor: Predictor
) -> dict[str, Problem]:
    return evaluation_problems(predictor, sequences, targets, settings, seed=seed)


def _lesson(call: EvaluateCommand, progress: Progress) -> Lesson:
    attack = call.attack
    return lesson(
        attack.model,
        attack.data,
        call.surrogate_split,
        progress,
        device=attack.device,
        batch_size=attack.batch_size,
        seed=attack.seed,
    )


def _surrogate(
    call: EvaluateCommand, name: str, source: ModelSource, problems: Mapping[str, Problem], progress: Progress
) -> Surrogate:
    """Another model with the same records and goals."""
    predictor, sequences, targets = prepared(replace(call.attack, model=source), progress)
    settings = resolved_names(call.attack.settings, sequences)
    found = Surrogate(
        name=name, problems=evaluation_problems(predictor, sequences, targets, settings, seed=call.attack.seed)
    )
    same_records([("the model", next(iter(problems.values()))), (name, next(iter(found.problems.values())))])
    return found


def _report(
    call: EvaluateCommand,
    settings: AttackSettings,
    outcome: EvaluateOutcome,
    folder: RunFolder,
    labels: tuple[str, ...],
) -> None:
    write_report(
        ReportInput(
            title=f"Evaluation of {Path(call.attack.model.model).name}",
            task=outcome.metrics["task"],
            labels=labels,
            data_summary=data_summary(outcome.sequences),
            attack=for_the_page(outcome.metrics),
            results=outcome.results,
            sequences=outcome.sequences,
            protect=settings.protect,
            only=settings.only,
            letter_rule=settings.allow,
            manifest=folder.manifest,
            sections=evaluation_sections(outcome.metrics),
        ),
        folder.path / "report.html",
    )
