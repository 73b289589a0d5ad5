"""``seqrobust sweep`` without its command line: many trainings of one config, each with other hyper-parameters.

Every trial is scored on validation records alone: how many it reads correctly (R2 for regression) and, where the
config trains against an adversary, how many it still does under attack. That attack is the same for every trial,
within the threat that the config's own ``training.adversarial`` states: were each trial attacked with the budget it
was trained with, the smallest budget would look best.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from seqrobust.analysis.outcomes import write_report
from seqrobust.analysis.results import MOST_OUTPUTS
from seqrobust.analysis.subject import Once
from seqrobust.errors import ConfigError, InputError, SeqRobustError
from seqrobust.files import plain, replacing, write_text
from seqrobust.progress import Progress
from seqrobust.run.attacking import attack_checkpoint
from seqrobust.run.config import AttackConfig, RunConfig
from seqrobust.run.folder import Claim, RunFolder, held
from seqrobust.run.pipeline import decisive, inputs_of, prepared_data
from seqrobust.run.repeats import OneOf, check_one_process
from seqrobust.run.sweep.results import (
    TEST_UNTOUCHED,
    best_config,
    best_of,
    front_of,
    sweep_page,
    trials_table,
)
from seqrobust.run.sweep.space import Choice, Range, as_overrides, drawn_values, parse_space
from seqrobust.run.sweep.study import SAMPLERS, Book, SamplerName, Trial, load_optuna, opened, trial_folder
from seqrobust.run.train import OUTPUTS as TRAIN_OUTPUTS
from seqrobust.run.train import train_stage, training_settings, untrained
from seqrobust.sequences.data_config import Data
from seqrobust.tasks import task_of
from seqrobust.training.selection import is_balanced
from seqrobust.yaml_file import load_config, override

ATTACKED_RECORDS = 1000
"""Validation records that a robust score is measured on, at most; the same ones for every trial."""

_DATABASE = "sweep.db"
_TRIES = 20
"""Random members of the space that are tried before a sweep is refused because the config takes none of them."""


@dataclass(frozen=True, kw_only=True)
class SweepCommand:
    """Everything a call of ``seqrobust sweep`` says.

    Attributes:
        text, where: the config, and the name of its file.
        overrides: ``key.path=value`` items.
        out: folder of the sweep.
        trials: how many are wanted in all, those of the sweep that is gone on with included.
        sampler: ``tpe`` (Ozaki et al. 2022 for two objectives) or ``nsga2`` (Deb et al. 2002).
        resume, overwrite, command: as in a run.
    """

    text: str
    where: str
    overrides: tuple[str, ...] = ()
    out: Path
    trials: int
    sampler: SamplerName = "tpe"
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ConfigError("a sweep has at least one trial", found=str(self.trials), where="--trials")
        if self.sampler not in SAMPLERS:
            raise ConfigError("unknown sampler", expected=", ".join(SAMPLERS), found=self.sampler, where="--sampler")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep will do.

    Attributes:
        config: the run whose keys vary; with a single seed, no attack and no sweep of its own.
        content: the file's content with its overrides, as a best config is written from.
        space: what varies.
        robust: the attack of the robust score; None where the config trains against nobody.
        balanced: whether an accuracy is the balanced one, for classes are uneven.
    """

    config: RunConfig
    content: Mapping[str, Any]
    space: Mapping[str, Range | Choice]
    robust: AttackConfig | None
    balanced: bool = False

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of the scores."""
        return ("clean",) if self.robust is None else ("clean", "robust")

    @property
    def score(self) -> str:
        """Key of the score among metrics."""
        return "balanced_accuracy" if self.balanced else task_of(self.config.task).score

    def measured(self) -> str:
        """What the scores are, in words."""
        name = "R2" if self.score == "r2" else self.score.replace("_", " ")
        if self.robust is None:
            return f"The score is {name}."
        return (
            f"Clean is {name}; robust is {name} under attack ({', '.join(self.robust.attacks)}) within the threat that "
            f"the config itself trains against ({self.robust.threat().describe()}), the same for every trial, on at "
            f"most {ATTACKED_RECORDS:,} records."
        )


@dataclass(frozen=True, kw_only=True)
class SweepOutcome:
    """The trials, and which are best."""

    trials: tuple[Trial, ...]
    best: Mapping[str, Trial]
    objectives: tuple[str, ...]


def make_plan(call: SweepCommand) -> Plan:
    """What the command asks for. Raises ConfigError for a config, or a sweep section, that cannot be used."""
    whole = load_config(call.text, RunConfig, where=call.where, overrides=call.overrides)
    space = parse_space(whole.sweep)
    content = yaml.safe_load(call.text)
    for item in call.overrides:
        override(content, item)
    against = whole.training.adversarial
    inner = next((path for path in space if path.startswith("training.adversarial")), None)
    if against is None and inner is not None:
        raise ConfigError(
            "what varies belongs to an adversary that the config does not train against",
            expected="training.adversarial in the config: the threat that the robust score is measured under",
            found=inner,
            where=f"sweep.{inner}",
        )
    robust = None
    if against is not None:
        robust = AttackConfig(
            split="valid",
            budget=against.budget,
            protect=against.protect,
            only=against.only,
            allow=against.allow,
            max_records=ATTACKED_RECORDS,
            random_draws=1,
        )
    return Plan(config=_of_a_trial(whole), content=content, space=space, robust=robust)


def run_sweep(call: SweepCommand, progress: Progress) -> SweepOutcome:
    """Train and score trial after trial, each in a folder ``trial-0007`` of its own, and say which are best.

    Leaves ``sweep.db``, ``trials.csv``, ``report.html``, ``metrics.json``, ``manifest.json`` and the configs
    ``best-clean.yaml``, ``best-both.yaml`` and ``best-robust.yaml``. A trial that fails is noted with its reason.

    Raises InputError for what cannot be swept, before anything is written, and SeqRobustError where no trial is
    finished in the end.
    """
    load_optuna()
    plan = make_plan(call)
    check_one_process(plan.config, "sweeps")
    progress = Once(progress)
    data = without_test(prepared_data(plan.config, progress))
    plan = replace(plan, balanced=_is_balanced(plan, data))
    _check_space(call, plan, data)
    progress.say(TEST_UNTOUCHED)
    with held(call.out, _claim(call, plan, progress)) as folder:
        return _trials(call, plan, data, folder, progress)


def _trials(call: SweepCommand, plan: Plan, data: Data, folder: RunFolder, progress: Progress) -> SweepOutcome:
    with opened(call.out / _DATABASE, plan.space, plan.objectives, sampler=call.sampler, seed=plan.config.seed) as book:
        for number in book.mark_interrupted():
            progress.say(f"{trial_folder(number)} was interrupted, and is tried again")
        while book.counted < call.trials:
            _next_trial(call, plan, data, book, progress)
            _write(plan, book.trials, folder)
        trials = book.trials
    _write(plan, trials, folder)
    _finish(plan, trials, folder)
    if not (best := best_of(trials)):
        raise SeqRobustError(f"none of {len(trials)} trials was finished; the last one failed: {trials[-1].reason}")
    return SweepOutcome(trials=trials, best=best, objectives=plan.objectives)


def _is_balanced(plan: Plan, data: Data) -> bool:
    """As weights are selected; of more outputs than results hold, there is no balanced score under attack."""
    if plan.robust is not None and data.targets.outputs > MOST_OUTPUTS:
        return False
    settings, _ = training_settings(plan.config)
    return is_balanced(settings, data.in_split("train")[1], data.in_split("valid")[1])


def without_test(data: Data) -> Data:
    """Training and validation records alone."""
    assert data.sequences.splits is not None
    kept = np.isin(data.sequences.splits, ("train", "valid")).nonzero()[0]
    return Data(sequences=data.sequences.take(kept), targets=data.targets.take(kept), notices=data.notices)


def _of_a_trial(config: RunConfig) -> RunConfig:
    seed = config.seed if config.seeds is None else config.seeds[0]
    return config.with_seed(seed).model_copy(update={"attack": None, "sweep": None})


def _config_with(call: SweepCommand, values: Mapping[str, Any]) -> RunConfig:
    overrides = (*call.overrides, *as_overrides(values))
    return _of_a_trial(load_config(call.text, RunConfig, where=call.where, overrides=overrides))


def _check_space(call: SweepCommand, plan: Plan, data: Data) -> None:
    """Raise ConfigError for a key that no config has, and where no random member of the space makes a model."""
    rng = np.random.default_rng(0)
    for path, spec in plan.space.items():
        try:
            _config_with(call, {path: spec.drawn(rng)})
        except ConfigError as error:
            # Whatever else is wrong may be right beside other values.
            if error.problem.startswith("unknown key"):
                raise error.at(f"sweep.{path}") from None
    first: InputError | None = None
    for _ in range(_TRIES):
        try:
            untrained(_config_with(call, drawn_values(plan.space, rng)), data)
        except InputError as error:
            first = first or error
        else:
            return
    assert first is not None
    raise first.at("sweep, with random values of what varies")


def _claim(call: SweepCommand, plan: Plan, progress: Progress) -> Claim:
    spaces = {path: asdict(spec) for path, spec in sorted(plan.space.items())}
    marks = {**decisive(plan.config, stage="train"), "sweep": json.dumps(plain(spaces)), "sampler": call.sampler}
    return Claim(
        kind="sweep",
        command=call.command,
        config=plain(plan.content),
        inputs=inputs_of(plan.config),
        fingerprint={**marks, "over": "trials"},
        outputs=("trial-*", _DATABASE, f"{_DATABASE}-*", "best-*.yaml", "trials.csv", "report.html"),
        resume=call.resume,
        overwrite=call.overwrite,
        say=progress.say,
    )


def _next_trial(call: SweepCommand, plan: Plan, data: Data, book: Book, progress: Progress) -> None:
    number, values = book.ask()
    called = f"trial {book.counted + 1} of {call.trials}"
    place = call.out / trial_folder(number)
    try:
        scores = run_trial(call, plan, data, values, place, _Trials(progress, called))
    except OSError:
        # A full disk is not the trial's fault: it stays open, and is tried again on resume.
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, SeqRobustError) else f"{type(error).__name__}: {error}"
        book.tell_failed(number, reason)
        progress.say(f"{called} failed: {reason.splitlines()[0]}")
        return
    book.tell(number, scores)


class _Trials(OneOf):
    """Progress of a trial; what is worth saying is said of all trials, once."""

    def say(self, text: str) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.say(text)


def run_trial(
    call: SweepCommand, plan: Plan, data: Data, values: Mapping[str, Any], place: Path, progress: Progress
) -> dict[str, float]:
    """Train with those values in a folder of its own; validation scores by objective.

    Raises InputError for values that the config does not take, and SeqRobustError for a score that is not finite.
    """
    config = _config_with(call, values)
    claim = Claim(
        kind="trial",
        command=call.command,
        config=config.model_dump(mode="json"),
        inputs=inputs_of(config),
        fingerprint=decisive(config, stage="train"),
        outputs=(*TRAIN_OUTPUTS, "attack", "records-*.tsv.gz"),
        overwrite=True,
        say=progress.say,
    )
    with held(place, claim) as folder:
        trained = train_stage(config, data, folder, resume=False, progress=progress)
        scores = {"clean": trained.metrics["valid"][plan.score]}
        if plan.robust is not None:
            found = attack_checkpoint(
                config, plan.robust, data, place / "model.ckpt", place / "attack", progress, command=call.command
            )
            name = "r2" if plan.score == "r2" else f"robust_{plan.score}"
            scores["robust"] = found.metrics["budgets"][-1][name]
        for name, value in scores.items():
            if value is None or not math.isfinite(value):
                raise SeqRobustError(f"the {name} validation score is not a number")
        folder.finish(scores=scores, values=values)
    return scores


def _write(plan: Plan, trials: tuple[Trial, ...], folder: RunFolder) -> None:
    """The table and the best configs, after every trial: a sweep is often stopped when it is good enough."""
    with replacing(folder.path / "trials.csv") as temporary:
        trials_table(trials, plan.space, plan.objectives).to_csv(temporary, index=False)
    for which, trial in best_of(trials).items():
        write_text(folder.path / f"best-{which}.yaml", best_config(plan.content, which, trial))


def _finish(plan: Plan, trials: tuple[Trial, ...], folder: RunFolder) -> None:
    states = [trial.state for trial in trials]
    metrics = {
        "objectives": list(plan.objectives),
        "score": plan.score,
        "trials": {state: states.count(state) for state in ("finished", "failed", "interrupted")},
        "best": {which: _entry(trial) for which, trial in best_of(trials).items()},
        "front": [_entry(trial) for trial in front_of(trials)],
    }
    folder.write_json("metrics.json", metrics)
    folder.finish(policies={"test split": "untouched"})
    page = sweep_page(plan.config.name, plan.config.task, folder.manifest, trials, plan.space, measured=plan.measured())
    write_report(page, folder.path / "report.html")


def _entry(trial: Trial) -> dict[str, Any]:
    return {"trial": trial.number, "folder": trial.folder, "scores": trial.scores, "values": trial.values}
