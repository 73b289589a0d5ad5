"""``seqrobust compare`` without its command line: one attack on each of several models, and what of it transfers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from seqrobust.analysis.outcomes import ReportInput, save_picture, write_report
from seqrobust.analysis.transfer import Rival, same_records, transfer_metrics, transferred
from seqrobust.attacks import Problem
from seqrobust.errors import ConfigError, ModelError
from seqrobust.files import replacing
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_command import AttackCommand, fingerprint, prepared, resolved_names
from seqrobust.pipeline.attack_stage import AttackOutcome, AttackSettings, attack_problem, rule_files, run_attack
from seqrobust.pipeline.report.transfer_picture import shown_budgets, transfer_picture, transfer_table
from seqrobust.progress import Progress
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Picture, Section
from seqrobust.report.words import plural, unit_of
from seqrobust.run.folder import RunFolder, plain


@dataclass(frozen=True, kw_only=True)
class CompareCommand:
    """Everything a call of ``seqrobust compare`` says.

    Attributes:
        models: by name, in the order of rows and columns.
        attack: data, threat, goal and search; its own model is not used.
    """

    models: tuple[tuple[str, ModelSource], ...]
    attack: AttackCommand

    def __post_init__(self) -> None:
        names = [name for name, _ in self.models]
        if len(names) < 2:
            raise ConfigError("a comparison needs two models", found=", ".join(names) or "none", where="--model")
        if twice := {name for name in names if names.count(name) > 1}:
            fix = "name them: --model NAME=CHECKPOINT"
            raise ConfigError("two models have one name", found=", ".join(sorted(twice)), where="--model", fix=fix)
        for name in names:
            if not re.fullmatch(r"\w[\w.-]*", name):
                known = "letters, digits, _, . and -"
                raise ConfigError("a model's name becomes a folder", expected=known, found=repr(name), where="--model")

    def of(self, name: str, source: ModelSource) -> AttackCommand:
        """The attack on one of the models."""
        return replace(self.attack, model=source, out=self.attack.out / name)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Prepared:
    """One model, ready to be attacked."""

    name: str
    call: AttackCommand
    problem: Problem
    settings: AttackSettings


def compare_command(call: CompareCommand, progress: Progress) -> dict[str, Any]:
    """Attack each model, show what was found to all the others, and leave ``results.parquet`` (a row per source,
    target, record and budget), ``metrics.json``, ``transfer.png``, ``manifest.json`` and ``report.html``; the attack
    on each model stands in a folder of its name. Gives what ``metrics.json`` holds.

    Raises InputError for a model, file, threat or goal that cannot be used, before anything is written, and for models
    that read the records differently or have different tasks.
    """
    once = Once(progress)
    ready = [_ready(name, call.of(name, source), once) for name, source in call.models]
    _comparable(ready)
    folder = _folder(call.attack, ready)
    outcomes = {one.name: _attacked(one, once) for one in ready}
    rivals = [Rival(name=one.name, problem=one.problem, results=outcomes[one.name].results) for one in ready]
    once.start("transfer", 1)
    table = transferred(rivals)
    once.advance(1)
    problem = ready[0].problem
    metrics = {
        "task": problem.predictor.task,
        "goal": problem.goal.describe(problem.predictor.labels or ()),
        "threat": problem.threat.describe(),
        "moves": call.attack.settings.moves,
        "attacks": list(call.attack.settings.attacks),
        "n": len(problem.sequences),
        **transfer_metrics(table),
        "models": {one.name: {"model": one.call.model.model, **outcomes[one.name].metrics} for one in ready},
    }
    with replacing(folder.path / "results.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    folder.write_json("metrics.json", metrics)
    save_picture(transfer_picture(metrics), folder.path / "transfer.png")
    folder.finish(device=str(problem.predictor.device))
    if call.attack.report:
        write_report(_page(metrics, folder), folder.path / "report.html")
    return metrics


class Once:
    """Progress that says nothing twice: the data are read once for every model."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()

    def start(self, stage: str, total: float) -> None:
        """See :class:`~seqrobust.pipeline.progress.Progress`."""
        self._progress.start(stage, total)

    def advance(self, done: float, text: str = "") -> None:
        """See :class:`~seqrobust.pipeline.progress.Progress`."""
        self._progress.advance(done, text)

    def say(self, text: str) -> None:
        """See :class:`~seqrobust.pipeline.progress.Progress`."""
        if text not in self._said:
            self._said.add(text)
            self._progress.say(text)


def _ready(name: str, call: AttackCommand, progress: Progress) -> _Prepared:
    predictor, sequences, targets = prepared(call, progress)
    settings = resolved_names(call.settings, sequences)
    problem = attack_problem(predictor, sequences, targets, settings, seed=call.seed)
    return _Prepared(name=name, call=call, problem=problem, settings=settings)


def _comparable(ready: Sequence[_Prepared]) -> None:
    same_records([(one.name, one.problem) for one in ready])
    first = ready[0].problem.predictor
    for one in ready[1:]:
        predictor = one.problem.predictor
        for what in ("task", "labels"):
            mine, other = getattr(first, what), getattr(predictor, what)
            if (set(mine) != set(other)) if what == "labels" else (mine != other):
                raise ModelError(
                    f"the models have different {what}", expected=str(mine), found=f"{other} of {one.name}"
                )


def _folder(call: AttackCommand, ready: Sequence[_Prepared]) -> RunFolder:
    models = [one.call.model for one in ready]
    marks = [fingerprint(one.call, one.settings) for one in ready]
    return RunFolder(
        call.out,
        command=call.command,
        config={"models": {one.name: asdict(one.call.model) for one in ready}, **asdict(call)},
        inputs=[
            *(file for model in models for file in model.files),
            *call.data.files,
            *rule_files(call.settings.allow, call.settings.constraints),
        ],
        fingerprint={one.name: json.dumps(plain(mark)) for one, mark in zip(ready, marks, strict=True)},
        resume=call.resume,
        overwrite=call.overwrite,
    )


def _attacked(one: _Prepared, progress: Progress) -> AttackOutcome:
    call, settings, problem = one.call, one.settings, one.problem
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(call) | {"settings": asdict(settings)},
        inputs=[*call.model.files, *call.data.files, *rule_files(settings.allow, settings.constraints)],
        fingerprint=fingerprint(call, settings),
        resume=call.resume,
        overwrite=call.overwrite,
    )
    progress.say(f"attacking {one.name}")
    outcome = run_attack(problem, settings, folder, progress=progress, memory=call.memory)
    policies = {"unknown": problem.predictor.unknown, "padding": "zeros", "outputs": problem.predictor.scale}
    folder.finish(device=str(problem.predictor.device), policies=policies, notices=problem.predictor.notices)
    return outcome


def _page(metrics: dict[str, Any], folder: RunFolder) -> ReportInput:
    picture = svg_markup(transfer_picture(metrics), "transfer", "Share of each model fooled by each model's sequences")
    caption = (
        "Framed: a model shown the sequences found against itself. Counted are the records that both read correctly."
    )
    matrix = Section(
        title="Whose sequences fool whom",
        lead=f"{plural(metrics['n'], 'sequence')}; goal: {metrics['goal']}; threat: {metrics['threat']}.",
        pictures=(Picture(svg=picture, caption=caption),),
        tables=tuple(transfer_table(budget, unit_of(metrics)) for budget in shown_budgets(metrics)),
    )
    signs = Section(
        title="Does transfer beat a model's own attack?",
        lead="Where it does, gradients of the model that is shown the sequences mislead.",
        items=tuple((f"{name}: {sign['verdict']}", sign["explanation"]) for name, sign in metrics["masking"].items()),
    )
    title = f"Comparison of {', '.join(metrics['names'])}"
    return ReportInput(title=title, task=metrics["task"], manifest=folder.manifest, sections=(matrix, signs))
