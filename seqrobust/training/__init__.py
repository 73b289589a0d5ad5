"""Training: ordinary and adversarial, on Lightning."""

from seqrobust.training.data import Batch, Labelled
from seqrobust.training.fit import Trained, fit
from seqrobust.training.metrics import prediction_metrics
from seqrobust.training.objectives import adversarial_settings
from seqrobust.training.settings import AdversarialSettings, TrainingSettings

__all__ = [
    "AdversarialSettings",
    "Batch",
    "Labelled",
    "Trained",
    "TrainingSettings",
    "adversarial_settings",
    "fit",
    "prediction_metrics",
]
