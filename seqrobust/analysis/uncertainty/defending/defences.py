"""The purifications that are tried, made from the background model and the natural records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from seqrobust.analysis.uncertainty.attacking import Study
from seqrobust.analysis.uncertainty.background import Background
from seqrobust.analysis.uncertainty.defending.purification import Denoise, RandomLetters
from seqrobust.analysis.uncertainty.defending.purifying import Defence
from seqrobust.analysis.uncertainty.members import Mean, predictor_of
from seqrobust.analysis.uncertainty.records import FEW
from seqrobust.analysis.uncertainty.settings import UncertaintySettings
from seqrobust.models import StraightThrough


@dataclass(frozen=True, kw_only=True, eq=False)
class Purifiers:
    """What purifications are made of.

    Attributes:
        study: whose members are defended.
        members: their modules.
        background: of natural records.
        settings: shares of letters, and draws.
    """

    study: Study
    members: Sequence[nn.Module]
    background: Background
    settings: UncertaintySettings

    def defence(self, name: str) -> Defence:
        """The purification ``denoise`` or ``vote``, with its predictor, checked."""
        settings, study = self.settings, self.study
        step: nn.Module
        if name == "denoise":
            step = Denoise(self.background, self._below(settings.replaced))
            text = f"letters of posterior probability below {step.below:.3g} replaced by the posterior"
        else:
            step = RandomLetters(settings.noise)
            text = f"mean over {settings.draws} draws with {100 * settings.noise:.3g} % of the letters redrawn"
        predictor = predictor_of(
            Mean(self.members),
            study.predictor,
            preprocess=StraightThrough(step),
            samples=settings.draws,
            seed=study.seed,
        )
        predictor.check(torch.tensor(study.sequences.tokens[:FEW]))
        return Defence(name=name, predictor=predictor, draws=predictor.draws, step=text)

    def _below(self, share: float) -> float:
        """The posterior probability below which that share of the letters of natural records lies."""
        records = self.study.calibration
        tokens = torch.tensor(records.tokens)
        encoded = self.study.predictor.encode(tokens)
        with torch.no_grad():
            own = (self.background.cpu().posterior(encoded) * encoded).sum(1)
        return float(np.quantile(own[tokens < records.alphabet.size].numpy(), share))
