"""``seqrobust evaluate`` without its command line: model and data in, a folder of results out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from seqrobust.analysis.transfer import same_records
from seqrobust.attacks import Problem
from seqrobust.errors import ConfigError
from seqrobust.pipeline.attack_command import AttackCommand, fingerprint, prepared, resolved_names
from seqrobust.pipeline.attack_stage import AttackSettings, rule_files
from seqrobust.pipeline.data_stage import data_summary
from seqrobust.pipeline.evaluate_runs import evaluation_problems
from seqrobust.pipeline.evaluate_settings import EvaluateSettings
from seqrobust.pipeline.evaluate_stage import LEFTOVERS, EvaluateOutcome, run_evaluation
from seqrobust.pipeline.evaluate_transfer import Surrogate
from seqrobust.pipeline.model_stage import ModelSource
from seqrobust.pipeline.progress import Progress
from seqrobust.pipeline.report import ReportInput, write_report
from seqrobust.pipeline.report.evaluation_sections import evaluation_sections, for_the_page
from seqrobust.pipeline.run_folder import RunFolder

__all__ = ["EvaluateCommand", "evaluate_command"]


@dataclass(frozen=True, kw_only=True)
class EvaluateCommand:
    """Everything a call of ``seqrobust evaluate`` says: a call of ``seqrobust attack``, and what to evaluate with.

    Attributes:
        attack: model, data, threat and goal; its own list of attacks is not used.
        methods, probe_records: see :class:`~seqrobust.pipeline.evaluate_settings.EvaluateSettings`.
        transfer_from: other models, by name, whose adversarial sequences are shown to this one.
    """

    attack: AttackCommand
    methods: tuple[str, ...] = ()
    probe_records: int = 128
    transfer_from: tuple[tuple[str, ModelSource], ...] = ()

    def __post_init__(self) -> None:
        names = [name for name, _ in self.transfer_from]
        if twice := {name for name in names if names.count(name) > 1}:
            fix = "name them: --transfer-from NAME=MODEL"
            raise ConfigError("two models have one name", found=", ".join(sorted(twice)), fix=fix)

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
    problems = evaluation_problems(predictor, sequences, targets, attack, seed=call.attack.seed)
    surrogates = [_surrogate(call, name, source, problems, progress) for name, source in call.transfer_from]
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
        fingerprint={**decides, "methods": chosen, "probe_records": call.probe_records, "transfer_from": others},
        resume=call.attack.resume,
        overwrite=call.attack.overwrite,
        leftovers=LEFTOVERS,
    )
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
