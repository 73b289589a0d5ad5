"""Training: ordinary and adversarial, on Lightning."""

from seqrobust.training.data import Batch, Labelled
from seqrobust.training.fit import Trained, check_fit, fit
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
    "check_fit",
    "fit",
    "prediction_metrics",
]
