"""What is noted and kept while a model trains: a row an epoch, how far along it is, weights, when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pytorch_lightning as lightning
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor

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
        if self._progress and trainer.is_global_zero:
            batches = max(int(trainer.num_training_batches), 1)
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


class Checkpoint(ModelCheckpoint):
    """Keeps weights, the best by a score or else the newest, also in a folder that moved while the run was stopped.

    Args:
        folder, name: of the file.
        monitor, mode: the score, and whether its largest (``max``) or smallest value is best; None for the newest.
        among_equals: a score of which less is better, where the first is as good as the best so far.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        monitor: str | None = None,
        mode: str = "max",
        *,
        among_equals: str | None = None,
    ) -> None:
        # At the very end of an epoch, so that the history a checkpoint carries holds that epoch too.
        super().__init__(
            folder,
            filename=name,
            monitor=monitor,
            mode=mode,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self._among_equals = among_equals
        self._kept = math.inf

    def check_monitor_top_k(self, trainer: lightning.Trainer, current: Tensor | None = None) -> bool:
        """Whether these weights are kept; Lightning keeps the first of those that are equal."""
        better = super().check_monitor_top_k(trainer, current)
        if self._among_equals is None or current is None:
            return better
        second = float(trainer.callback_metrics[self._among_equals])
        equal = self.best_model_score is not None and bool(current == self.best_model_score)
        if better or (equal and second < self._kept):
            self._kept = second
            return True
        return False

    def state_dict(self) -> dict[str, Any]:
        """Lightning's own, and by what an equal one would be better."""
        return {**super().state_dict(), "kept_among_equals": self._kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What was best so far, in the folder as it is called now; Lightning would forget it in a folder that moved."""
        here = self.dirpath

        def moved(path: str) -> str:
            return str(Path(str(here)) / Path(path).name) if path else path

        names = ("best_model_path", "kth_best_model_path", "last_model_path")
        paths = {name: moved(state_dict[name]) for name in names}
        best = {moved(path): score for path, score in state_dict["best_k_models"].items()}
        self._kept = state_dict.get("kept_among_equals", math.inf)
        super().load_state_dict({**state_dict, **paths, "best_k_models": best, "dirpath": here})


class Patience(EarlyStopping):
    """Stops when the score has not improved for so many epochs; a run that had stopped does not go on when resumed."""

    def __init__(self, monitor: str, *, epochs: int, mode: str) -> None:
        super().__init__(monitor, patience=epochs, mode=mode)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop at once where the patience was at its end already."""
        trainer.should_stop = self.wait_count >= self.patience
