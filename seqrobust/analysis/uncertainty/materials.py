"""What several questions look at, found once: the attack that knows of no defence, and random edits beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.analysis.uncertainty.attacking import Found, Study


@dataclass(frozen=True, kw_only=True, eq=False)
class Materials:
    """What several questions look at, found once.

    Attributes:
        found: the attack that knows of nothing but the prediction.
        edited: (n, B, L) random edits of the same sizes.
        clean, calibration: panel columns of natural records.
        attacked, control: (n, B, columns) of attacked and of randomly edited ones.
    """

    found: Found
    edited: Tensor
    clean: Tensor
    calibration: Tensor
    attacked: Tensor
    control: Tensor


def gather(study: Study, found: Found, edited: Tensor) -> Materials:
    """The panel's columns of everything found."""
    n, levels, _ = found.tokens.shape
    return Materials(
        found=found,
        edited=edited,
        clean=study.panel_columns(study.tokens),
        calibration=study.panel_columns(torch.tensor(study.calibration.tokens)),
        attacked=study.panel_columns(found.tokens.flatten(0, 1)).reshape(n, levels, -1),
        control=study.panel_columns(edited.flatten(0, 1)).reshape(n, levels, -1),
    )


def budget_value(budget: object) -> int | str:
    """A budget as metrics hold it: a number of edits, or a text such as ``2%``."""
    text = str(budget)
    return int(text) if text.isdigit() else text
