"""Curves of training that can be told apart."""

from __future__ import annotations

import pandas as pd

from seqrobust.analysis.outcomes.model_pictures import training_curves


def test_every_validation_score_has_a_colour_and_a_name() -> None:
    names = ["valid_accuracy", "valid_robust_accuracy", "valid_one_step_accuracy", "valid_both_accuracy"]
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [1.0, 0.5], **{name: [0.5, 0.6] for name in names}})
    scores = training_curves(history).axes[1]
    lines = [line for line in scores.get_lines() if len(line.get_xdata())]  # type: ignore[arg-type]
    assert len({line.get_color() for line in lines}) == 4
    said = [line.get_label() for line in lines]
    assert said == ["accuracy", "robust accuracy", "under one step", "mean of clean and robust"]
