"""What is noted while a model trains: a row an epoch, how long it took, how far along it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pytorch_lightning as lightning

from seqrobust.files import replacing

EpochProgress: TypeAlias = Callable[[float, Mapping[str, float]], None]
"""Called with the epochs done, as a fraction, and the newest row of the history."""


class History(lightning.Callback):
    """Keeps a row of metrics for every epoch, across interruptions: the rows travel in the checkpoint.

    Args:
        path: CSV file rewritten after every epoch.
        progress: called after every batch.
    """

    def __init__(self, path: Path, progress: EpochProgress | None = None) -> None:
        self._path = path
        self.rows: list[dict[str, float]] = []
        self._progress = progress
        self._started = 0.0
        self._seconds = 0.0

    def table(self) -> pd.DataFrame:
        """The rows so far."""
        rows: pd.DataFrame = pd.DataFrame(self.rows)
        return rows

    def state_dict(self) -> dict[str, Any]:
        """Rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Rows of an interrupted run."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:
        """Tell how far along it is."""
        batches = max(int(trainer.num_training_batches), 1)
        if self._progress and trainer.is_global_zero:
            done = trainer.current_epoch + (trainer.fit_loop.batch_idx + 1) / batches
            self._progress(done, self.rows[-1] if self.rows else {})

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop the clock: validation is not training."""
        self._seconds = time.perf_counter() - self._started

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note the epoch; only now is the mean of its training losses known."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append({"epoch": trainer.current_epoch + 1, "seconds": self._seconds, **metrics})
        if trainer.is_global_zero:
            with replacing(self._path) as temporary:
                self.table().to_csv(temporary, index=False)
