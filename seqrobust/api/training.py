"""Training and whole runs from Python: a config as a file, a shipped name or a mapping in, a model or a folder out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from seqrobust.api.asking import listener
from seqrobust.api.subjects import load
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress
from seqrobust.run import pipeline
from seqrobust.run.config import RunConfig, find_config
from seqrobust.yaml_file import load_config, read_text

if TYPE_CHECKING:
    import pandas as pd

Config = str | Path | Mapping[str, Any]
"""The path of a config, the name of a shipped one, or what one would hold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """What came of a training.

    Attributes:
        model: ready for questions.
        checkpoint: where it stands.
        metrics: what ``metrics.json`` holds.
        history: a row per epoch.
    """

    model: Predictor
    checkpoint: Path
    metrics: dict[str, Any]
    history: pd.DataFrame


def train(
    config: Config, out: str | Path, *, resume: bool = False, overwrite: bool = False, progress: Progress | bool = False
) -> Training:
    """Train a model, as ``seqrobust train`` does, and leave its files in ``out``.

    Args:
        config: see :data:`Config`.
        out: the folder.
        resume, overwrite: go on with a run that stands there, or start anew over it.
        progress: True for a bar.

    Raises ConfigError for a config that cannot be read, DataError for its records.
    """
    call = pipeline.RunCommand(out=Path(out), resume=resume, overwrite=overwrite, command="seqrobust.train")
    trained = pipeline.train_only(_config(config), call, listener(progress))
    checkpoint = Path(out) / "model.ckpt"
    return Training(model=load(checkpoint), checkpoint=checkpoint, metrics=trained.metrics, history=trained.history)


def run_pipeline(
    config: Config, out: str | Path, *, resume: bool = False, overwrite: bool = False, progress: Progress | bool = False
) -> Path:
    """The whole pipeline of a config of one seed, as ``seqrobust run`` does; gives the folder. See :func:`train`."""
    call = pipeline.RunCommand(out=Path(out), resume=resume, overwrite=overwrite, command="seqrobust.run_pipeline")
    pipeline.run_pipeline(_config(config), call, listener(progress))
    return Path(out)


def _config(config: Config) -> RunConfig:
    if isinstance(config, Mapping):
        return load_config(yaml.safe_dump(dict(config)), RunConfig, where="config")
    path = find_config(str(config))
    return load_config(read_text(path), RunConfig, where=str(path))
