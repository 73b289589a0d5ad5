"""How good answers are where classes are uneven: measures that always answering the commonest class does not raise."""

from seqrobust.measures.labels import label_measures
from seqrobust.measures.points import (
    against_the_rest,
    area,
    average_precision,
    balanced_accuracy,
    confusion_of,
    matthews,
    mean_known,
    recalls,
    roc_area,
)
from seqrobust.measures.summary import decision_measures, ranking_measures
from seqrobust.measures.threshold import best_threshold
from seqrobust.measures.words import (
    UNEVEN,
    cautions,
    cautions_of_scale,
    cautions_of_spread,
    cautions_of_values,
    uneven,
)

__all__ = [
    "UNEVEN",
    "against_the_rest",
    "area",
    "average_precision",
    "balanced_accuracy",
    "best_threshold",
    "cautions",
    "cautions_of_scale",
    "cautions_of_spread",
    "cautions_of_values",
    "confusion_of",
    "decision_measures",
    "label_measures",
    "matthews",
    "mean_known",
    "ranking_measures",
    "recalls",
    "roc_area",
    "uneven",
]
