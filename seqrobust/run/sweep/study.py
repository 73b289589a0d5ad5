"""The book a sweep keeps: an Optuna study in one SQLite file (Akiba et al. 2019), which a killed sweep goes on with.

What is tried next follows from the seed and the finished trials alone, so that a sweep that was killed and resumed
tries what an unbroken one would have tried. Optuna is loaded when a sweep begins, for nothing else needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from seqrobust.errors import ConfigError
from seqrobust.run.sweep.space import Choice, Range, Space

if TYPE_CHECKING:
    import optuna

SamplerName: TypeAlias = Literal["tpe", "nsga2"]
SAMPLERS: tuple[str, ...] = get_args(SamplerName)
TrialState: TypeAlias = Literal["finished", "failed", "interrupted"]

_INTERRUPTED, _REASON, _VALUES = "interrupted", "reason", "values"
_POPULATION = 16
"""Trials a generation of NSGA-II: sweeps of tens of trials should have several generations."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial of a sweep.

    Attributes:
        number: counted from 0, also in the name of its folder.
        state: ``failed`` says why in ``reason``; ``interrupted`` is one that was running when the sweep was killed,
            and was tried again under a later number.
        values: what it had at the keys that vary.
        scores: by objective; empty unless it is finished.
        seconds: that it took, None where it did not end.
        reason: why it failed.
    """

    number: int
    state: TrialState
    values: Mapping[str, Any]
    scores: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    reason: str = ""

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return trial_folder(self.number)


def trial_folder(number: int) -> str:
    """Name of a trial's folder.

    >>> trial_folder(7)
    'trial-0007'
    """
    return f"trial-{number:04d}"


def load_optuna() -> Any:
    """The package optuna. Raises ConfigError that says how to install it."""
    try:
        import optuna
    except ImportError:
        raise ConfigError(
            "a sweep needs the package optuna, which is not installed",
            fix="pip install 'seqrobust[sweep]', or pip install optuna",
        ) from None
    return optuna


class Book:
    """The trials of a sweep, kept on disk as they come.

    Args:
        study: whose trials they are.
        storage: where it is kept.
        space: what varies.
        objectives: names of the scores, all of them to be as large as can be.
        sampler: how the next trial is chosen.
        seed: of that choice.
    """

    def __init__(
        self,
        study: optuna.Study,
        storage: optuna.storages.BaseStorage,
        space: Space,
        objectives: Sequence[str],
        *,
        sampler: SamplerName,
        seed: int,
    ) -> None:
        self._study = study
        self._storage = storage
        self._space = space
        self._objectives = tuple(objectives)
        self._sampler = sampler
        self._seed = seed
        self._optuna = load_optuna()

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Those that have ended, by number."""
        states = self._optuna.trial.TrialState
        ended = self._study.get_trials(deepcopy=False, states=(states.COMPLETE, states.FAIL))
        return tuple(self._trial(one) for one in ended)

    @property
    def counted(self) -> int:
        """How many trials have been finished or have failed; interrupted ones do not count."""
        return sum(trial.state != "interrupted" for trial in self.trials)

    def mark_interrupted(self) -> tuple[int, ...]:
        """Mark trials that a killed sweep left running as failed, and have their values tried again; their numbers."""
        states = self._optuna.trial.TrialState
        left = self._study.get_trials(deepcopy=False, states=(states.RUNNING,))
        for one in left:
            self._storage.set_trial_user_attr(one._trial_id, _INTERRUPTED, True)
            self._study.tell(one.number, state=states.FAIL)
            self._study.enqueue_trial(one.params)
        return tuple(one.number for one in left)

    def ask(self) -> tuple[int, dict[str, Any]]:
        """Number and values of the next trial."""
        self._study.sampler = self._fresh_sampler()
        trial = self._study.ask()
        values = {path: _suggested(trial, path, spec) for path, spec in self._space.items()}
        trial.set_user_attr(_VALUES, values)
        return trial.number, values

    def tell(self, number: int, scores: Mapping[str, float]) -> None:
        """A trial is finished."""
        self._study.tell(number, [scores[name] for name in self._objectives])

    def tell_failed(self, number: int, reason: str) -> None:
        """A trial has failed."""
        trial = self._study.get_trials(deepcopy=False)[number]
        self._storage.set_trial_user_attr(trial._trial_id, _REASON, reason)
        self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)

    def _fresh_sampler(self) -> optuna.samplers.BaseSampler:
        seed = (self._seed * 1_000_003 + self.counted) % 2**32
        samplers = self._optuna.samplers
        if self._sampler == "nsga2":
            nsga: optuna.samplers.BaseSampler = samplers.NSGAIISampler(population_size=_POPULATION, seed=seed)
            return nsga
        tpe: optuna.samplers.BaseSampler = samplers.TPESampler(seed=seed)
        return tpe

    def _trial(self, found: optuna.trial.FrozenTrial) -> Trial:
        attributes = found.user_attrs
        state: TrialState = "interrupted" if attributes.get(_INTERRUPTED) else "failed"
        scores: dict[str, float] = {}
        if found.values is not None and found.state == self._optuna.trial.TrialState.COMPLETE:
            state, scores = "finished", dict(zip(self._objectives, found.values, strict=True))
        ran = found.duration is not None and state != "interrupted"
        return Trial(
            number=found.number,
            state=state,
            values=attributes.get(_VALUES, found.params),
            scores=scores,
            seconds=found.duration.total_seconds() if ran and found.duration is not None else None,
            reason=str(attributes.get(_REASON, "")),
        )


@contextmanager
def opened(path: Path, space: Space, objectives: Sequence[str], *, sampler: SamplerName, seed: int) -> Iterator[Book]:
    """The book in a SQLite file, begun where there is none; the file is let go of afterwards."""
    optuna = load_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        study = optuna.create_study(
            storage=storage, study_name="sweep", directions=["maximize"] * len(objectives), load_if_exists=True
        )
        yield Book(study, storage, space, objectives, sampler=sampler, seed=seed)
    finally:
        storage.remove_session()
        storage.engine.dispose()
        optuna.logging.set_verbosity(before)


def _suggested(trial: optuna.Trial, path: str, spec: Range | Choice) -> Any:
    if isinstance(spec, Choice):
        labels = spec.labels
        return spec.values[labels.index(trial.suggest_categorical(path, labels))]
    if spec.is_whole:
        step = 1 if spec.step is None else int(spec.step)
        return trial.suggest_int(path, int(spec.low), int(spec.high), step=step, log=spec.log)
    return trial.suggest_float(path, spec.low, spec.high, step=spec.step, log=spec.log)
